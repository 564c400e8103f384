"""The web application around the screen: who is let in, and what is handed out.

Whoever reaches the screen can do what it can, so a page of another site must not: the server listens on loopback only,
answers to its own name only (a rebound DNS name is another), refuses other origins, and every address holds a token
that is made at each start.
"""

import asyncio
import hmac
import html
import secrets
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from string import Template

from aiohttp import WSCloseCode, web

from lab.screen.web.textual_serve_private import STATIC, DownloadManager
from lab.screen.web.web_session import Session, pass_on

LOOPBACK = "127.0.0.1"
MOST_SESSIONS = 8
_PAGE = Path(__file__).parent
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "font-src 'self'; img-src 'self' data:; connect-src 'self' ws://{host}; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    # The address holds the token: it must not travel to the pages that are opened from here.
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
}
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class WebApplication:
    """The web application for one address and one token; `command` starts a screen."""

    def __init__(self, port: int, command: Sequence[str], token: str = "") -> None:
        self.token = token or secrets.token_urlsafe(24)
        self.url = f"http://{LOOPBACK}:{port}/{self.token}/"
        self._hosts = {f"{name}:{port}" for name in (LOOPBACK, "localhost")}
        self._origins = {f"http://{host}" for host in self._hosts}
        self._command = command
        self._sockets: set[web.WebSocketResponse] = set()
        self._downloads = DownloadManager()

    def application(self) -> web.Application:
        """The routes, behind the checks."""
        app = web.Application(middlewares=[self._guard])
        app.add_routes(
            [
                web.get("/{token}/", self._index),
                web.get("/{token}/ws", self._connect),
                web.get("/{token}/page/{name}", self._page),
                web.get("/{token}/static/{name:.+}", self._static),
                # textual-serve's script goes to this address; its key is as secret as the token.
                web.get("/download/{key}", self._download),
            ]
        )
        app.on_shutdown.append(self._end)
        return app

    @web.middleware
    async def _guard(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        if refused := self._refusal(request):
            raise web.HTTPForbidden(text=refused + "\n")
        response = await handler(request)
        if not response.prepared:
            response.headers.update({name: value.format(host=request.host) for name, value in _HEADERS.items()})
        return response

    def _refusal(self, request: web.Request) -> str:
        """Why a request isn't answered; empty when it is."""
        if request.headers.get("Host", "") not in self._hosts:
            return "This server answers to 127.0.0.1 and localhost only."
        origin = request.headers.get("Origin")
        # Every browser says where a WebSocket comes from; nothing else needs to open one.
        if origin not in self._origins and (origin is not None or request.path.endswith("/ws")):
            return "Pages of other sites are not let in."
        given = request.match_info.get("token")
        if given is None and request.match_info.get("key"):
            return ""
        if not hmac.compare_digest((given or "").encode(), self.token.encode()):
            return "Open the whole address that `mlops-lab serve` printed: it holds this start's token."
        return ""

    async def _index(self, request: web.Request) -> web.StreamResponse:
        base = f"/{self.token}/"
        asked = request.query.get("fontsize", "")
        size = min(max(int(asked), 6), 48) if asked.isdecimal() and len(asked) < 4 else 16
        page = Template((_PAGE / "page.html").read_text()).substitute(
            base=html.escape(base), websocket=html.escape(f"ws://{request.host}{base}ws"), font_size=size
        )
        return web.Response(text=page, content_type="text/html")

    async def _page(self, request: web.Request) -> web.StreamResponse:
        return _file(_PAGE, request.match_info["name"])

    async def _static(self, request: web.Request) -> web.StreamResponse:
        return _file(STATIC, request.match_info["name"])

    async def _download(self, request: web.Request) -> web.StreamResponse:
        key = request.match_info["key"]
        try:
            found = await self._downloads.get_download_metadata(key)
        except KeyError:
            raise web.HTTPNotFound(text="There is no such download.\n") from None
        # Always a file: what the screen delivers must never run as a page of this origin.
        name = "".join(c if c.isalnum() or c in "._-" else "_" for c in found.file_name)
        headers = {"Content-Disposition": f'attachment; filename="{name}"', "X-Content-Type-Options": "nosniff"}
        response = web.StreamResponse(headers=headers)
        response.content_type = "application/octet-stream"
        await response.prepare(request)
        async for chunk in self._downloads.download(key):
            await response.write(chunk)
        return response

    async def _connect(self, request: web.Request) -> web.StreamResponse:
        if len(self._sockets) >= MOST_SESSIONS:
            raise web.HTTPServiceUnavailable(text=f"{MOST_SESSIONS} screens are open already: close one.\n")
        websocket = web.WebSocketResponse(heartbeat=15)
        await websocket.prepare(request)
        self._sockets.add(websocket)
        session = Session(self._command, websocket, self._downloads)
        try:
            await session.start(_number(request, "width", 80), _number(request, "height", 24))
            async for message in websocket:
                await pass_on(message, websocket, session)
        finally:
            self._sockets.discard(websocket)
            await session.stop()
        return websocket

    async def _end(self, _: web.Application) -> None:
        ending = [one.close(code=WSCloseCode.GOING_AWAY, message=b"the server ends") for one in self._sockets]
        await asyncio.gather(*ending, return_exceptions=True)


def _file(folder: Path, name: str) -> web.FileResponse:
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()) or not path.is_file():
        raise web.HTTPNotFound(text="There is no such file.\n")
    return web.FileResponse(path)


def _number(request: web.Request, name: str, default: int) -> int:
    given = request.query.get(name, "")
    return min(max(int(given), 1), 1000) if given.isdecimal() and len(given) < 6 else default
