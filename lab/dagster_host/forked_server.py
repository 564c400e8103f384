"""The prefork server as a copy of the process that needs it, which has imported half of what the server must."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from typing import NoReturn

_POLL_S = 0.05


class ForkedServer:
    """A child of this process, with what `subprocess.Popen` has for one. Threads may share it."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._code: int | None = None
        self._lock = threading.Lock()

    @classmethod
    def begun(cls, channel: socket.socket, starters: socket.socket) -> "ForkedServer":
        """Serves on `channel`, whose other end is the `starters`.

        To be called by a process without other threads: a fork has none of them.
        """
        pid = os.fork()
        if not pid:
            # Held here, it would never be seen to close.
            starters.close()
            _serve(channel)
        return cls(pid)

    def poll(self) -> int | None:
        """The status with which it ended, or None."""
        with self._lock:
            if self._code is None:
                pid, status = os.waitpid(self._pid, os.WNOHANG)
                self._code = os.waitstatus_to_exitcode(status) if pid else None
            return self._code

    def wait(self, timeout: float | None = None) -> int:
        """As `poll`, when it has ended. Raises subprocess.TimeoutExpired."""
        end = None if timeout is None else time.monotonic() + timeout
        while (code := self.poll()) is None:
            if end is not None and timeout is not None and time.monotonic() > end:
                raise subprocess.TimeoutExpired("prefork server", timeout)
            time.sleep(_POLL_S)
        return code

    def kill(self) -> None:
        """SIGKILL, unless it has ended."""
        # Until it is waited for, nobody else gets its number.
        with self._lock:
            if self._code is None:
                os.kill(self._pid, signal.SIGKILL)


def _serve(channel: socket.socket) -> NoReturn:
    code = 1
    try:
        # Imports set handlers of their own.
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        from lab.dagster_host import prefork_server

        prefork_server.main(channel.detach())
        code = 0
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
