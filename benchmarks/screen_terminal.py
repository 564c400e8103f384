"""Programs in a terminal of their own: when they paint, how long a key takes, what they cost."""

import fcntl
import os
import pty
import re
import signal
import struct
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import psutil

ROWS, COLUMNS = 40, 120
_MOVES = re.compile(rb"\x1b\[(\d+);\d+H")
# Rows of header and clock, which are painted every second whatever a person does.
_HEADER = 2


class Terminal:
    """One program under a pseudo-terminal of 120×40; `began` is when it was started."""

    def __init__(self, argv: Sequence[str], environ: Mapping[str, str]) -> None:
        self.began = time.perf_counter()
        pid, self._fd = pty.fork()
        if pid == 0:
            os.execve(argv[0], list(argv), {**environ, "TERM": "xterm-256color", "COLORTERM": "truecolor"})
        fcntl.ioctl(self._fd, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        self.process = psutil.Process(pid)
        self.written = 0
        self._came = threading.Condition()
        self._chunks: list[tuple[float, bytes]] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        while True:
            try:
                data = os.read(self._fd, 1 << 20)
            except OSError:
                return
            if not data:
                return
            with self._came:
                self.written += len(data)
                self._chunks.append((time.perf_counter(), data))
                self._came.notify_all()

    def forget(self) -> None:
        """What was painted until now counts no more."""
        with self._came:
            self._chunks.clear()

    def wait(self, shows: Callable[[bytes], bool], deadline_s: float = 60.0) -> float:
        """When the output since `forget` satisfied `shows` first. Raises SystemExit at the deadline."""
        end = time.perf_counter() + deadline_s
        with self._came:
            while True:
                text = b""
                for at, data in self._chunks:
                    text += data
                    if shows(text):
                        return at
                if not self._came.wait(end - time.perf_counter()):
                    raise SystemExit(f"the screen painted something else: {text[-500:]!r}")

    def press(self, key: str) -> float:
        """Seconds until something below the header is painted after `key`."""
        self.forget()
        began = time.perf_counter()
        os.write(self._fd, key.encode())
        return self.wait(lambda text: any(int(row) > _HEADER for row in _MOVES.findall(text))) - began

    def cpu_s(self) -> float:
        """CPU seconds of the program so far."""
        times = self.process.cpu_times()
        return times.user + times.system

    def memory(self) -> int:
        """Resident memory in bytes."""
        return int(self.process.memory_info().rss)

    def end(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        os.waitpid(self.process.pid, 0)
        # The next terminal may get the same number of a file, and would lose to this thread what it reads.
        self._reader.join()
        os.close(self._fd)


@contextmanager
def running(argv: Sequence[str], environ: Mapping[str, str]) -> Iterator[Terminal]:
    """A program in a terminal, ended afterwards."""
    terminal = Terminal([sys.executable, *argv], environ)
    try:
        yield terminal
    finally:
        terminal.end()
