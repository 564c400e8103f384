"""The daemon's side of `lab.dagster_host.prefork_server`: starts the server, hands it runs and hears how they end.

Imports nothing heavy, so that the server's own imports begin at once.
"""

import contextlib
import json
import logging
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from typing import Any

from lab.dagster_host import run_events
from lab.dagster_host.forked_server import ForkedServer

_LOG = logging.getLogger("dagster.daemon.PreforkServer")
Watch = Callable[[Mapping[str, Any]], None]
Process = subprocess.Popen[bytes] | ForkedServer


class PreforkServer:
    """One prefork server, started when it isn't there. Threads may share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: Process | None = None
        self._channel: socket.socket | None = None
        self._watches: dict[str, Watch] = {}
        self._closing = False

    def start(self) -> None:
        """Starts the server unless it runs or this was closed; returns at once, while it still imports."""
        with self._lock:
            if not self._closing:
                self._ensure()

    def fork(self) -> None:
        """Starts the first server, as a copy of this process with all that is imported here.

        To be called before there are threads; a server that has to be started later imports everything by itself.
        """
        with self._lock:
            ours, theirs = socket.socketpair()
            with theirs:
                self._take_up(ours, ForkedServer.begun(theirs, ours))

    def launch(self, run_id: str, argument: str, watch: Watch) -> None:
        """Asks for a process that executes the run; `watch` gets its events, in another thread. Raises OSError."""
        with self._lock:
            channel = self._ensure()
            self._watches[run_id] = watch
            _send(channel, {"run_id": run_id, "argument": argument})

    def interrupt(self, run_id: str) -> bool:
        """Has SIGTERM sent to a run's process; False when the run wasn't launched here or has ended."""
        with self._lock:
            if run_id not in self._watches or self._channel is None:
                return False
            with contextlib.suppress(OSError):
                _send(self._channel, {"run_id": run_id})
            return True

    def runs(self) -> frozenset[str]:
        """The runs that were launched here and haven't ended."""
        with self._lock:
            return frozenset(self._watches)

    def close(self, timeout_s: float = 30.0) -> None:
        """Has the server interrupt its runs and end, and waits for that; kills it when it takes longer."""
        with self._lock:
            self._closing = True
            process, channel = self._process, self._channel
            if process is None or channel is None:
                return
            with contextlib.suppress(OSError):
                channel.shutdown(socket.SHUT_WR)
        try:
            process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _ensure(self) -> socket.socket:
        if self._process and self._process.poll() is None and self._channel:
            return self._channel
        ours, theirs = socket.socketpair()
        command = [sys.executable, "-m", "lab.dagster_host.prefork_server", str(theirs.fileno())]
        with theirs:
            process = subprocess.Popen(command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL)
        self._take_up(ours, process)
        return ours

    def _take_up(self, channel: socket.socket, process: Process) -> None:
        self._process, self._channel = process, channel
        threading.Thread(target=self._listen, args=(channel, process), name="prefork-server", daemon=True).start()

    def _listen(self, channel: socket.socket, process: Process) -> None:
        was_ready = False
        with channel, channel.makefile("rb") as lines, contextlib.suppress(OSError):
            for line in lines:
                event = json.loads(line)
                was_ready = was_ready or run_events.is_a(event, run_events.READY)
                self._take(event)
        process.wait()
        with self._lock:
            lost = list(self._watches) if self._channel is channel else []
        for run_id in lost:
            self._take(run_events.ended(run_id, "its prefork server ended"))
        # One that never got ready would not do so now; the next launch tries again and says why.
        if was_ready:
            self.start()

    def _take(self, event: Mapping[str, Any]) -> None:
        run_id = event.get("run_id", "")
        with self._lock:
            watch = self._watches.get(run_id)
            if run_events.is_a(event, run_events.ENDED):
                self._watches.pop(run_id, None)
        if watch:
            try:
                watch(event)
            except Exception:
                # Listening must go on; run monitoring finds what this event would have said.
                _LOG.exception("An event of run %s could not be recorded.", run_id)


def _send(channel: socket.socket, message: Mapping[str, Any]) -> None:
    channel.sendall(json.dumps(message).encode() + b"\n")


# The one of this process: Dagster makes a launcher per instance, and a process may have several instances.
SERVER = PreforkServer()
