"""A terminal without a window: tmux, on a server of its own."""

import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.waiting import eventually


@dataclass(frozen=True)
class Terminal:
    """One program in a terminal."""

    socket: Path

    def press(self, *keys: str) -> None:
        """Keys by tmux's names: `j`, `Enter`, `Escape`."""
        self._tmux("send-keys", *keys)

    def text(self) -> str:
        """What is on the screen now; empty once the program has ended."""
        return self._tmux("capture-pane", "-p")

    def shows(self, what: str, condition: Callable[[str], object], deadline_s: float = 60) -> str:
        """The first text on the screen for which `condition` is true."""

        def matching() -> str:
            text = self.text()
            return text if condition(text) else ""

        try:
            return eventually(matching, deadline_s, what)
        except AssertionError as err:
            raise AssertionError(f"{err}\n{self.text()}") from None

    def _tmux(self, *arguments: str) -> str:
        argv = ["tmux", "-S", str(self.socket), *arguments]
        return subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False).stdout


@contextmanager
def terminal(
    folder: Path, size: tuple[int, int], argv: Sequence[str], environ: Mapping[str, str], required: bool
) -> Iterator[Terminal]:
    """A program in a terminal of (columns, rows); skips the test without tmux, or fails it when that is `required`."""
    if shutil.which("tmux") is None:
        (pytest.fail if required else pytest.skip)("tmux is not installed")
    socket, (columns, rows) = folder / "tmux", size
    plain = {"TERM": "xterm-256color", "LANG": "C.UTF-8", **environ}
    start = ["tmux", "-f", "/dev/null", "-S", str(socket), "new-session", "-d", "-x", str(columns), "-y", str(rows)]
    subprocess.run([*start, *argv], env=plain, check=True, timeout=30)
    try:
        yield Terminal(socket)
    finally:
        subprocess.run(["tmux", "-S", str(socket), "kill-server"], check=False, timeout=30, capture_output=True)
