"""Starts a container per Dagster run, and nothing else: the only service of the lab that sees the engine's socket.

Whoever may speak to the engine is root on the machine. So this program, and not who asks it, decides everything about
a container: it is a copy of the Dagster daemon's (image, user, variables, mounts, networks but for two) with limits of
its own. Asked can be for no more than this:
    POST   /runs/<run id>        {"argument": …}: start it; 409 when it was started before
    GET    /runs                 {<run id>: {"running": …, "code": …, "reason": …}}
    POST   /runs/<run id>/stop   SIGTERM
    DELETE /runs/<run id>        remove it, once it has ended
Standard library only, one file, mounted read-only. `gate.py check` asks a running gate whether it and the engine are
well.
"""

import http.client
import http.server
import json
import os
import re
import socket
import sys
import threading
import urllib.parse
import urllib.request
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, ClassVar

PORT = 8099
SOCKET = "/run/engine.sock"
_API = "/v1.41"
_LAB, _SERVICE, _RUN = "org.mlops-lab.lab", "org.mlops-lab.service", "org.mlops-lab.run"
# Of the daemon's labels: whose it is, told from a lab of the same name.
_WHOSE = ("org.mlops-lab.id", "com.docker.compose.project.environment_file")
_PROJECT = "com.docker.compose.project"
_RUN_ID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
# Of the daemon's networks: neither the code server's nor the one to this gate.
_NETWORKS = ("database", "storage", "tracking")
_MOST_RUNS, _LONGEST_BODY, _ENGINE_S, _CHECK_S = 20, 1 << 20, 60.0, 8.0
_MEGABYTE = 1 << 20


class Refused(Exception):
    """What is answered instead; `status` is HTTP's."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class _Engine(http.client.HTTPConnection):
    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(_ENGINE_S)
        self.sock.connect(SOCKET)


def engine(method: str, path: str, body: object = None) -> Any:
    """What the engine answers, as a value. Raises Refused with the engine's words, or OSError."""
    connection = _Engine("engine")
    try:
        text = None if body is None else json.dumps(body)
        connection.request(method, _API + path, text, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        raw = answer.read()
    finally:
        connection.close()
    if answer.status >= HTTPStatus.BAD_REQUEST:
        raise Refused(answer.status, f"the engine: {raw.decode(errors='replace')[:500]}")
    return json.loads(raw) if raw.strip().startswith((b"{", b"[")) else None


def copy_of(daemon: Mapping[str, Any], lab: str, run_id: str, argument: str, megabytes: int) -> dict[str, Any]:
    """The definition of a run's container, made from that of the daemon's; `megabytes` is what it may use.

    Raises Refused when the daemon's container isn't one to copy.
    """
    config, host = daemon["Config"], daemon["HostConfig"]
    if config["User"].partition(":")[0] in {"", "0", "root"}:
        raise Refused(HTTPStatus.CONFLICT, "the daemon's container runs as root")
    first = networks(daemon)[0]
    return {
        "Image": daemon["Image"],
        "Cmd": ["python", "-m", "lab.dagster_host.isolated_run", argument],
        "User": config["User"],
        "WorkingDir": config["WorkingDir"],
        "Env": [
            *(one for one in config["Env"] if not one.startswith(("RUN_GATE_URL=", "RUN_CONTAINER_MEMORY_MB="))),
            f"RUN_CONTAINER_MEMORY_MB={megabytes}",
        ],
        "Labels": {name: config["Labels"][name] for name in _WHOSE if name in config["Labels"]}
        | {_LAB: lab, _SERVICE: f"run-{run_id}", _RUN: run_id},
        "Healthcheck": {"Test": ["NONE"]},
        "StopTimeout": 20,
        "HostConfig": {
            "Binds": host["Binds"],
            "Mounts": host["Mounts"],
            "Tmpfs": {"/tmp": "mode=1777,size=1g"},  # noqa: S108 - the container's own
            "NetworkMode": first,
            "Memory": megabytes * _MEGABYTE,
            "MemorySwap": megabytes * _MEGABYTE,
            "NanoCpus": 2_000_000_000,
            "PidsLimit": 256,
            "ReadonlyRootfs": True,
            "CapDrop": ["ALL"],
            "SecurityOpt": ["no-new-privileges:true"],
            "Privileged": False,
            "Init": True,
            "RestartPolicy": {"Name": "no"},
            "LogConfig": {"Type": "json-file", "Config": {"max-size": "10m", "max-file": "1"}},
        },
        "NetworkingConfig": {"EndpointsConfig": {first: {}}},
    }


def networks(daemon: Mapping[str, Any]) -> list[str]:
    """The networks that a run needs, of those that the daemon is in."""
    project = daemon["Config"]["Labels"].get(_PROJECT, "")
    wanted = [f"{project}_{name}" for name in _NETWORKS]
    if not set(wanted) <= set(daemon["NetworkSettings"]["Networks"]):
        raise Refused(HTTPStatus.CONFLICT, f"the daemon isn't in all of {', '.join(wanted)}")
    return wanted


class Gate:
    """The runs of one lab. Threads may share it; methods raise Refused or OSError."""

    def __init__(self, lab: str, megabytes: int) -> None:
        self._lab, self._megabytes = lab, megabytes
        self._starting = threading.Lock()

    def start(self, run_id: str, argument: str) -> None:
        """Starts the run's container."""
        with self._starting:
            if len(self._rows(f"{_RUN}")) >= _MOST_RUNS:
                raise Refused(HTTPStatus.TOO_MANY_REQUESTS, f"{_MOST_RUNS} containers of runs are there already")
            daemons = self._rows(f"{_SERVICE}=dagster-daemon")
            if len(daemons) != 1:
                raise Refused(HTTPStatus.CONFLICT, "the daemon's container can't be found")
            daemon = engine("GET", f"/containers/{daemons[0]['Id']}/json")
            body = copy_of(daemon, self._lab, run_id, argument, self._megabytes)
            made = engine("POST", f"/containers/create?name={self._name(run_id)}", body)["Id"]
        try:
            for network in networks(daemon)[1:]:
                engine("POST", f"/networks/{network}/connect", {"Container": made})
            engine("POST", f"/containers/{made}/start")
        except (Refused, OSError):
            engine("DELETE", f"/containers/{made}?force=1&v=1")
            raise

    def runs(self) -> dict[str, dict[str, Any]]:
        """Every run that has a container; `code` is None while it runs, `reason` says what an exit status doesn't."""
        return {row["Labels"][_RUN]: self._state(row) for row in self._rows(_RUN)}

    def stop(self, run_id: str) -> None:
        """Interrupts the run."""
        engine("POST", f"/containers/{self._name(run_id)}/kill?signal=SIGTERM")

    def remove(self, run_id: str) -> None:
        """Removes what an ended run leaves; a running one is left alone."""
        engine("DELETE", f"/containers/{self._name(run_id)}?v=1")

    def _name(self, run_id: str) -> str:
        return f"{self._lab}-run-{run_id}"

    def _rows(self, label: str) -> list[Any]:
        filters = urllib.parse.quote(json.dumps({"label": [f"{_LAB}={self._lab}", label]}))
        found: list[Any] = engine("GET", f"/containers/json?all=1&filters={filters}")
        return found

    def _state(self, row: Mapping[str, Any]) -> dict[str, Any]:
        if row["State"] not in {"exited", "dead"}:
            return {"running": True, "code": None, "reason": ""}
        state = engine("GET", f"/containers/{row['Id']}/json")["State"]
        reason = f"its container needed more than {self._megabytes} MB, RUN_CONTAINER_MEMORY_MB"
        return {"running": False, "code": state["ExitCode"], "reason": reason if state["OOMKilled"] else ""}


class Handler(http.server.BaseHTTPRequestHandler):
    """HTTP in front of the gate."""

    gate: ClassVar[Gate]
    timeout = 30

    def do_GET(self) -> None:
        """Lists runs, or says that the engine answers."""
        if self.path == "/healthy":
            self._answer(lambda: engine("GET", "/_ping"))
        else:
            self._answer(lambda: self.gate.runs() if self.path == "/runs" else self._unknown())

    def do_POST(self) -> None:
        """Starts or stops a run."""
        if run_id := self._run_id("/stop"):
            self._answer(lambda: self.gate.stop(run_id))
        elif run_id := self._run_id():
            self._answer(lambda: self.gate.start(run_id, self._argument()))
        else:
            self._answer(self._unknown)

    def do_DELETE(self) -> None:
        """Removes an ended run's container."""
        run_id = self._run_id()
        self._answer(lambda: self.gate.remove(run_id) if run_id else self._unknown())

    def _run_id(self, behind: str = "") -> str:
        found = re.fullmatch(f"/runs/({_RUN_ID}){behind}", self.path)
        return found[1] if found else ""

    def _argument(self) -> str:
        length = int(self.headers.get("Content-Length") or 0)
        if not 0 < length <= _LONGEST_BODY:
            raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"a body of 1 to {_LONGEST_BODY} bytes is needed")
        argument = json.loads(self.rfile.read(length)).get("argument")
        if not isinstance(argument, str) or not argument:
            raise Refused(HTTPStatus.BAD_REQUEST, "the body has no argument")
        return argument

    @staticmethod
    def _unknown() -> None:
        raise Refused(HTTPStatus.NOT_FOUND, "there is no such thing to ask for")

    def _answer(self, work: Any) -> None:
        try:
            status, body = HTTPStatus.OK, work()
        except Refused as err:
            status, body = HTTPStatus(err.status), {"error": str(err)}
        except (OSError, ValueError, AttributeError, http.client.HTTPException) as err:
            status, body = HTTPStatus.BAD_GATEWAY, {"error": f"{type(err).__name__}: {err}"}
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:  # noqa: ARG002 - http.server's names
        """Every change is logged; the daemon's questions, one a second, are not."""
        if self.command != "GET":
            super().log_request(code)


def check() -> None:
    """Raises OSError unless a gate in this container, and the engine behind it, answer."""
    urllib.request.urlopen(f"http://127.0.0.1:{PORT}/healthy", timeout=_CHECK_S).close()


def main() -> None:
    """Serves for ever, the lab that LAB_NAME names."""
    Handler.gate = Gate(os.environ["LAB_NAME"], int(os.environ["RUN_CONTAINER_MEMORY_MB"]))
    http.server.ThreadingHTTPServer(("0.0.0.0", PORT), Handler).serve_forever()  # noqa: S104 - its network has one other member


if __name__ == "__main__":
    check() if sys.argv[1:] == ["check"] else main()
