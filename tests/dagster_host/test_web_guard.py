"""Over real HTTP, in front of an app that takes everything: what a foreign page can make a browser send is refused."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any
from urllib.parse import quote

import httpx
import pytest
import uvicorn
import websockets
from starlette.types import Receive, Scope, Send

from lab.dagster_host.web_guard import WebGuard

QUERY = "query { version }"
MUTATION = 'mutation { launchRun(executionParams: {selector: {jobName: "x"}}) { __typename } }'
JSON = {"Content-Type": "application/json"}
LINK = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers 200 to every request, and each websocket message with itself."""
    if scope["type"] == "http":
        body = (await receive())["body"] if (b"x-echo", b"body") in scope["headers"] else b"passed"
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
        await send({"type": "http.response.body", "body": body})
    elif scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept", "subprotocol": "graphql-ws"})
        while (message := await receive())["type"] == "websocket.receive":
            text = message["text"] if "lone" not in message["text"] else message["text"].replace(r"\ud800", "\ud800")
            await send({"type": "websocket.send", "text": text})


class Served(uvicorn.Server):
    """A server on a free port of loopback, in the test's own loop."""

    def __init__(self) -> None:
        self.socket = socket.socket()
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.hosts = [f"127.0.0.1:{self.port}", f"localhost:{self.port}"]
        # websockets' older interface, which uvicorn takes by itself, is deprecated.
        options = {"ws": "websockets-sansio", "lifespan": "off", "log_level": "error"}
        super().__init__(uvicorn.Config(WebGuard(echo, self.hosts), **options))  # type: ignore[arg-type]

    @property
    def url(self) -> str:
        return f"http://{self.hosts[0]}"


@pytest.fixture
async def server() -> AsyncIterator[Served]:
    served = Served()
    task = asyncio.create_task(served.serve([served.socket]))
    yield served
    served.should_exit = True
    await task


async def ask(
    server: Served, method: str = "GET", path: str = "/", headers: dict[str, str] | None = None, body: str = ""
) -> httpx.Response:
    async with httpx.AsyncClient(base_url=server.url, trust_env=False, timeout=20) as client:
        return await client.request(method, path, headers=headers, content=body)


@pytest.mark.parametrize("path", ["/", "/graphql?query=" + quote(QUERY), "/runs/abc", "/server_info"])
async def test_a_program_reads(server: Served, path: str) -> None:
    answer = await ask(server, path=path)
    assert (answer.status_code, answer.text) == (200, "passed")


async def test_a_program_mutates_by_post(server: Served) -> None:
    answer = await ask(server, "POST", "/graphql", JSON, json.dumps({"query": MUTATION}))
    assert answer.status_code == 200


async def test_its_own_pages_pass_under_either_name(server: Served) -> None:
    for host in server.hosts:
        own = {
            "Host": host,
            "Origin": f"http://{host}",
            "Referer": f"http://{host}/runs",
            "Sec-Fetch-Site": "same-origin",
        }
        own |= {"Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"}
        assert (await ask(server, "POST", "/graphql", own | JSON, json.dumps({"query": MUTATION}))).status_code == 200
        assert (await ask(server, "GET", "/_next/main.js", own)).status_code == 200


async def test_the_address_bar_passes(server: Served) -> None:
    typed = {"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    assert (await ask(server, path="/runs", headers=typed)).status_code == 200


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
async def test_a_link_from_elsewhere_may_lead_here(server: Served, site: str) -> None:
    headers = LINK | {"Sec-Fetch-Site": site, "Referer": "http://127.0.0.1:5000/"}
    assert (await ask(server, path="/runs/abc", headers=headers)).status_code == 200


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "127.0.0.1",
        "127.0.0.1:1",
        "localhost",
        "localhost.evil.example",
        "[::1]:{port}",
        "0.0.0.0:{port}",
        "",
    ],
)
async def test_a_foreign_host_is_refused(server: Served, host: str, method: str) -> None:
    answer = await ask(
        server, method, "/graphql", JSON | {"Host": host.format(port=server.port)}, '{"query": "{version}"}'
    )
    assert answer.status_code in {400, 403}
    assert answer.text != "passed"


async def test_a_refusal_says_what_would_pass(server: Served) -> None:
    answer = await ask(server, headers={"Host": "evil.example"})
    assert answer.status_code == 403
    assert "'evil.example'" in answer.text
    assert server.hosts[0] in answer.text


@pytest.mark.parametrize("lines", [b"Host: %s\r\nHost: evil.example\r\n", b"Host: evil.example\r\nHost: %s\r\n", b""])
async def test_one_host_is_given_exactly(server: Served, lines: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(b"GET / HTTP/1.1\r\n" + lines.replace(b"%s", server.hosts[0].encode()) + b"Connection: close\r\n\r\n")
    async with asyncio.timeout(20):
        answer = await reader.read()
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
    assert answer.split(b" ")[1] in {b"400", b"403"}


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "null",
        "https://127.0.0.1:{port}",
        "http://127.0.0.1:1",
        "http://localhost:{port}",
        "file://",
        "",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
async def test_a_page_of_another_origin_is_refused(server: Served, method: str, origin: str) -> None:
    headers = JSON | {"Origin": origin.format(port=server.port)}
    answer = await ask(server, method, "/graphql", headers, json.dumps({"query": MUTATION}))
    assert answer.status_code == 403
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize(
    ("method", "changed"),
    [
        ("POST", {}),
        ("GET", {"Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}),
        ("GET", {"Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "script"}),
        ("GET", {"Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"}),
        ("GET", {"Sec-Fetch-Dest": "iframe"}),
        ("GET", {"Sec-Fetch-Dest": "object"}),
        ("GET", {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Dest": "iframe"}),
    ],
)
async def test_what_a_foreign_page_embeds_or_sends_is_refused(
    server: Served, method: str, changed: dict[str, str]
) -> None:
    for path in ("/", "/graphql", "/report_asset_materialization/a"):
        assert (await ask(server, method, path, LINK | changed | JSON)).status_code == 403


@pytest.mark.parametrize("path", ["/graphql", "/report_asset_materialization/a"])
async def test_an_old_browser_is_known_by_its_referer(server: Served, path: str) -> None:
    foreign = JSON | {"Referer": "http://evil.example/page"}
    assert (await ask(server, "POST", path, foreign, "{}")).status_code == 403
    own = JSON | {"Referer": f"{server.url}/page"}
    assert (await ask(server, "POST", path, own, "{}")).status_code == 200


@pytest.mark.parametrize(
    "query",
    [
        quote(MUTATION),
        quote(f"{QUERY} {MUTATION}") + "&operationName=q",
        quote("fragment F on T { a } # query\n" + MUTATION),
        quote("{version}") + "&query=" + quote(MUTATION),
        quote(MUTATION) + "&query=" + quote("{version}"),
        quote("mutation{" + "a{" * 2000 + "a" + "}" * 2001),
        quote("subscription { a }"),
        quote("no graphql"),
    ],
    ids=["alone", "second", "after a fragment", "last", "first", "deep", "subscription", "unreadable"],
)
@pytest.mark.parametrize("path", ["/graphql", "/%67raphql"])
async def test_what_is_no_query_is_refused_by_get(server: Served, path: str, query: str) -> None:
    for headers in ({}, LINK, {"Accept": "application/json"}):
        assert (await ask(server, path=f"{path}?query={query}", headers=headers)).status_code == 405


async def test_graphiql_may_be_opened_with_a_mutation_to_look_at(server: Served) -> None:
    page = LINK | {"Accept": "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"}
    assert (await ask(server, path="/graphql?query=" + quote(MUTATION), headers=page)).status_code == 200


@pytest.mark.parametrize("query", [QUERY, "{ mutation }", "query mutation { a }"])
async def test_a_query_by_get_passes_whatever_its_words(server: Served, query: str) -> None:
    assert (await ask(server, path="/graphql?query=" + quote(query))).status_code == 200


@pytest.mark.parametrize(
    "kind",
    [
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "text/plain; application/json",
    ],
)
async def test_what_a_form_can_send_is_no_graphql(server: Served, kind: str) -> None:
    headers = {"Content-Type": kind} if kind else {}
    answer = await ask(server, "POST", "/graphql?query=" + quote(MUTATION), headers, json.dumps({"query": MUTATION}))
    assert answer.status_code == 415


def launch_of(owner: str = "ann", tag: str = "x", job: str = "job") -> dict[str, Any]:
    config = {"resources": {"governance": {"config": {"owner": owner}}}}
    tags = [{"key": "lab/owner", "value": "ann"}, {"key": "k", "value": tag}]
    params = {"selector": {"jobName": job}, "runConfigData": config, "executionMetadata": {"tags": tags}}
    return {"query": MUTATION, "variables": {"p": params}}


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        (launch_of(tag="\ud800"), r"variables.p.executionMetadata.tags[1].value holds '\ud800'"),
        (launch_of(tag="a\0b"), r"variables.p.executionMetadata.tags[1].value holds 'a\x00b'"),
        (launch_of(tag="ä" * 651), "variables.p.executionMetadata.tags[1].value is longer than 1300 bytes"),
        ({"query": MUTATION, "variables": {"p": {"extraTags": [{"key": "x" * 1301}]}}}, "longer than 1300 bytes"),
        ({"query": MUTATION, "variables": {"tag": "x" * 1301}}, "variables.tag is longer than 1300 bytes"),
        ({"query": f'mutation {{ m(a: "{"x" * 1301}") }}'}, "a text in the query is longer than 1300 bytes"),
        ({"query": f'mutation {{ m(a: """{"x" * 1301}""") }}'}, "a text in the query is longer than 1300 bytes"),
        ({"query": f'mutation M($a: String = "{"x" * 1301}") {{ m(a: $a) }}'}, "a text in the query is longer"),
        (launch_of(job="\udfff"), r"variables.p.selector.jobName holds '\udfff'"),
        ({"query": MUTATION, "variables": json.dumps(launch_of(tag="\ud800"))}, r"holds '\ud800'"),
        ({"query": 'mutation { m(a: "\\u0000") }'}, "the query holds a NUL"),
        ({"query": "mutation { m }\ud800"}, r"query holds"),
        ({"query": MUTATION, "\ud800": 1}, r"a name in the request holds '\ud800'"),
        ([launch_of(tag="\0")], "holds"),
    ],
)
async def test_text_that_could_not_be_stored_is_refused_before_there_is_a_run(
    server: Served, request_: Any, said: str
) -> None:
    answer = await ask(server, "POST", "/graphql", JSON, json.dumps(request_))
    assert answer.status_code == 400
    assert said in answer.text


@pytest.mark.parametrize("owner", ["\ud800", "a\0b", "x" * 5000])
async def test_a_claim_passes_to_the_guard_that_puts_its_refusal_on_record(server: Served, owner: str) -> None:
    assert (await ask(server, "POST", "/graphql", JSON, json.dumps(launch_of(owner=owner)))).status_code == 200


@pytest.mark.parametrize("tag", ["Łukasz 山田 🙂", r"C:\users\u0000", "x" * 1300])
async def test_any_other_text_passes_whole(server: Served, tag: str) -> None:
    sent = json.dumps(launch_of(tag=tag))
    answer = await ask(server, "POST", "/graphql", JSON | {"X-Echo": "body"}, sent)
    assert (answer.status_code, answer.text) == (200, sent)


async def test_a_body_without_an_end_is_not_collected(server: Served) -> None:
    answer = await ask(server, "POST", "/graphql", JSON, json.dumps(launch_of(owner="x" * 1_000_001)))
    assert answer.status_code == 413


async def test_what_a_websocket_could_not_send_is_sent_as_json_says_it(server: Served) -> None:
    protocol = websockets.Subprotocol("graphql-ws")
    url = f"ws://{server.hosts[0]}/graphql"
    async with websockets.connect(url, subprotocols=[protocol], proxy=None) as channel:
        await channel.send(r'{"lone": "\ud800"}')
        assert json.loads(await asyncio.wait_for(channel.recv(), 20)) == {"lone": "\ud800"}


async def test_answers_cannot_be_framed_or_embedded_elsewhere(server: Served) -> None:
    answer = await ask(server)
    assert answer.headers["X-Frame-Options"] == "SAMEORIGIN"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"


@pytest.mark.parametrize("own", [True, False])
async def test_a_websocket_of_its_own_page_or_of_a_program_passes(server: Served, own: bool) -> None:
    origin = websockets.Origin(server.url) if own else None
    protocol = websockets.Subprotocol("graphql-ws")
    url = f"ws://{server.hosts[0]}/graphql"
    async with websockets.connect(url, origin=origin, subprotocols=[protocol], proxy=None) as channel:
        await channel.send("hello")
        assert await asyncio.wait_for(channel.recv(), 20) == "hello"


@pytest.mark.parametrize(
    "headers", [{"Origin": "http://evil.example"}, {"Origin": "null"}, {"Host": "evil.example"}, {"Host": "127.0.0.1"}]
)
async def test_a_websocket_of_a_foreign_page_is_refused(server: Served, headers: dict[str, str]) -> None:
    host = headers.pop("Host", server.hosts[0])
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    lines = {"Host": host, "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}
    lines |= {"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Protocol": "graphql-ws", **headers}
    text = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    writer.write(f"GET /graphql HTTP/1.1\r\n{text}\r\n".encode())
    async with asyncio.timeout(20):
        answer = await reader.readline()
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
    assert b" 403 " in answer
