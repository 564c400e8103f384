"""supervisord: its configuration is read as it was meant, and the real one obeys."""

import os
import shlex
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from supervisor.options import ServerOptions

from lab.base.errors import LabError, ServiceUnavailable, StartupFailed
from lab.runtime.native.command_lines import OWNED_BY
from lab.runtime.native.orphan_processes import end_all
from lab.runtime.native.supervisor import Program, Supervisor, SupervisorHangs, render
from tests.support.waiting import eventually

SLEEPER = [sys.executable, "-c", "import signal; signal.pause()"]
DEAF = [
    sys.executable,
    "-c",
    "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); signal.pause()",
]


def as_supervisor_reads(text: str, folder: Path) -> ServerOptions:
    path = folder / "supervisord.conf"
    path.write_text(text)
    options = ServerOptions()
    options.realize(["-c", str(path)], doc="")
    return options


@pytest.mark.parametrize(
    "folder",
    [
        "plain",
        "a home with spaces",
        "ümlaut 山",
        "semi;colon#hash",
        "it's",
        "$HOME ${x} `y`",
        "a=b:c,d",
    ],
)
def test_odd_paths_reach_the_programs_unchanged(tmp_path: Path, folder: str) -> None:
    home = tmp_path / folder
    logs = home / "logs"
    logs.mkdir(parents=True)
    argv = ["/bin/echo", str(home / "x.json"), ""]

    text = render([Program("echo", argv, "INT", False, 7)], home / "s.sock", home / "s.pid", logs)
    options = as_supervisor_reads(text, tmp_path)

    [group] = options.process_group_configs
    [program] = group.process_configs
    assert shlex.split(program.command) == argv
    assert program.stdout_logfile == str(logs / "echo.log")
    assert program.stopsignal == signal.SIGINT
    assert (program.stopasgroup, program.killasgroup, program.stopwaitsecs) == (False, True, 7)
    assert program.autostart is False
    assert options.pidfile == str(home / "s.pid")


@pytest.mark.parametrize("word", ["a\nb", 'a"b', "a\\b", "a ;b", "a #b", "100%", "%(here)s"])
def test_a_path_that_the_format_cannot_hold_is_refused(tmp_path: Path, word: str) -> None:
    with pytest.raises(LabError, match="can't be used") as caught:
        render([Program("x", [f"/{word}"])], tmp_path / "s", tmp_path / "p", tmp_path)
    assert caught.value.remedy


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    end_all(tmp_path, grace_s=0)


class Daemon:
    """A supervisord of the test's own."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.client = Supervisor(home / "s.conf", home / "s.sock")

    def write(self, *programs: Program) -> None:
        text = render(programs, self.home / "s.sock", self.home / "s.pid", self.home)
        (self.home / "s.conf").write_text(text)

    def launch(self, *programs: Program) -> Supervisor:
        self.write(*programs)
        self.client.launch({**os.environ, OWNED_BY: str(self.home)}, deadline_s=60)
        return self.client

    def pid(self, name: str) -> int | None:
        return self.client.states()[name].pid

    def running(self, name: str) -> bool:
        return self.client.states()[name].state == "RUNNING"

    def deaf(self) -> bool:
        """It runs, and has come so far as to be deaf."""
        return self.running("deaf") and "deaf" in (self.home / "deaf.log").read_text()


@pytest.fixture
def daemon(home: Path) -> Daemon:
    return Daemon(home)


def test_programs_start_only_when_asked_and_come_back_when_killed(daemon: Daemon) -> None:
    client = daemon.launch(Program("one", SLEEPER), Program("two", SLEEPER))
    assert client.alive()
    assert {state.state for state in client.states().values()} == {"STOPPED"}

    client.start("one")
    client.start("one")
    eventually(lambda: daemon.running("one"), 60, "one running")
    assert client.states()["two"].state == "STOPPED"
    assert client.states()["one"].started_at
    first = daemon.pid("one")
    assert first

    os.kill(first, signal.SIGKILL)
    eventually(lambda: daemon.running("one") and daemon.pid("one") != first, 60, "one back")


def test_a_program_that_is_not_found_is_fatal_or_backs_off_with_a_reason(daemon: Daemon) -> None:
    client = daemon.launch(Program("gone", ["/nowhere/at/all"]))
    with pytest.raises(LabError, match="gone"):
        client.start("gone")


def test_stopping_waits_until_all_are_gone_also_the_deaf(daemon: Daemon) -> None:
    client = daemon.launch(Program("one", SLEEPER), Program("deaf", DEAF, stop_seconds=1), Program("never", SLEEPER))
    for name in ("one", "deaf"):
        client.start(name)
    eventually(lambda: daemon.running("one") and daemon.deaf(), 60, "both running")
    pids = [daemon.pid("one"), daemon.pid("deaf")]

    client.stop(["one", "deaf", "never", "unknown"], deadline_s=60)

    assert not any(pid and psutil.pid_exists(pid) for pid in pids)
    assert client.states()["one"].state == "STOPPED"


def test_what_does_not_stop_in_time_is_named(daemon: Daemon) -> None:
    client = daemon.launch(Program("deaf", DEAF, stop_seconds=60))
    client.start("deaf")
    eventually(daemon.deaf, 60, "deaf running")

    with pytest.raises(LabError, match="deaf"):
        client.stop(["deaf"], deadline_s=0.3)


def test_a_reload_replaces_what_changed_and_only_that(daemon: Daemon) -> None:
    client = daemon.launch(Program("same", SLEEPER), Program("other", SLEEPER), Program("goes", SLEEPER))
    for name in ("same", "other", "goes"):
        client.start(name)
    eventually(lambda: all(daemon.running(name) for name in ("same", "other", "goes")), 60, "all running")
    same, goes = daemon.pid("same"), daemon.pid("goes")

    daemon.write(Program("same", SLEEPER), Program("other", [*SLEEPER, "changed"]), Program("comes", SLEEPER))
    made, removed = client.reload()

    assert (sorted(made), removed) == (["comes", "other"], ["goes"])
    assert set(client.states()) == {"same", "other", "comes"}
    assert daemon.pid("same") == same
    assert client.states()["other"].state == "STOPPED"
    assert goes
    assert not psutil.pid_exists(goes)


def test_shutdown_ends_everything(daemon: Daemon, home: Path) -> None:
    client = daemon.launch(Program("one", SLEEPER))
    client.start("one")
    eventually(lambda: daemon.running("one"), 60, "one running")
    pids = [client.pid(), daemon.pid("one")]

    client.shutdown()

    eventually(lambda: not any(pid and psutil.pid_exists(pid) for pid in pids), 60, "the end of all")
    assert not client.alive()
    with pytest.raises(ServiceUnavailable, match="invoke up"):
        client.states()


def test_a_socket_without_a_server_is_not_alive(daemon: Daemon) -> None:
    client = daemon.launch()
    os.kill(client.pid(), signal.SIGKILL)

    eventually(lambda: not client.alive(), 60, "the killed supervisor's silence")
    assert (daemon.home / "s.sock").exists()
    assert daemon.launch(Program("one", SLEEPER)).alive()


def test_a_supervisor_that_takes_too_long_to_start_says_so(
    daemon: Daemon, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = home / "python"
    slow.write_text("#!/bin/sh\nexec sleep 60\n")
    slow.chmod(0o755)
    daemon.write(Program("one", SLEEPER))
    monkeypatch.setattr(sys, "executable", str(slow))
    with pytest.raises(StartupFailed, match=r"within 0\.5 s"):
        daemon.client.launch(dict(os.environ), deadline_s=0.5)


def test_a_supervisor_that_was_stopped_does_not_keep_its_caller(daemon: Daemon, home: Path) -> None:
    daemon.launch(Program("sleeper", SLEEPER))
    supervisor = psutil.Process(int((home / "s.pid").read_text()))
    supervisor.suspend()
    try:
        with pytest.raises(SupervisorHangs, match=r"not within 0\.2 s"):
            Supervisor(home / "s.conf", home / "s.sock", answer_s=0.2).states()
    finally:
        supervisor.resume()
    assert "sleeper" in daemon.client.states()


def test_a_configuration_that_cannot_be_read_says_so(home: Path) -> None:
    (home / "s.conf").write_text("[supervisord]\nlogfile=/nowhere/at/all/x.log\n")
    with pytest.raises(StartupFailed, match="didn't start") as caught:
        Supervisor(home / "s.conf", home / "s.sock").launch(dict(os.environ), deadline_s=60)
    assert "invoke doctor" in caught.value.remedy
