"""One reused HTTP client per service, with a deadline and a size limit on every call.

httpx is imported when the first `Http` is made, so that importing this module costs nothing.
"""

import asyncio
import json
import re
import ssl
from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any

from lab.base.catalogue import BY_NAME, Service
from lab.base.errors import ServiceUnavailable
from lab.base.names import all_storable

if TYPE_CHECKING:
    import httpx

Login = tuple[str, str] | Callable[["httpx.Request"], "httpx.Request"]
MAX_BYTES = 8 << 20
_EXCERPT = 200
_LONE_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]|\xed[\xa0-\xbf]|\\u0000")


class BadStatus(ServiceUnavailable):
    """A service answered with a status other than 2xx; `body` is the beginning of its answer."""

    def __init__(self, message: str, remedy: str, status: int, body: bytes) -> None:
        super().__init__(message, remedy)
        self.status = status
        self.body = body


class NotReady(ServiceUnavailable):
    """A service answers, but only to say that it isn't ready yet."""


class Incomplete(ServiceUnavailable):
    """A service answers, but a part of what it is there for is missing."""


class Http:
    """Talks to one service. Every failure is a ServiceUnavailable that names the service and says what to do."""

    def __init__(
        self,
        base_url: str,
        title: str,
        timeout_s: float = 5.0,
        transport: "httpx.AsyncBaseTransport | None" = None,
        logs: str = "",
        auth: "Login | None" = None,
    ) -> None:
        """`auth` is a name with its password, or what signs each request."""
        import httpx

        self.base_url = base_url.rstrip("/")
        self.title = title
        self.remedy = f"Type `invoke logs {logs}`." if logs else "Type `invoke status`."
        self._timeout_s = timeout_s
        self._client = httpx.AsyncClient(
            base_url=self.base_url,
            # `asyncio.timeout` bounds the whole call; httpx would allow this much between any two bytes.
            timeout=None,  # noqa: S113 - see the line above
            transport=transport,
            auth=auth,
            # A proxy for the internet must never be asked for a service on loopback.
            trust_env=False,
            verify=trusted(base_url),
            # Below uvicorn's 5 s, so that an idle connection is never reused while the server closes it.
            limits=httpx.Limits(max_connections=10, keepalive_expiry=3.0),
            headers={"Accept-Encoding": "identity", "User-Agent": "mlops-lab"},
        )

    @classmethod
    def to(
        cls,
        service: Service,
        base_url: str,
        timeout_s: float = 5.0,
        transport: "httpx.AsyncBaseTransport | None" = None,
        auth: "Login | None" = None,
    ) -> "Http":
        """A client of a service in the catalogue."""
        return cls(base_url, BY_NAME[service].title, timeout_s, transport, logs=service, auth=auth)

    async def get_json(self, path: str, params: Mapping[str, Any] | None = None, timeout_s: float | None = None) -> Any:
        """The JSON at `path`. Raises ServiceUnavailable."""
        return self.json(path, await self._call("GET", path, params=params, timeout_s=timeout_s))

    async def post_json(self, path: str, body: object, timeout_s: float | None = None) -> Any:
        """The JSON answered to `body`. Raises ServiceUnavailable."""
        return self.json(path, await self._call("POST", path, body=body, timeout_s=timeout_s))

    async def delete_json(self, path: str, body: object) -> Any:
        """The JSON answered to a DELETE with `body`. Raises ServiceUnavailable."""
        return self.json(path, await self._call("DELETE", path, body=body))

    async def get_text(self, path: str, params: Mapping[str, Any] | None = None) -> str:
        """The text at `path`; bytes that aren't UTF-8 become U+FFFD. Raises ServiceUnavailable."""
        return (await self._call("GET", path, params=params)).decode(errors="replace")

    async def send(
        self,
        method: str,
        path: str,
        params: Mapping[str, Any],
        content: bytes = b"",
        headers: Mapping[str, str] | None = None,
    ) -> bytes:
        """What is answered to `content` as it is. Raises ServiceUnavailable."""
        return await self._call(method, path, params=params, content=content, headers=headers)

    async def head(self, path: str) -> None:
        """Returns when there is something at `path`. Raises ServiceUnavailable."""
        await self._call("HEAD", path)

    async def get_bytes(self, path: str, params: Mapping[str, Any] | None = None) -> bytes:
        """What lies at `path`, as it is. Raises ServiceUnavailable."""
        return await self._call("GET", path, params=params)

    async def aclose(self) -> None:
        """Closes the connections."""
        await self._client.aclose()

    def unavailable(self, what: str) -> ServiceUnavailable:
        """An error about this service: `what` continues the sentence that its title begins."""
        return ServiceUnavailable(f"{self.title} {what}", self.remedy)

    def _behind_login(self, response: "httpx.Response") -> BadStatus | None:
        """What stands before a service sends people to log in elsewhere, over TLS; no service does that itself."""
        there = response.next_request.url if response.next_request else None
        if there is None or there.scheme != "https" or there.host == response.url.host:
            return None
        remedy = "Sign in with a browser, and set PAGES_COOKIE to its session's cookie: see docs/aws.md."
        return BadStatus(f"{self.title} is behind a login at {there.host}.", remedy, response.status_code, b"")

    def json(self, path: str, body: bytes) -> Any:
        """What `body`, the answer of `path`, says. Raises ServiceUnavailable."""
        try:
            answer = json.loads(body)
            # Rare, and told by a glance: what JSON can hold and neither a terminal nor a file can.
            return all_storable(answer) if _LONE_SURROGATE.search(body) else answer
        except (ValueError, RecursionError):
            raise self.unavailable(f"answered {path} with something that isn't JSON: {excerpt(body)!r}.") from None

    async def _call(
        self,
        method: str,
        path: str,
        params: Mapping[str, Any] | None = None,
        body: object = None,
        timeout_s: float | None = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> bytes:
        import httpx

        allowed = self._timeout_s if timeout_s is None else timeout_s
        try:
            async with asyncio.timeout(allowed):
                return await self._stream(method, path, params, body, content, headers)
        except TimeoutError:
            raise self.unavailable(f"didn't answer {path} at {self.base_url} within {allowed:g} s.") from None
        except httpx.ConnectError:
            raise self.unavailable(f"doesn't listen at {self.base_url}.") from None
        except (httpx.HTTPError, httpx.InvalidURL, ssl.SSLError) as err:
            why = str(err) or type(err).__name__
            raise self.unavailable(f"broke off the call to {path} at {self.base_url}: {why}.") from None

    async def _stream(
        self,
        method: str,
        path: str,
        params: Mapping[str, Any] | None,
        body: object,
        content: bytes | None,
        headers: Mapping[str, str] | None,
    ) -> bytes:
        asked = self._client.stream(method, path, params=params, json=body, content=content, headers=headers)
        async with asked as response:
            received = bytearray()
            async for chunk in response.aiter_bytes():
                if len(received) + len(chunk) > MAX_BYTES:
                    raise self.unavailable(f"answered {path} with more than {MAX_BYTES >> 20} MB.")
                received += chunk
            if login := self._behind_login(response):
                raise login
            if not response.is_success:
                message = f"{self.title} answered {response.status_code} to {method} {path}: {excerpt(received)!r}."
                raise BadStatus(message, self.remedy, response.status_code, bytes(received[:4096]))
            return bytes(received)


def signed_in(
    cookie: str, hosts: Collection[str], inner: "httpx.AsyncBaseTransport | None" = None
) -> "httpx.AsyncBaseTransport":
    """A transport that sends a browser's cookie to these hosts, and to nobody else or without TLS."""
    import httpx

    class SignedIn(httpx.AsyncBaseTransport):
        def __init__(self) -> None:
            self._inner = inner or httpx.AsyncHTTPTransport(verify=trusted("https:"), trust_env=False)

        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            if request.url.scheme == "https" and request.url.host in hosts:
                request.headers["Cookie"] = cookie
            return await self._inner.handle_async_request(request)

        async def aclose(self) -> None:
            await self._inner.aclose()

    return SignedIn()


def trusted(base_url: str) -> ssl.SSLContext:
    """Loading the system's certificates takes 40 ms that plain HTTP doesn't need; without them https fails closed."""
    if base_url.startswith("https:"):
        return ssl.create_default_context()
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def excerpt(body: bytes | bytearray) -> str:
    """The beginning of an answer on one line, for an error message."""
    words = body[: 4 * _EXCERPT].decode(errors="replace").split()
    line = "".join(char if char.isprintable() else "\ufffd" for char in " ".join(words))
    return line if len(line) <= _EXCERPT else f"{line[:_EXCERPT]}…"
