"""A terminal of 80×24 without colour at the end of a slow line: few bytes, and no key is lost or out of order."""

import base64
import fcntl
import json
import os
import pty
import queue
import re
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.screen import snapshots
from tests.support.waiting import eventually

ROOT = Path(__file__).resolve().parents[2]
# Each way, as over a mobile line to another continent.
DELAY_S = 0.3
_COLOUR = re.compile(rb"\x1b\[[0-9;]*m")
_COPIED = re.compile(rb"\x1b\]52;c;([A-Za-z0-9+/=]+)")


class Line:
    """Both ways of a terminal's connection; what goes in comes out a while later, in order."""

    def __init__(self, master: int, ticks: int, delay_s: float) -> None:
        self._master, self._ticks, self._delay_s = master, ticks, delay_s
        self._keys: queue.Queue[tuple[float, bytes]] = queue.Queue()
        self._output: queue.Queue[tuple[float, bytes]] = queue.Queue()
        self.sent = 0
        self.arrived = b""
        self.ticks = 0
        for work in (self._carry_keys, self._read, self._carry_output, self._count):
            threading.Thread(target=work, daemon=True).start()

    def type(self, keys: str) -> None:
        """Without waiting for anything to show."""
        self._keys.put((time.monotonic() + self._delay_s, keys.encode()))

    def _carry_keys(self) -> None:
        while True:
            due, keys = self._keys.get()
            time.sleep(max(0.0, due - time.monotonic()))
            try:
                os.write(self._master, keys)
            except OSError:
                return

    def _read(self) -> None:
        while True:
            try:
                data = os.read(self._master, 65_536)
            except OSError:
                return
            if not data:
                return
            self.sent += len(data)
            self._output.put((time.monotonic() + self._delay_s, data))

    def _carry_output(self) -> None:
        while True:
            due, data = self._output.get()
            time.sleep(max(0.0, due - time.monotonic()))
            self.arrived += data

    def _count(self) -> None:
        while os.read(self._ticks, 1):
            self.ticks += 1


@contextmanager
def line(lab: str, delay_s: float = 0.0) -> Iterator[Line]:
    """The screen over a lab of that kind, at the far end of a line."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    reader, writer = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.screen.line_end", lab, str(writer)],
        cwd=ROOT,
        env={**os.environ, "NO_COLOR": "1", "TERM": "xterm", "COLUMNS": "80", "LINES": "24"},
        stdin=slave,
        stdout=slave,
        stderr=slave,
        pass_fds=[writer],
        start_new_session=True,
    )
    os.close(slave)
    os.close(writer)
    end = Line(master, reader, delay_s)
    try:
        eventually(lambda: end.ticks >= 3, what="the third tick")
        yield end
    finally:
        process.kill()
        process.wait(10)
        os.close(master)


def bytes_per_tick(end: Line, ticks: int = 10) -> float:
    """Over so many ticks; the least of three times, as what was painted at first may still be under way."""
    found = []
    for _ in range(3):
        begin, sent = end.ticks, end.sent
        eventually(lambda least=begin + ticks: end.ticks >= least, what=f"{ticks} more ticks")
        found.append((end.sent - sent) / (end.ticks - begin))
    return min(found)


# Kinds of lab, and what a tick may cost: all of the screen is 1,920 cells and more than 4,000 bytes.
BOUNDS = {"still": 1_000, "living": 2_000}


@pytest.mark.parametrize("lab", BOUNDS)
def test_a_tick_sends_only_what_changed(lab: str) -> None:
    with line(lab) as end:
        assert 0 < bytes_per_tick(end) < BOUNDS[lab]


def test_no_colour_is_sent() -> None:
    with line("living") as end:
        codes = set(_COLOUR.findall(end.arrived))
    used = {int(number) for code in codes for number in code[2:-1].split(b";") if number}
    # 39 and 49 are the terminal's own two colours.
    assert not {number for number in used if (30 <= number <= 48 and number != 39) or 90 <= number <= 107}


def test_keys_typed_ahead_are_done_in_order() -> None:
    # Under the refusal and its run's line.
    wanted = snapshots.TRAIL[3]
    with line("living", DELAY_S) as end:
        # A run opened, down, up to the top, down again, copy; then help, closed again; then the same entry in full.
        end.type("4j\rjjjjgjjjjjy")
        end.type("?")
        end.type("\x1b")
        found = eventually(lambda: _COPIED.search(end.arrived), what="the copy")
        assert json.loads(base64.b64decode(found[1]))["hash"] == wanted.hash
        eventually(lambda: b"Keys" in end.arrived, what="help")


def test_a_key_shows_in_few_bytes_and_leaving_works_at_the_end_of_a_slow_line() -> None:
    with line("still", DELAY_S) as end:
        before = end.sent
        end.type("2")
        eventually(lambda: end.sent > before and b"Re-launch" in end.arrived, what="the other panel's keys")
        end.type("q")
        # The terminal is given back: its own screen, its cursor.
        eventually(lambda: b"\x1b[?1049l" in end.arrived and b"\x1b[?25h" in end.arrived, what="the end of the screen")
