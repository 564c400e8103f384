"""The prefork server with real processes: what it forks, how it tells of their ends, and that nothing outlives it."""

import json
import os
import queue
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import psutil
import pytest

from lab.dagster_host import prefork_client
from lab.dagster_host.prefork_client import PreforkServer

DEADLINE_S = 60.0
# Stands in for the imports and for Dagster's command, so that a test takes no ten seconds: the rest is the real server.
SERVER = """
import socket, sys, time
from lab.dagster_host import parent_watch, prefork_server
def execute(argument):
    if argument == "sleep":
        time.sleep(600)
    if argument.startswith("/"):
        import signal
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        open(argument, "w").close()
        time.sleep(600)
    return int(argument)
prefork_server.execute = execute
parent_watch.GRACE_S = prefork_server.GRACE_S = 0.5
prefork_server.Server(socket.socket(fileno=int(sys.argv[-1]))).serve()
"""
# A starter that has no threads yet, as the daemon at its beginning; its argument is the server that comes after it.
FORKING = """
import os, queue, signal, socket, subprocess, sys, time
import psutil
from lab.dagster_host import prefork_client, prefork_server
popen = subprocess.Popen
def another(command, **options):
    return popen([sys.executable, "-c", sys.argv[1], command[-1]], **options)
prefork_client.subprocess.Popen = another
prefork_server.execute = lambda argument: time.sleep(600) if argument == "sleep" else int(argument)
prefork_server.main = lambda descriptor: prefork_server.Server(socket.socket(fileno=descriptor)).serve()
server, events = prefork_client.PreforkServer(), queue.Queue()
def heard():
    return events.get(timeout=60)
server.fork()
server.launch("one", "3", events.put)
heard()
print(heard()["code"], flush=True)
server.launch("two", "sleep", events.put)
parent = psutil.Process(heard()["pid"]).parent()
print("forked" if parent.cmdline() == psutil.Process().cmdline() and parent.ppid() == os.getpid() else parent)
parent.send_signal(signal.SIGKILL)
print(heard()["code"])
server.launch("three", "4", events.put)
heard()
print(heard()["code"])
server.close(60)
print("children left:", len(psutil.Process().children()))
"""
Event = Mapping[str, Any]


class Events:
    """What a run's watcher heard, in order."""

    def __init__(self) -> None:
        self._queue: queue.Queue[Event] = queue.Queue()

    def __call__(self, event: Event) -> None:
        self._queue.put(event)

    def next(self) -> Event:
        return self._queue.get(timeout=DEADLINE_S)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[PreforkServer]:
    popen = subprocess.Popen

    def start(command: list[str], **options: Any) -> "subprocess.Popen[bytes]":
        return popen([sys.executable, "-c", SERVER, command[-1]], **options)

    monkeypatch.setattr(prefork_client.subprocess, "Popen", start)
    server = PreforkServer()
    yield server
    server.close(DEADLINE_S)


def gone(pid: int) -> None:
    """Returns when the process has ended; raises psutil.TimeoutExpired."""
    try:
        psutil.Process(pid).wait(DEADLINE_S)
    except psutil.NoSuchProcess:
        return


def server_of(pid: int) -> psutil.Process:
    parent = psutil.Process(pid).parent()
    assert parent is not None
    return parent


def test_a_run_is_a_process_whose_end_is_told(server: PreforkServer) -> None:
    events = Events()
    server.launch("run-1", "0", events)
    started, ended = events.next(), events.next()
    assert (started["event"], started["run_id"]) == ("started", "run-1")
    assert ended == {"event": "ended", "run_id": "run-1", "code": 0}
    assert server.runs() == frozenset()
    gone(started["pid"])


def test_a_failing_run_tells_its_status(server: PreforkServer) -> None:
    events = Events()
    server.launch("run-1", "3", events)
    events.next()
    assert events.next()["code"] == 3


def test_runs_side_by_side_are_told_apart(server: PreforkServer) -> None:
    watched = {f"run-{n}": Events() for n in range(5)}
    for n, (run_id, events) in enumerate(watched.items()):
        server.launch(run_id, str(n), events)
    for n, events in enumerate(watched.values()):
        events.next()
        assert events.next()["code"] == n


def test_a_killed_run_tells_the_signal(server: PreforkServer) -> None:
    events = Events()
    server.launch("run-1", "sleep", events)
    os.kill(events.next()["pid"], signal.SIGKILL)
    assert events.next()["code"] == -signal.SIGKILL


def test_only_the_run_named_is_interrupted(server: PreforkServer) -> None:
    one, other = Events(), Events()
    server.launch("one", "sleep", one)
    server.launch("other", "sleep", other)
    one.next()
    other_pid = other.next()["pid"]
    assert server.interrupt("one")
    assert one.next()["code"] == -signal.SIGTERM
    assert psutil.pid_exists(other_pid)
    assert server.runs() == {"other"}


def test_a_run_can_be_interrupted_from_its_first_moment(server: PreforkServer) -> None:
    for number in range(30):
        events = Events()
        server.launch(f"run-{number}", "sleep", events)
        events.next()
        assert server.interrupt(f"run-{number}")
        assert events.next()["code"] == -signal.SIGTERM


def test_a_run_that_is_not_known_cannot_be_interrupted(server: PreforkServer) -> None:
    assert server.interrupt("nobody") is False


def test_closing_ends_server_and_runs(server: PreforkServer) -> None:
    events = Events()
    server.launch("run-1", "sleep", events)
    pid = events.next()["pid"]
    parent = server_of(pid)
    server.close(DEADLINE_S)
    gone(pid)
    assert not parent.is_running()


def test_no_server_is_started_once_it_was_closed() -> None:
    server = PreforkServer()
    server.close()
    server.start()
    assert server._process is None


def test_a_run_that_ignores_the_interrupt_is_killed(server: PreforkServer, tmp_path: Path) -> None:
    events = Events()
    pipe = tmp_path / "deaf"
    os.mkfifo(pipe)
    server.launch("run-1", str(pipe), events)
    pid = events.next()["pid"]
    assert pipe.read_bytes() == b""  # returns when the run has stopped listening to SIGTERM
    server.close(DEADLINE_S)
    gone(pid)


def test_runs_die_with_a_killed_server_and_a_new_one_takes_over(server: PreforkServer) -> None:
    events, later = Events(), Events()
    server.launch("run-1", "sleep", events)
    pid = events.next()["pid"]
    server_of(pid).kill()
    assert events.next()["code"] == "its prefork server ended"
    gone(pid)
    server.launch("run-2", "0", later)
    later.next()
    assert later.next()["code"] == 0


def test_a_forked_server_serves_and_another_takes_over_when_it_is_killed() -> None:
    argv = [sys.executable, "-c", FORKING, SERVER]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=DEADLINE_S * 5, check=False)
    assert done.stdout.splitlines() == ["3", "forked", "its prefork server ended", "4", "children left: 0"], done.stderr


def test_a_forked_server_ends_when_its_starter_is_killed() -> None:
    script = FORKING.partition('server.launch("two"')[0] + "print(os.getpid(), flush=True)\ntime.sleep(600)\n"
    with subprocess.Popen([sys.executable, "-c", script, SERVER], stdout=subprocess.PIPE, text=True) as starter:
        assert starter.stdout
        assert starter.stdout.readline() == "3\n"
        pid = int(starter.stdout.readline())
        children = psutil.Process(pid).children()
        starter.kill()
    assert children
    for child in children:
        gone(child.pid)


def test_a_watcher_that_fails_does_not_end_the_listening(server: PreforkServer) -> None:
    def fail(event: Event) -> None:
        raise RuntimeError("database is away")

    events = Events()
    server.launch("run-1", "0", fail)
    server.launch("run-2", "0", events)
    events.next()
    assert events.next()["code"] == 0


def test_the_real_server_gets_ready_and_ends_with_its_starter(tmp_path: Path) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs, (tmp_path / "log").open("wb") as log:
        command = [sys.executable, "-m", "lab.dagster_host.prefork_server", str(theirs.fileno())]
        process = subprocess.Popen(command, pass_fds=[theirs.fileno()], stderr=log)
        theirs.close()
        ours.settimeout(DEADLINE_S * 2)
        assert json.loads(ours.recv(1 << 16)) == {"event": "ready"}
        ours.shutdown(socket.SHUT_WR)
        assert process.wait(DEADLINE_S) == 0
    assert "failed ahead of the runs" not in (tmp_path / "log").read_text()
