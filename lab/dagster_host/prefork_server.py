"""The prefork server: a process that has imported what runs need, and forks one process per run.

It is started with one end of a socket pair as a file descriptor and speaks JSON lines on it:
    → {"run_id": …, "argument": …}                  run it, with the argument of `dagster api execute_run`
    → {"run_id": …}                                 interrupt it
    ← ready, started, ended                         see `lab.dagster_host.run_events`
When its starter closes the socket, or dies, the server interrupts its runs and ends. Each run takes the project's code
as it is on disk when the run begins; of the lab's own it executes what is imported here while that is the same.
"""

import gc
import json
import os
import selectors
import signal
import socket
import sys
import time
from contextlib import suppress

from lab.dagster_host import database, memory_limit, run_events, source_snapshot
from lab.dagster_host.parent_watch import GRACE_S, ParentWatch
from lab.dagster_host.warm_up import IN_STEPS, take_ahead, warm_up

# When nothing was asked for so many seconds, what the next runs have in common is made ahead: not while the lab starts.
_QUIET_S = 3.0


class Server:
    """One loop over two descriptors: requests come on one, the ends of children on the other."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._received = b""
        self._runs: dict[int, str] = {}
        self._stopping = False
        self._life = ParentWatch()
        self._wake_read, self._wake_write = os.pipe()
        for end in (self._wake_read, self._wake_write):
            os.set_blocking(end, False)

    def serve(self) -> None:
        """Returns when the starter is gone and every run has ended."""
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.set_wakeup_fd(self._wake_write, warn_on_full_buffer=False)
        self._send(run_events.ready())
        ahead = False
        with selectors.DefaultSelector() as selector:
            selector.register(self._channel, selectors.EVENT_READ)
            selector.register(self._wake_read, selectors.EVENT_READ)
            while not self._stopping:
                ready = {key.fd for key, _ in selector.select(None if ahead else _QUIET_S)}
                if not (ready or ahead):
                    ahead = True
                    # A run that finds nothing made makes it itself, and says what is wrong.
                    with suppress(Exception):
                        take_ahead(modules=IN_STEPS)
                if self._wake_read in ready:
                    self._reap()
                if self._channel.fileno() in ready:
                    self._receive()
        self._end_runs()

    def _stop(self, *_: object) -> None:
        self._stopping = True

    def _receive(self) -> None:
        try:
            data = self._channel.recv(1 << 16)
        except OSError:
            data = b""
        if not data:
            self._stopping = True
            return
        *lines, self._received = (self._received + data).split(b"\n")
        for line in lines:
            request = json.loads(line)
            run_id, argument = str(request["run_id"]), request.get("argument")
            if argument is None:
                self._signal(signal.SIGTERM, run_id)
            else:
                self._fork(run_id, str(argument))

    def _fork(self, run_id: str, argument: str) -> None:
        # Held back until the child has its own handlers: the server's would swallow an interruption meant for the run.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        pid = os.fork()
        if pid == 0:
            self._become_run(argument)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
        self._runs[pid] = run_id
        self._send(run_events.started(run_id, pid))

    def _become_run(self, argument: str) -> None:
        code = 1
        try:
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGCHLD, signal.SIGTERM):
                signal.signal(number, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
            for end in (self._wake_read, self._wake_write):
                os.close(end)
            self._channel.close()
            self._life.hold()
            code = execute(argument)
        finally:
            # Closes the generator of a step that Dagster gave up on, so that the guard can say how the step ended.
            gc.collect()
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)

    def _reap(self) -> None:
        with suppress(BlockingIOError):
            os.read(self._wake_read, 1 << 16)
        with suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                pid, status = ended
                if pid in self._runs:
                    code = os.waitstatus_to_exitcode(status)
                    self._send(run_events.ended(self._runs.pop(pid), code))

    def _end_runs(self) -> None:
        """Interrupts what still runs, and kills what doesn't heed it."""
        self._signal(signal.SIGTERM)
        deadline = time.monotonic() + GRACE_S
        while self._runs and time.monotonic() < deadline:
            with selectors.DefaultSelector() as selector:
                selector.register(self._wake_read, selectors.EVENT_READ)
                selector.select(timeout=deadline - time.monotonic())
            self._reap()
        self._signal(signal.SIGKILL)

    def _signal(self, number: int, only: str | None = None) -> None:
        # A child that has ended keeps its number until it is reaped, so no stranger is hit.
        for pid, run_id in self._runs.items():
            if only in {None, run_id}:
                os.kill(pid, number)

    def _send(self, message: run_events.Event) -> None:
        with suppress(OSError):
            self._channel.sendall(json.dumps(message).encode() + b"\n")


def execute(argument: str) -> int:
    """Runs `dagster api execute_run` in this process, with the code that is on disk; returns its exit status."""
    try:
        source_snapshot.take()
        memory_limit.limit()
        database.wait_for_postgres()
        from lab.dagster_host.dagster_private import execute_run

        execute_run(argument)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1
    except BaseException:
        sys.excepthook(*sys.exc_info())
        return 1
    return 0


def main(descriptor: int) -> None:
    """Serves on the socket with this file descriptor."""
    channel = socket.socket(fileno=descriptor)
    warm_up()
    Server(channel).serve()


if __name__ == "__main__":
    main(int(sys.argv[1]))
