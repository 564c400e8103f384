"""One screen for one browser tab, in a process of its own."""

import asyncio
import contextlib
from collections.abc import Sequence

from aiohttp import WSMessage, WSMsgType, web

from lab.screen.web.textual_serve_private import DownloadManager, ScreenProcess

# A screen that doesn't end when it is asked to is ended.
END_DEADLINE_S = 5.0


class Session(ScreenProcess):
    """One screen in a process of its own, which ends with its browser tab or with the server."""

    def __init__(self, command: Sequence[str], socket: web.WebSocketResponse, downloads: DownloadManager) -> None:
        super().__init__(command, socket.send_bytes, socket.send_str, self._close, downloads)
        self._socket = socket

    async def _close(self) -> None:
        await self._socket.close()

    async def run(self) -> None:
        """Passes on what the screen draws; when it ends, so does the browser's connection."""
        try:
            await super().run()
        finally:
            await self._socket.close()

    async def stop(self) -> None:
        """Ends the screen's process, by force when it has to be."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(END_DEADLINE_S):
                await super().stop()
        process = self.process
        if process and process.returncode is None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(END_DEADLINE_S):
                    await process.wait()
            if process.returncode is None:
                process.kill()
                await process.wait()


async def pass_on(message: WSMessage, websocket: web.WebSocketResponse, session: Session) -> None:
    """What the page's script sends; anything else is left out."""
    if message.type is not WSMsgType.TEXT:
        return
    try:
        kind, *rest = message.json()
        if kind == "stdin":
            await session.send_bytes(str(rest[0]).encode("utf-8", "replace"))
        elif kind == "resize":
            size = (min(max(int(rest[0][side]), 1), 1000) for side in ("width", "height"))
            await session.set_terminal_size(*size)
        elif kind == "ping":
            await websocket.send_json(["pong", rest[0]])
        elif kind in {"focus", "blur"}:
            await (session.focus() if kind == "focus" else session.blur())
    except (ValueError, TypeError, LookupError):
        return
