"""The screen in a browser: who is let in, what is handed out, and that nothing is left behind."""

import asyncio
import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import psutil
import pytest
from aiohttp import web

from lab.base.errors import LabError
from lab.screen.web import _listen, serve
from lab.screen.web import web_application as doors
from lab.screen.web.web_application import WebApplication
from tests.conftest import required
from tests.screen import recordings
from tests.support.browser import chromium
from tests.support.waiting import eventually

PLACES = ("/", "/wrong/", "/wrong/ws", "/ws", "/wrong/static/js/textual.js", "/download/", "//")
HOSTS = ("evil.example", "127.0.0.1", "127.0.0.1:1", "evil.example:{port}", "", "[::1]:{port}")
ORIGINS = ("http://evil.example", "null", "http://127.0.0.1:1", "https://127.0.0.1:{port}", "")
NONSENSE = ("", "{", "[]", "7", '["stdin"]', '["resize", {}]', '["resize", {"width": "x"}]', '["x"]')
ROOT = Path(doors.__file__).parents[3]
# Draws nothing and says who it is: what a screen is to the server.
SCREEN = """
import os, sys
sys.stdout.buffer.write(b"__GANGLION__\\n")
def send(kind, body):
    sys.stdout.buffer.write(kind + len(body).to_bytes(4, "big") + body)
    sys.stdout.buffer.flush()
send(b"D", f"pid={os.getpid()}".encode())
while head := sys.stdin.buffer.read(5):
    body = sys.stdin.buffer.read(int.from_bytes(head[1:], "big"))
    if head[:1] == b"M" and b"quit" in body:
        if "--deaf" in sys.argv:
            continue
        break
    send(b"D", b"got:" + body)
"""


@asynccontextmanager
async def opened(*arguments: str) -> AsyncIterator[tuple[WebApplication, str]]:
    """A door on a free port, and its address without the token."""
    listening = _listen(0)
    port = listening.getsockname()[1]
    door = WebApplication(port, [sys.executable, "-c", SCREEN, *arguments])
    runner = web.AppRunner(door.application(), access_log=None, shutdown_timeout=20)
    await runner.setup()
    await web.SockSite(runner, listening).start()
    try:
        yield door, f"http://127.0.0.1:{port}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def socket_to(door: WebApplication, **headers: str) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    base = door.url.removesuffix(f"{door.token}/").rstrip("/")
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{door.url}ws?width=100&height=30", headers={"Origin": base} | headers) as connection,
    ):
        yield connection


async def status(address: str, **headers: str) -> int:
    async with aiohttp.ClientSession() as session, session.get(address, headers=headers) as answer:
        return answer.status


async def pid_of(connection: aiohttp.ClientWebSocketResponse) -> int:
    found = re.fullmatch(rb"pid=(\d+)", await connection.receive_bytes(timeout=20))
    assert found
    return int(found[1])


async def test_the_whole_address_shows_the_page() -> None:
    async with opened() as (door, _), aiohttp.ClientSession() as session, session.get(door.url) as answer:
        text = await answer.text()
        assert answer.status == 200
        assert f"ws://127.0.0.1:{door.url.split(':')[2].split('/')[0]}/{door.token}/ws" in text
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["Referrer-Policy"] == "no-referrer"


async def test_the_page_and_what_it_needs_name_no_other_host() -> None:
    async with opened() as (door, _), aiohttp.ClientSession() as session:
        async with session.get(door.url) as answer:
            page = await answer.text()
        links = re.findall(r'(?:src|href)="([^"]+)"', page)
        assert len(links) >= 4
        for link in links:
            assert link.startswith((f"/{door.token}/", "data:")), link
        for link in links:
            if link.startswith("/"):
                assert await status(door.url.removesuffix(f"/{door.token}/") + link) == 200
        async with session.get(f"{door.url}page/page.css") as answer:
            sheet = await answer.text()
        fonts = re.findall(r'url\("([^"]+)"\)', sheet)
        assert fonts
        for font in fonts:
            assert await status(f"{door.url}page/{font}") == 200


@pytest.mark.parametrize("path", PLACES)
async def test_without_the_token_nothing_is_shown(path: str) -> None:
    async with opened() as (_, base):
        assert await status(f"{base}{path}", Origin=base) in {403, 404}
        assert await status(f"{base}{path}") in {403, 404}


async def test_a_guess_at_a_download_finds_nothing() -> None:
    async with opened() as (_, base):
        assert await status(f"{base}/download/{'0' * 32}") == 404


@pytest.mark.parametrize("name", ["../door.py", "..%2f..%2fcli.py", "%2e%2e/%2e%2e/app.py", "/etc/passwd", "js", ""])
@pytest.mark.parametrize("folder", ["static", "page"])
async def test_no_other_file_is_handed_out(folder: str, name: str) -> None:
    async with opened() as (door, _):
        assert await status(f"{door.url}{folder}/{name}") in {403, 404}


@pytest.mark.parametrize("host", HOSTS)
async def test_a_name_that_was_bound_to_this_machine_from_outside_is_refused(host: str) -> None:
    async with opened() as (door, base):
        port = base.rpartition(":")[2]
        assert await status(door.url, Host=host.format(port=port)) in {400, 403}
        assert await status(door.url, Host=f"localhost:{port}") == 200


@pytest.mark.parametrize("origin", ORIGINS)
async def test_a_page_of_another_site_can_not_open_the_screen_even_with_the_token(origin: str) -> None:
    async with opened() as (door, base):
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            async with socket_to(door, Origin=origin.format(port=base.rpartition(":")[2])):
                pass
        assert refused.value.status == 403


async def test_a_socket_that_does_not_say_where_it_comes_from_is_refused() -> None:
    async with opened() as (door, _), aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await session.ws_connect(f"{door.url}ws")
        assert refused.value.status == 403


async def test_the_own_page_gets_a_screen_and_its_keys_reach_it() -> None:
    async with opened() as (door, _), socket_to(door) as connection:
        assert await pid_of(connection) > 0
        await connection.send_json(["stdin", "jé"])
        assert await connection.receive_bytes(timeout=20) == "got:jé".encode()
        await connection.send_json(["resize", {"width": 90, "height": 20}])
        told = json.loads((await connection.receive_bytes(timeout=20)).removeprefix(b"got:"))
        assert told == {"type": "resize", "width": 90, "height": 20}
        await connection.send_json(["ping", "7"])
        assert await connection.receive_json(timeout=20) == ["pong", "7"]


@pytest.mark.parametrize("text", NONSENSE)
async def test_a_message_that_makes_no_sense_is_left_out(text: str) -> None:
    async with opened() as (door, _), socket_to(door) as connection:
        await pid_of(connection)
        await connection.send_str(text)
        await connection.send_json(["stdin", "still here"])
        assert await connection.receive_bytes(timeout=20) == b"got:still here"


async def gone(pid: int) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        async with asyncio.timeout(60):
            while process.status() != psutil.STATUS_ZOMBIE:
                await asyncio.sleep(0.05)


async def test_a_screen_ends_with_its_tab() -> None:
    async with opened() as (door, _):
        async with socket_to(door) as connection:
            pid = await pid_of(connection)
        await gone(pid)


@pytest.mark.parametrize("arguments", [(), ("--deaf",)], ids=["willing", "deaf"])
async def test_every_screen_ends_with_the_server(monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]) -> None:
    monkeypatch.setattr("lab.screen.web.web_session.END_DEADLINE_S", 0.3)
    async with opened(*arguments) as (door, _), socket_to(door) as first, socket_to(door) as second:
        pids = [await pid_of(first), await pid_of(second)]
        await door._end(web.Application())
        assert (await first.receive(timeout=20)).type in {aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED}
    for pid in pids:
        await gone(pid)


async def test_a_screen_that_ends_closes_its_tab() -> None:
    async with opened() as (door, _), socket_to(door) as connection:
        os.kill(await pid_of(connection), signal.SIGKILL)
        assert (await connection.receive(timeout=20)).type in {aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED}


async def test_so_many_screens_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doors, "MOST_SESSIONS", 1)
    async with opened() as (door, _), socket_to(door) as connection:
        await pid_of(connection)
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            async with socket_to(door):
                pass
        assert refused.value.status == 503


def test_a_port_that_is_taken_is_explained() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(LabError, match="Address already in use") as err:
            serve(other.getsockname()[1], [])
        assert "--port" in err.value.remedy


async def test_only_loopback_is_listened_on() -> None:
    with _listen(0) as listening:
        assert listening.getsockname()[0] == "127.0.0.1"


@contextmanager
def served(*arguments: str) -> Iterator[tuple[str, "subprocess.Popen[str]"]]:
    """`mlops-lab serve` as a user starts it, and the address it prints."""
    command = [sys.executable, "-m", "lab.cli", "serve", "--port", "0", *arguments]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        try:
            assert process.stdout
            yield process.stdout.readline().split()[-1], process
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait(30)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return recordings.made(tmp_path_factory.mktemp("serve") / "lab.jsonl.gz", recordings.day(60))


def children(process: "subprocess.Popen[str]") -> list[psutil.Process]:
    return psutil.Process(process.pid).children(recursive=True)


@pytest.fixture
def page() -> Iterator[Any]:
    with chromium(required("browser")) as browser:
        yield browser.new_page(viewport={"width": 1000, "height": 700})


# The terminal draws on a canvas, so what it is sent is kept here.
WATCH = """
(() => {
  const Real = window.WebSocket;
  window.received = "";
  window.WebSocket = class extends Real {
    constructor(...given) {
      super(...given);
      this.addEventListener("message", (event) => {
        if (typeof event.data !== "string") window.received += new TextDecoder().decode(event.data);
      });
    }
  };
})();
"""


def text_of(page: Any) -> str:
    """What was drawn so far, without colours and movements."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", " ", page.evaluate("() => window.received"))


@pytest.mark.browser
def test_in_a_browser_the_screen_shows_takes_keys_and_clicks_and_asks_no_other_host(file: Path, page: Any) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("websocket", lambda made: asked.append(made.url))
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.add_init_script(WATCH)
    with served(str(file)) as (url, process):
        page.goto(url)
        page.wait_for_selector("body.-first-byte", timeout=60_000)
        eventually(lambda: "snapshot" in text_of(page) or "1/60" in text_of(page), 60)
        shown = text_of(page)
        for word in ("Services", "PostgreSQL", "Runs", "Models", "Audit", "Drift", "paused"):
            assert word in shown, word
        page.keyboard.press("ArrowRight")
        eventually(lambda: "2/60" in text_of(page), 60)
        page.keyboard.press("?")
        eventually(lambda: "Play/pause" in text_of(page).rpartition("2/60")[2], 60)
        page.keyboard.press("Escape")
        # Until help has gone it takes the click.
        eventually(lambda: "PostgreSQL" in text_of(page).rpartition("esc closes")[2], 60)
        box = page.locator(".xterm-screen").bounding_box()
        page.mouse.click(box["x"] + box["width"] * 0.999, box["y"] + box["height"] - 1.5 * box["height"] / 40)
        eventually(lambda: "60/60" in text_of(page), 60)
        host = url.split("/")[2]
        assert {re.split(r"[/]+", one)[1] for one in asked if not one.startswith("data:")} == {host}
        assert problems == []
        screens = children(process)
        assert len(screens) == 1
        process.terminate()
        assert process.wait(30) == 0
        assert not [screen for screen in screens if screen.is_running()]
        page.wait_for_selector("#closed:visible")


@pytest.mark.browser
def test_a_page_of_another_site_can_not_drive_the_screen(file: Path, page: Any) -> None:
    """As a browser sees it: the same machine under another name is another site."""
    with served(str(file)) as (url, process):
        address = url.replace("http://", "ws://") + "ws?width=80&height=24"
        page.route("http://evil.example/", lambda route: route.fulfill(body="<p>hello</p>", content_type="text/html"))
        page.goto("http://evil.example/")
        outcome = page.evaluate(
            "(address) => new Promise((done) => { const s = new WebSocket(address);"
            " s.onopen = () => done('open'); s.onerror = () => done('refused'); })",
            address,
        )
        assert outcome == "refused"
        assert page.evaluate("(url) => fetch(url).then(() => 'read', () => 'refused')", url) == "refused"
        assert children(process) == []


def test_a_screen_does_not_outlive_a_server_that_was_killed(file: Path) -> None:
    async def connect(url: str) -> list[psutil.Process]:
        base = "/".join(url.split("/")[:3])
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(f"{url}ws", headers={"Origin": base}) as connection,
        ):
            await connection.receive_bytes(timeout=60)
            found = children(process)
            process.kill()
            return found

    with served(str(file)) as (url, process):
        screens = asyncio.run(connect(url))
        assert len(screens) == 1
        _, alive = psutil.wait_procs(screens, timeout=30)
        assert alive == []


BAD_CALLS: dict[str, tuple[list[str], int, str]] = {
    "another host": (["--host", "0.0.0.0"], 2, "is not this machine's loopback"),
    "no port": (["--port", "x"], 2, "is no port"),
    "a port beyond": (["--port", "70000"], 2, "is no port"),
    "no recording": (["/etc/hostname"], 1, "is no recording of mlops-lab"),
    "no file": (["nowhere.jsonl.gz"], 1, "Can't read nowhere.jsonl.gz"),
}


@pytest.mark.parametrize("name", BAD_CALLS)
def test_a_wrong_call_is_explained(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    from lab import cli

    arguments, code, reason = BAD_CALLS[name]
    outcome: Callable[[], int] = lambda: cli.main(["serve", *arguments])  # noqa: E731 - one call, told two ways
    if code == 2:
        with pytest.raises(SystemExit) as stopped:
            outcome()
        assert stopped.value.code == 2
    else:
        assert outcome() == code
    assert reason in capsys.readouterr().err
