"""supervisord: its configuration file and its XML-RPC interface over a Unix socket."""

import subprocess
import sys
import xmlrpc.client
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.base.errors import LabError, ServiceUnavailable, StartupFailed
from lab.base.interruption import finished_first
from lab.runtime.native.supervisor_private import transport
from lab.runtime.runtime import wait_until

_LOG_SIZE = "10MB"
# How many files each service may open; supervisord raises the soft limit to it.
NEEDED_FILES = 1024
# It answers from memory; only a machine that is very busy makes this take seconds.
_ANSWER_S = 15.0
_TRY_AGAIN = "Type `invoke down`, then `invoke up`."


@dataclass(frozen=True)
class Program:
    """One supervised process. `command` is run without a shell and holds no secret."""

    name: str
    command: Sequence[str]
    stop_signal: str = "TERM"
    stop_group: bool = True
    stop_seconds: int = 10


@dataclass(frozen=True)
class ProgramState:
    """What supervisord says: `state` is its word (RUNNING, BACKOFF, FATAL, …); `started_at` epoch seconds."""

    name: str
    state: str
    pid: int | None
    started_at: float | None
    message: str


def render(programs: Iterable[Program | str], socket: Path, pid_file: Path, logs: Path) -> str:
    """supervisord.conf; a program may be given as the section that it had. Raises LabError for a value that the
    format can't hold."""
    head = f"""\
[supervisord]
pidfile={_plain(pid_file)}
logfile={_plain(logs / "supervisord.log")}
logfile_maxbytes={_LOG_SIZE}
logfile_backups=2
childlogdir={_plain(logs)}
directory={_plain(logs.parent)}
umask=077
minfds={NEEDED_FILES}

[unix_http_server]
file={_plain(socket)}
chmod=0600

[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
"""
    sections = (one.rstrip("\n") + "\n" if isinstance(one, str) else _program(one, logs) for one in programs)
    return "\n".join([head, *sections])


def _program(program: Program, logs: Path) -> str:
    return f"""\
[program:{program.name}]
command={" ".join(f'"{_plain(word)}"' for word in program.command)}
autostart=false
autorestart=true
startsecs=1
startretries=20
stopsignal={program.stop_signal}
stopasgroup={str(program.stop_group).lower()}
killasgroup=true
stopwaitsecs={program.stop_seconds}
redirect_stderr=true
stdout_logfile={_plain(logs / f"{program.name}.log")}
stdout_logfile_maxbytes={_LOG_SIZE}
stdout_logfile_backups=2
"""


def _plain(value: str | Path) -> str:
    """Text that the file's format takes literally; what a % means in it differs from option to option."""
    text = str(value)
    if any(mark in text for mark in ("\n", '"', "\\", "%", " ;", " #")):
        raise LabError(f"The path {text!r} can't be used.", "Choose one without quotes, backslashes, %, ' ;' and ' #'.")
    return text


class SupervisorHangs(ServiceUnavailable):
    """It is there and doesn't answer: what it watches over may run or not."""


class Supervisor:
    """Client of one supervisord. Methods raise ServiceUnavailable when it doesn't answer."""

    def __init__(self, configuration: Path, socket: Path, answer_s: float = _ANSWER_S) -> None:
        """`answer_s` bounds each call: a supervisord that was stopped would keep its caller waiting for ever."""
        self._configuration, self._socket, self._answer_s = configuration, socket, answer_s

    def alive(self) -> bool:
        if not self._socket.exists():
            return False
        try:
            self._call("getPID")
        except ServiceUnavailable:
            return False
        return True

    def pid(self) -> int:
        return int(self._call("getPID"))

    def launch(self, environment: Mapping[str, str], deadline_s: float = 60.0) -> None:
        """Starts supervisord detached from this shell and waits until it answers. Raises StartupFailed."""
        # -P: a folder `supervisor` where the command was typed must not be taken for the package.
        command = [sys.executable, "-P", "-m", "supervisor.supervisord", "-c", str(self._configuration)]
        try:
            done = subprocess.run(
                command,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=deadline_s,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise StartupFailed(f"supervisord didn't start within {deadline_s:g} s.", _TRY_AGAIN) from None
        if done.returncode:
            raise StartupFailed(f"supervisord didn't start: {done.stdout.strip()}", "Type `invoke doctor`.")
        silent = StartupFailed("supervisord doesn't answer on its socket.", _TRY_AGAIN)
        wait_until(self.alive, deadline_s, lambda: silent)

    def reload(self) -> tuple[list[str], list[str]]:
        """Reads the configuration again; programs that changed or went are stopped and replaced.

        Returns the names that are new or changed, and those that are gone.
        """
        with finished_first():
            [[added, changed, removed]] = self._call("reloadConfig")
            replaced = [*changed, *removed]
            self.stop(replaced, 30.0)
            for name in replaced:
                self._call("removeProcessGroup", name)
            for name in [*added, *changed]:
                self._call("addProcessGroup", name)
        return [*added, *changed], list(removed)

    def start(self, name: str) -> None:
        """Asks for a start and returns; nothing happens to a program that runs."""
        self._call("startProcess", name, False, tolerate={"ALREADY_STARTED"})

    def stop(self, names: Sequence[str], deadline_s: float) -> None:
        """Stops programs together; raises LabError when one is still there at the deadline."""
        for name in names:
            self._stop_quietly(name)

        def message() -> LabError:
            left = [name for name in names if not self._is_stopped(name)]
            return LabError(
                f"These didn't stop in {deadline_s:.0f} s: {', '.join(left)}.", "Try again, or type `invoke down`."
            )

        wait_until(lambda: all(self._is_stopped(name) for name in names), deadline_s, message, interval_s=0.05)

    def states(self) -> dict[str, ProgramState]:
        return {raw["name"]: _state(raw) for raw in self._call("getAllProcessInfo")}

    def shutdown(self) -> None:
        self._call("shutdown")

    def _stop_quietly(self, name: str) -> None:
        self._call("stopProcess", name, False, tolerate={"NOT_RUNNING", "BAD_NAME"})

    def _is_stopped(self, name: str) -> bool:
        state = self.states().get(name)
        return state is None or state.state in {"STOPPED", "EXITED", "FATAL"}

    def _call(self, method: str, *arguments: Any, tolerate: Iterable[str] = ()) -> Any:
        proxy = xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport(self._socket, self._answer_s))
        try:
            # XML-RPC knows plain strings only, not the catalogue's enumeration.
            plain = [str(item) if isinstance(item, str) else item for item in arguments]
            return getattr(proxy.supervisor, method)(*plain)
        except xmlrpc.client.Fault as fault:
            if fault.faultString.partition(":")[0] in tolerate:
                return None
            raise LabError(f"supervisord refused {method}{arguments}: {fault.faultString}", _TRY_AGAIN) from None
        except TimeoutError:
            raise SupervisorHangs(f"supervisord doesn't answer: not within {self._answer_s:g} s.", _TRY_AGAIN) from None
        except (OSError, xmlrpc.client.Error, ValueError) as err:
            raise ServiceUnavailable(f"supervisord doesn't answer: {err}", "Type `invoke up`.") from None
        finally:
            proxy("close")()


def _state(raw: Mapping[str, Any]) -> ProgramState:
    running = raw["statename"] in {"RUNNING", "STARTING"}
    return ProgramState(
        name=raw["name"],
        state=raw["statename"],
        pid=raw["pid"] or None,
        started_at=float(raw["start"]) if running and raw["start"] else None,
        message=raw["spawnerr"] or raw["description"],
    )
