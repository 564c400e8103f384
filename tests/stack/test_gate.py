"""The gate in front of the engine: what it makes of a request, and that nothing else gets through it."""

import http.server
import importlib.util
import json
import socketserver
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from lab.dagster_host.container_runs import ContainerServer
from tests.support.waiting import eventually

FILE = Path(__file__).resolve().parents[2] / "stack" / "isolation" / "gate.py"
RUN, OTHER = "0c7f2f3e-1111-4222-8333-944455556666", "0c7f2f3e-1111-4222-8333-944455557777"
LABELS = {"org.mlops-lab.lab": "lab", "org.mlops-lab.id": "f00d", "com.docker.compose.project": "lab"}
DAEMON = {
    "Id": "daemon",
    "Image": "sha256:abc",
    "Config": {
        "User": "10001:10001",
        "WorkingDir": "/lab/dagster",
        "Env": ["POSTGRES_HOST=postgres.lab", "RUN_GATE_URL=http://run-gate.lab:8099"],
        "Labels": LABELS | {"org.mlops-lab.service": "dagster-daemon"},
    },
    "HostConfig": {"Binds": ["/srv/data:/lab/data:ro"], "Mounts": [], "Privileged": True, "CapAdd": ["SYS_ADMIN"]},
    "NetworkSettings": {
        "Networks": {f"lab_{name}": {} for name in ("database", "storage", "tracking", "code", "runs")}
    },
}


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("gate", FILE)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "gate", module)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "SOCKET", str(tmp_path / "engine.sock"))
    return module


class FakeEngine:
    """Docker's API as far as the gate uses it, on a socket; holds containers by name."""

    def __init__(self) -> None:
        self.made: dict[str, dict[str, Any]] = {}
        self.states: dict[str, dict[str, Any]] = {}
        self.asked: list[str] = []
        self.refuses: str = ""

    def answer(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        path, _, query = path.removeprefix("/v1.41").partition("?")
        self.asked.append(f"{method} {path}")
        if self.refuses and path.endswith(self.refuses):
            return 500, {"message": "no room"}
        if path == "/containers/json":
            return 200, [self._daemon()] if "dagster-daemon" in query else self._rows()
        if path == "/containers/daemon/json":
            return 200, DAEMON
        if path == "/containers/create":
            return self._create(query.removeprefix("name="), body)
        name = path.split("/")[2]
        if path.endswith("/json"):
            return 200, {"State": self.states[name]}
        if method == "DELETE" and self.made.pop(name, None) is None:
            return 404, {"message": "no such container"}
        return 204, None

    def _daemon(self) -> dict[str, Any]:
        return {"Id": "daemon", "Labels": LABELS, "State": "running"}

    def _rows(self) -> list[dict[str, Any]]:
        return [
            {"Id": name, "Labels": body["Labels"], "State": "exited" if self.states[name] else "running"}
            for name, body in self.made.items()
        ]

    def _create(self, name: str, body: Any) -> tuple[int, Any]:
        if name in self.made:
            return 409, {"message": "the name is in use"}
        self.made[name], self.states[name] = body, {}
        return 201, {"Id": name}


@pytest.fixture
def engine(gate: ModuleType) -> Iterator[FakeEngine]:
    fake = FakeEngine()

    class Answers(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            status, found = fake.answer(self.command, self.path, body)
            text = b"" if found is None else json.dumps(found).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_POST = do_DELETE = do_GET  # noqa: N815 - http.server's names

        def log_message(self, *_: Any) -> None: ...

        def address_string(self) -> str:
            return "gate"

    class Server(socketserver.ThreadingUnixStreamServer):
        daemon_threads = True

    with Server(gate.SOCKET, Answers) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield fake
        server.shutdown()


@pytest.fixture
def url(gate: ModuleType, engine: FakeEngine) -> Iterator[str]:
    gate.Handler.gate = gate.Gate("lab", 1024)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), gate.Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.fixture
def server(url: str) -> Iterator[ContainerServer]:
    """The daemon's side, which looks twenty times a second."""
    server = ContainerServer(url, poll_s=0.05)
    yield server
    server.close()


def ask(url: str, method: str, body: object = None) -> tuple[int, Any]:
    data = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    request = urllib.request.Request(url, data, method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as err:
        return err.code, json.loads(err.read())


def test_the_gate_and_not_who_asks_decides_what_a_container_may(gate: ModuleType) -> None:
    made = gate.copy_of(DAEMON, "lab", RUN, "argument", 1024)
    host = made["HostConfig"]
    assert made["Cmd"] == ["python", "-m", "lab.dagster_host.isolated_run", "argument"]
    assert (made["Image"], made["User"]) == ("sha256:abc", "10001:10001")
    assert host["Binds"] == DAEMON["HostConfig"]["Binds"]  # type: ignore[index]
    assert host["Privileged"] is False
    assert "CapAdd" not in host
    assert (host["CapDrop"], host["ReadonlyRootfs"]) == (["ALL"], True)
    assert host["SecurityOpt"] == ["no-new-privileges:true"]
    assert host["Memory"] == host["MemorySwap"] == 1024 << 20
    assert host["RestartPolicy"] == {"Name": "no"}
    assert not [one for one in made["Env"] if one.startswith("RUN_GATE_URL")]
    assert made["Labels"]["org.mlops-lab.id"] == "f00d"


def test_a_run_gets_neither_the_network_of_the_gate_nor_that_of_the_code_server(gate: ModuleType) -> None:
    assert gate.networks(DAEMON) == ["lab_database", "lab_storage", "lab_tracking"]


@pytest.mark.parametrize("user", ["", "0", "0:0", "root"])
def test_a_daemon_that_is_root_is_not_copied(user: str, gate: ModuleType) -> None:
    daemon: Mapping[str, Any] = {**DAEMON, "Config": {**DAEMON["Config"], "User": user}}  # type: ignore[dict-item]
    with pytest.raises(gate.Refused, match="root"):
        gate.copy_of(daemon, "lab", RUN, "argument", 1024)


def test_a_run_is_started_in_all_its_networks_and_only_once(url: str, engine: FakeEngine) -> None:
    assert ask(f"{url}/runs/{RUN}", "POST", {"argument": "a"}) == (200, None)
    name = f"lab-run-{RUN}"
    assert engine.asked[-3:] == [
        "POST /networks/lab_storage/connect",
        "POST /networks/lab_tracking/connect",
        f"POST /containers/{name}/start",
    ]
    assert ask(f"{url}/runs", "GET") == (200, {RUN: {"running": True, "code": None, "reason": ""}})
    assert ask(f"{url}/runs/{RUN}", "POST", {"argument": "a"})[0] == HTTPStatus.CONFLICT


def test_a_container_that_cannot_be_started_is_removed(url: str, engine: FakeEngine) -> None:
    engine.refuses = "/start"
    status, body = ask(f"{url}/runs/{RUN}", "POST", {"argument": "a"})
    assert (status, "no room" in body["error"]) == (500, True)
    assert engine.made == {}


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/containers/json", None),
        ("POST", "/containers/create", {"Image": "x"}),
        ("POST", "/runs/not-a-run", {"argument": "a"}),
        ("POST", f"/runs/{RUN}/exec", {"argument": "a"}),
        ("POST", f"/runs/{RUN}/../../containers/x/start", {"argument": "a"}),
        ("DELETE", "/runs/daemon", None),
        ("POST", f"/runs/{RUN}", {}),
        ("POST", f"/runs/{RUN}", {"argument": 1}),
        ("POST", f"/runs/{RUN}", [1]),
        ("POST", f"/runs/{RUN}", b"no JSON"),
    ],
)
def test_nothing_else_reaches_the_engine(method: str, path: str, body: object, url: str, engine: FakeEngine) -> None:
    status, _ = ask(url + path, method, body)
    assert status >= HTTPStatus.BAD_REQUEST
    assert engine.made == {}
    assert not [one for one in engine.asked if not one.startswith("GET /containers")]


def test_too_many_runs_are_refused(url: str, engine: FakeEngine, gate: ModuleType) -> None:
    for number in range(20):
        engine._create(f"lab-run-{number}", {"Labels": {"org.mlops-lab.run": str(number)}})
    assert ask(f"{url}/runs/{RUN}", "POST", {"argument": "a"})[0] == HTTPStatus.TOO_MANY_REQUESTS


def test_the_daemons_side_hears_how_runs_end_and_removes_their_containers(
    server: ContainerServer, engine: FakeEngine
) -> None:
    heard: list[Mapping[str, Any]] = []
    for run_id in (RUN, OTHER):
        server.launch(run_id, "argument", heard.append)
    assert server.runs() == {RUN, OTHER}
    assert server.interrupt(RUN)
    assert f"POST /containers/lab-run-{RUN}/kill" in engine.asked

    engine.states[f"lab-run-{RUN}"] = {"ExitCode": 1, "OOMKilled": False}
    engine.states[f"lab-run-{OTHER}"] = {"ExitCode": 137, "OOMKilled": True}

    eventually(lambda: engine.made == {}, 30, "both containers removed")
    codes = {event["run_id"]: event["code"] for event in heard if event["event"] == "ended"}
    assert codes == {RUN: 1, OTHER: "its container needed more than 1024 MB, RUN_CONTAINER_MEMORY_MB"}
    assert server.runs() == frozenset()
    assert server.interrupt("not-a-run") is False


def test_a_container_that_somebody_removed_ends_its_run(server: ContainerServer, engine: FakeEngine) -> None:
    heard: list[Mapping[str, Any]] = []
    server.launch(RUN, "argument", heard.append)
    engine.made.clear()
    eventually(lambda: heard[-1]["event"] == "ended", 30, "the end of the run")
    assert heard[-1]["code"] == "its container is gone"


def test_runs_of_an_earlier_daemon_are_seen(url: str, server: ContainerServer) -> None:
    ask(f"{url}/runs/{RUN}", "POST", {"argument": "a"})
    assert server.runs() == {RUN}


def test_a_launch_that_fails_says_why_and_is_not_waited_for(server: ContainerServer, engine: FakeEngine) -> None:
    engine.refuses = "/containers/create"
    with pytest.raises(OSError, match="no room"):
        server.launch(RUN, "argument", lambda _: None)
    assert server.runs() == frozenset()


def test_the_gates_own_container_is_hardened_and_alone_with_the_daemon() -> None:
    overlay = yaml.safe_load((FILE.parents[1] / "compose.isolation.yaml").read_text())
    service = overlay["services"]["run-gate"]
    assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["mem_limit"] == service["memswap_limit"]
    assert "ports" not in service
    assert [mount["target"] for mount in service["volumes"]] == ["/run/engine.sock"]
    members = [name for name, one in overlay["services"].items() if "runs" in one["networks"]]
    assert sorted(members) == ["dagster-daemon", "run-gate"]
    assert overlay["networks"]["runs"]["internal"] is True
