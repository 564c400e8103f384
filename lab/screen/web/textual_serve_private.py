"""What the screen uses of textual-serve's insides, which no release promises to keep.

tests/test_private_interfaces.py says what a new release took away.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import textual_serve
from textual_serve.app_service import AppService
from textual_serve.download_manager import DownloadManager

__all__ = ["STATIC", "DownloadManager", "ScreenProcess"]

# Scripts and styles of its page.
STATIC = Path(textual_serve.__file__).with_name("static")


class ScreenProcess(AppService):
    """A screen in a process of its own, without a shell between: what is ended is the screen itself."""

    def __init__(
        self,
        command: Sequence[str],
        write_bytes: Callable[[bytes], Awaitable[None]],
        write_str: Callable[[str], Awaitable[None]],
        close: Callable[[], Awaitable[None]],
        downloads: DownloadManager,
    ) -> None:
        super().__init__(
            " ".join(command),
            write_bytes=write_bytes,
            write_str=write_str,
            close=close,
            download_manager=downloads,
        )
        self._arguments = command

    @property
    def process(self) -> asyncio.subprocess.Process | None:
        """The screen's process; None before its start."""
        return self._process

    async def _open_app_process(self, width: int = 80, height: int = 24) -> asyncio.subprocess.Process:
        pipe = asyncio.subprocess.PIPE
        environment = self._build_environment(width=width, height=height)
        self._process = await asyncio.create_subprocess_exec(
            *self._arguments, stdin=pipe, stdout=pipe, stderr=pipe, env=environment
        )
        self._stdin = self._process.stdin
        return self._process
