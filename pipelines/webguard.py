"""Stands before Dagster's webserver, which by itself obeys whatever any web page makes a browser send to it.

A request passes when it names this server as its Host, so that no foreign name can be pointed at it, and when it comes
from a page of this server, from the address bar or a link, or from a program. Mutations pass by POST only, and
without text that Dagster can't store.
"""

import logging
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from graphql import GraphQLError, OperationDefinitionNode, OperationType, parse
from starlette.datastructures import MutableHeaders, QueryParams
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse

from pipelines import webtext

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

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
        if len(body) > webtext.LARGEST_BODY:
            return Refusal(413, f"the request is longer than {webtext.LARGEST_BODY} bytes"), receive
    pending: list[Message] = [{"type": "http.request", "body": bytes(body), "more_body": False}]

    async def again() -> "Message":
        return pending.pop() if pending else await receive()

    problem = webtext.problem(bytes(body))
    return Refusal(400, problem) if problem else None, again


def _answering(send: "Send") -> "Send":
    async def sending(message: "Message") -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers[name] = value
        if message["type"] == "websocket.send" and message.get("text"):
            message = {**message, "text": webtext.escaped_json(message["text"])}
        await send(message)

    return sending


def _shown(values: list[str]) -> str:
    return ", ".join(repr(value[:100]) for value in values) or "not given"
