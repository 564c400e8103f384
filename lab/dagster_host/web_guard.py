"""The guard before Dagster's webserver: it refuses foreign pages, changes by GET, and text that can't be stored.

JSON has characters that no database and no UTF-8 has. Dagster stores a run before its tags, so one tag that can't be
stored would leave a run that nobody launched.
"""

import json
import logging
import re
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from graphql import GraphQLError, Lexer, OperationDefinitionNode, OperationType, Source, TokenKind, parse
from starlette.datastructures import MutableHeaders, QueryParams
from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse, PlainTextResponse

from lab.base.names import shown, storable

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

# What a launch holds is a page of text; a body is taken whole before it is judged.
LARGEST_BODY = 1_000_000
# Bytes of a tag's name or value: PostgreSQL indexes both together, and an index takes no more than 2,704. Which text
# becomes one shows in the query alone, so that it holds for all.
_LONGEST = 1300
# What a run is configured with isn't looked at here: its steps judge it, and leave an entry when they refuse it.
_JUDGED_LATER = "runConfigData"
_NUL = re.compile(r"\\u(?:0000|\{0+\})")
_LONE = re.compile("[\ud800-\udfff]")


class AnyJson(JSONResponse):
    """JSON that can hold whatever Python can, as runs that were stored before anybody refused such text."""

    def render(self, content: Any) -> bytes:
        """Escapes everything beyond ASCII, lone surrogates among it."""
        return json.dumps(content, ensure_ascii=True, allow_nan=False, separators=(",", ":")).encode("ascii")


def escaped_json(text: str) -> str:
    """JSON text with lone surrogates as escapes, which mean the same and can be sent."""
    return _LONE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def text_problem(body: bytes) -> str:
    """Why a GraphQL request can't be taken; empty when nothing stands against it, or when it is no JSON."""
    try:
        request = json.loads(body)
    except (ValueError, RecursionError):
        # A bare query, or nothing that Dagster will understand either.
        return _query_problem(body.decode(errors="replace"))
    return next(filter(None, _problems(request, "")), "")


def _problems(value: Any, place: str) -> Iterator[str]:
    if isinstance(value, str):
        yield from _problems_of_text(value, place)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _problems_of_text(key, f"a name in {place or 'the request'}")
            if key != _JUDGED_LATER:
                yield from _problems(item, f"{place}.{shown(key)}" if place else shown(key))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _problems(item, f"{place}[{number}]")


def _problems_of_text(text: str, place: str) -> Iterator[str]:
    if storable(text) != text:
        yield f"{place or 'the request'} holds '{shown(text)}', which can't be stored"
    elif place in {"query", ""}:
        yield _query_problem(text)
    elif place == "variables":
        # Dagster takes them as a text of JSON, too.
        with suppress(ValueError, RecursionError):
            yield from _problems(json.loads(text), "variables as text")
    elif _is_long(text):
        yield f"{place} is longer than {_LONGEST} bytes"


def _query_problem(query: str) -> str:
    """GraphQL's own parser refuses lone surrogates, but neither a NUL nor a long text."""
    if _NUL.search(query):
        return "the query holds a NUL, which can't be stored"
    if any(map(_is_long, _texts_in(query))):
        return f"a text in the query is longer than {_LONGEST} bytes"
    return ""


def _texts_in(query: str) -> Iterator[str]:
    if '"' not in query:
        # As nearly always: programs send texts as variables.
        return
    lexer = Lexer(Source(query))
    # What the parser can't read is its own to refuse.
    with suppress(GraphQLError):
        while (token := lexer.advance()).kind is not TokenKind.EOF:
            if token.kind in {TokenKind.STRING, TokenKind.BLOCK_STRING}:
                yield token.value or ""


def _is_long(text: str) -> bool:
    return len(text.encode()) > _LONGEST


GRAPHQL = "/graphql"
# What a form can't send, and a page elsewhere only after asking.
_BODIES = ("application/json", "application/graphql")
_READING = ("GET", "HEAD", "OPTIONS")
_HEADERS = {"X-Frame-Options": "SAMEORIGIN", "Cross-Origin-Resource-Policy": "same-origin"}
_log = logging.getLogger("dagster-webserver")


@dataclass(frozen=True)
class Refusal:
    """Why a request doesn't pass, with the HTTP status that says so."""

    status: int
    reason: str


class WebGuard:
    """ASGI middleware; `hosts` are the values of the Host header that name this server."""

    def __init__(self, app: "ASGIApp", hosts: Collection[str]) -> None:
        self._app, self._hosts = app, tuple(host.lower() for host in hosts)

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        connection = HTTPConnection(scope)
        refusal = self.refusal(connection)
        if refusal is None and scope["type"] == "http" and scope["path"] == GRAPHQL and scope["method"] not in _READING:
            refusal, receive = await _read(receive)
        if refusal is None:
            await self._app(scope, receive, _answering(send))
            return
        _log.warning("refused %s %s: %s", scope.get("method", "websocket"), scope["path"], refusal.reason)
        if scope["type"] == "websocket":
            # Closed before it was accepted: the server answers the handshake with 403.
            await send({"type": "websocket.close", "code": 1008, "reason": refusal.reason[:100]})
            return
        await PlainTextResponse(f"Refused: {refusal.reason}.\n", refusal.status)(scope, receive, send)

    def refusal(self, connection: HTTPConnection) -> Refusal | None:
        """Why the request or handshake doesn't pass; None when it does."""
        return next(self._objections(connection), None)

    def _objections(self, connection: HTTPConnection) -> Iterator[Refusal]:
        hosts = [host.lower() for host in connection.headers.getlist("host")]
        if len(hosts) != 1 or hosts[0] not in self._hosts:
            yield Refusal(403, f"Host is {_shown(hosts)}, and this server is {' or '.join(self._hosts)}")
            return
        origins = connection.headers.getlist("origin")
        if any(origin.lower() != f"http://{hosts[0]}" for origin in origins):
            yield Refusal(403, f"the request comes from a page of {_shown(origins)}, not of this server")
        if connection.scope["type"] == "http":
            yield from _objections_to_request(connection, hosts[0], bool(origins))


def _objections_to_request(connection: HTTPConnection, host: str, has_origin: bool) -> Iterator[Refusal]:
    method, headers = connection.scope["method"], connection.headers
    site = headers.get("sec-fetch-site", "none")
    if site not in {"none", "same-origin"} and not _is_navigation(connection):
        yield Refusal(403, f"the request is {site}, and only a link may lead here from elsewhere")
    referer = headers.get("referer", "")
    # Old browsers send neither Origin nor Sec-Fetch-Site.
    if method not in _READING and not has_origin and referer and urlsplit(referer).netloc.lower() != host:
        yield Refusal(403, f"the request comes from {referer!r}, not from this server")
    if connection.scope["path"] != GRAPHQL:
        return
    # A browser that asks for a page gets GraphiQL, whatever the query: that one is only shown.
    if method in _READING and "text/html" not in headers.get("accept", ""):
        queries = QueryParams(connection.scope["query_string"]).getlist("query")
        yield from (Refusal(405, "only queries may be sent by GET") for query in queries if not _only_queries(query))
    body = headers.get("content-type", "").partition(";")[0].strip().lower()
    if method not in _READING and body not in _BODIES:
        yield Refusal(415, f"GraphQL is taken as {' or '.join(_BODIES)}, not as {body!r}")


def _is_navigation(connection: HTTPConnection) -> bool:
    """Whether somebody followed a link to here, in a window of its own rather than in a frame."""
    wanted = {"sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
    return connection.scope["method"] == "GET" and all(connection.headers.get(k) == v for k, v in wanted.items())


def _only_queries(document: str) -> bool:
    try:
        definitions = parse(document).definitions
    except (GraphQLError, RecursionError):
        return False
    operations = [node for node in definitions if isinstance(node, OperationDefinitionNode)]
    return all(operation.operation is OperationType.QUERY for operation in operations)


async def _read(receive: "Receive") -> "tuple[Refusal | None, Receive]":
    """Judges the text of a request; what was read of it is given once more by what is returned."""
    body, more = bytearray(), True
    while more:
        message = await receive()
        body += message.get("body", b"")
        # A client that is gone sends no more.
        more = message["type"] == "http.request" and message.get("more_body", False)
        if len(body) > LARGEST_BODY:
            return Refusal(413, f"the request is longer than {LARGEST_BODY} bytes"), receive
    pending: list[Message] = [{"type": "http.request", "body": bytes(body), "more_body": False}]

    async def again() -> "Message":
        return pending.pop() if pending else await receive()

    problem = text_problem(bytes(body))
    return Refusal(400, problem) if problem else None, again


def _answering(send: "Send") -> "Send":
    async def sending(message: "Message") -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers[name] = value
        if message["type"] == "websocket.send" and message.get("text"):
            message = {**message, "text": escaped_json(message["text"])}
        await send(message)

    return sending


def _shown(values: list[str]) -> str:
    return ", ".join(repr(value[:100]) for value in values) or "not given"
