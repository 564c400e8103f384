import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Callable

import httpx
import pytest

from lab.base.catalogue import BY_NAME, Service
from lab.base.errors import ServiceUnavailable
from lab.services.http import MAX_BYTES, BadStatus, Http
from tests.services.answers import http, says, server

Handler = Callable[[httpx.Request], httpx.Response]


class Endless(httpx.AsyncByteStream):
    """A body without an end; counts what was taken of it."""

    def __init__(self) -> None:
        self.sent = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            self.sent += 1 << 16
            yield b"x" * (1 << 16)


class Dripping(httpx.AsyncByteStream):
    """A body that comes byte by byte, each in time, all of it never."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            await asyncio.sleep(0.01)
            yield b" "


def refuse(_request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("connection refused")


def break_off(_request: httpx.Request) -> httpx.Response:
    raise httpx.RemoteProtocolError("Server disconnected without sending a response.")


@pytest.mark.parametrize(
    ("handler", "said"),
    [
        (refuse, "MLflow doesn't listen at http://service."),
        (break_off, "MLflow broke off the call to /x at http://service: Server disconnected"),
        (
            lambda _: httpx.Response(500, text="Internal\n Server\tError"),
            "MLflow answered 500 to GET /x: 'Internal Server Error'",
        ),
        (lambda _: httpx.Response(302, headers={"Location": "/login"}), "MLflow answered 302 to GET /x"),
        (lambda _: httpx.Response(200, html="<html>hello</html>"), "something that isn't JSON: '<html>hello</html>'"),
        (lambda _: httpx.Response(200, content=b""), "something that isn't JSON: ''"),
        (lambda _: httpx.Response(200, content=b"\xff\x00\x1b[31m"), "something that isn't JSON"),
        (lambda _: httpx.Response(200, content=b"[" * 200_000), "something that isn't JSON"),
    ],
)
async def test_every_bad_answer_is_an_error_that_names_service_and_remedy(handler: Handler, said: str) -> None:
    client = http(handler)
    with pytest.raises(ServiceUnavailable) as caught:
        await client.get_json("/x")
    assert said in caught.value.message
    assert caught.value.remedy == "Type `invoke logs mlflow`."
    assert all(char.isprintable() for char in caught.value.message)
    await client.aclose()


async def test_an_endless_body_is_cut_off_at_the_limit() -> None:
    body = Endless()
    client = http(lambda _: httpx.Response(200, stream=body))
    with pytest.raises(ServiceUnavailable, match="more than 8 MB"):
        await client.get_text("/x")
    assert body.sent <= MAX_BYTES + (2 << 16)
    await client.aclose()


async def test_a_body_that_drips_for_ever_meets_the_deadline() -> None:
    client = http(lambda _: httpx.Response(200, stream=Dripping()), timeout_s=0.1)
    with pytest.raises(ServiceUnavailable, match=r"within 0\.1 s"):
        await client.get_text("/x")
    await client.aclose()


async def test_a_server_that_accepts_and_stays_silent_meets_the_deadline() -> None:
    async with server(None) as port:
        client = Http(f"http://127.0.0.1:{port}", "Dagster", timeout_s=0.2, logs="dagster")
        with pytest.raises(
            ServiceUnavailable, match=rf"Dagster didn't answer /x at http://127\.0\.0\.1:{port} within 0\.2 s"
        ):
            await client.get_json("/x")
        await client.aclose()


async def test_a_callers_own_deadline_is_not_taken_for_the_clients() -> None:
    client = http(lambda _: httpx.Response(200, stream=Dripping()), timeout_s=60)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await client.get_text("/x")
    await client.aclose()


async def test_a_bad_status_keeps_what_the_service_said() -> None:
    client = http(says({"error_code": "X"}, status=404))
    with pytest.raises(BadStatus) as caught:
        await client.post_json("/x", {"a": 1})
    assert (caught.value.status, caught.value.body) == (404, b'{"error_code":"X"}')
    await client.aclose()


async def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy that nobody runs would fail every call."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")

    async with server(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}") as port:
        client = Http(f"http://127.0.0.1:{port}", "X")
        assert await client.get_json("/") == {}
        await client.aclose()


async def test_a_client_of_the_catalogue_has_its_title_and_logs() -> None:
    client = Http.to(Service.GRAFANA, "http://service/", transport=httpx.MockTransport(refuse), auth=("admin", "pw"))
    with pytest.raises(ServiceUnavailable) as caught:
        await client.get_json("/api/health")
    assert caught.value.message.startswith(BY_NAME[Service.GRAFANA].title)
    assert caught.value.remedy == "Type `invoke logs grafana`."
    await client.aclose()


def test_importing_the_clients_imports_no_heavy_library() -> None:
    code = (
        "import lab.services.dagster, lab.services.mlflow, lab.services.prometheus, lab.observe.observer, sys;"
        "print([name for name in ('httpx', 'boto3', 'psycopg2', 'mlflow', 'dagster', 'grpc') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("body", [b'{"a": ["\\ud800", 1]}', b'{"a": ["\xed\xa0\x80", 1]}'])
async def test_text_that_no_terminal_and_no_file_can_hold_is_made_visible(body: bytes) -> None:
    client = http(lambda _: httpx.Response(200, content=body))
    assert await client.get_json("/") == {"a": [r"\ud800", 1]}
    paired = http(lambda _: httpx.Response(200, content=rb'{"a\u0000": "\ud83d\ude42"}'))
    assert await paired.get_json("/") == {r"a\u0000": "\U0001f642"}
