"""Runs the tests in parts side by side: `python -m tests.parts`, with `--quick` those that need no running lab.

Each part is a pytest of its own with the labs that it needs. Interrupted or terminated, it asks the parts once to end,
so that they take their labs down; a plugin that spreads tests over workers kills those after ten seconds.
"""

import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from types import FrameType

import psutil

# Name → the folders that it collects. The rest is what no other part has. Labs that tests hurt, that they begin in
# another way, and the one that they only use are apart, so that one waits for services while another computes.
_FOLDERS: Mapping[str, Sequence[str]] = {
    "containers": ("tests/compose",),
    "hurt labs": ("tests/own_labs",),
    "fresh labs": ("tests/fresh_labs",),
    "labs": ("tests/live",),
    "debian": ("tests/debian",),
    "terraform": ("tests/terraform",),
    "screen": ("tests/screen", "tests/views", "tests/commands", "tests/recording"),
}
_REST = tuple(f"--ignore={folder}" for folders in _FOLDERS.values() for folder in folders)
# The longest part first, as whatever begins last holds up the end; the last one has work for both cores by itself.
_ORDER = ("containers", "hurt labs", "rest", "fresh labs", "labs", "screen", "debian", "terraform")
# More parts at once than cores, as each waits about as long as it computes: for a service, an alert, a deadline. A lab
# takes 1.5 GB, a part at most two of them.
_PER_CORE = 2
# Beyond one per core, another begins only when the processors were less busy than this for so many seconds: a lab that
# stands by takes a sixth of a core, for the longer the more parts share the machine.
_BUSY_PERCENT, _LOOK_S = 85.0, 15.0
PARTS: Mapping[str, Sequence[str]] = {name: {**_FOLDERS, "rest": _REST}[name] for name in _ORDER}
# The parts with tests that need no running lab, and those tests.
_QUICK = ("screen", "rest", "terraform")
UNMARKED = ("-m", "not lab and not compose and not terraform and not browser")
NO_TESTS = 5
# The head of pytest's last section, which names each test that failed with its reason.
_SUMMARY = "= short test summary info ="
# Each part ends with what took it longest.
_SLOWEST = ("--durations=15", "--durations-min=3")
_ENDING = (signal.SIGINT, signal.SIGTERM)
# Labs in containers take longest to go; who asked this process to end waits no longer than two minutes.
_END_S = 110.0


@dataclass
class Part:
    """One pytest under way."""

    name: str
    process: subprocess.Popen[str]
    begin: float = field(default_factory=time.monotonic)
    seconds: float = 0.0
    # What pytest says of tests that failed, for the end of a long output.
    summary: list[str] = field(default_factory=list)

    @classmethod
    def started(cls, name: str, chosen: Sequence[str]) -> "Part":
        argv = [sys.executable, "-m", "pytest", *_SLOWEST, *chosen, *PARTS[name]]
        # In a group of its own, a terminal's Ctrl-C doesn't reach it a second time, amid its cleaning up.
        process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            process_group=0,
        )
        return cls(name, process)

    @property
    def ok(self) -> bool:
        return self.process.returncode in {0, NO_TESTS}

    def relay(self, ended: queue.Queue["Part"]) -> None:
        """Prints what it says, line by line, and reports its end."""
        assert self.process.stdout
        for line in self.process.stdout:
            _say(f"{self.name:>10} | {line}")
            if self.summary or _SUMMARY in line:
                self.summary.append(line)
        self.process.wait()
        self.seconds = time.monotonic() - self.begin
        ended.put(self)


class Room:
    """Whether the processors have time for another part."""

    def __init__(self, cores: int = os.cpu_count() or 1, busy: Callable[[], float] = psutil.cpu_percent) -> None:
        """`busy` gives the percentage since it was asked last."""
        self._cores, self._busy = cores, busy
        self._asked_at = float("-inf")

    def beside(self, running: int, clock: Callable[[], float] = time.monotonic) -> bool:
        """Whether another may begin now beside so many."""
        if running < self._cores:
            # What is begun now must show in what is asked later.
            self._ask(clock())
            return True
        if running >= self._cores * _PER_CORE or clock() - self._asked_at < _LOOK_S:
            return False
        return self._ask(clock()) < _BUSY_PERCENT

    def _ask(self, now: float) -> float:
        self._asked_at = now
        return self._busy()


def run(quick: bool = False) -> int:
    """Runs all parts; the exit code is that of a pytest: 0, 1, or 2 after an interruption."""
    waiting, done = deque(_QUICK if quick else PARTS), list[Part]()
    running = dict[str, Part]()
    ended: queue.Queue[Part] = queue.Queue()
    room = Room()
    _interruptible()
    try:
        while waiting or running:
            while waiting and room.beside(len(running)):
                with _deferred_interruption():
                    part = Part.started(waiting.popleft(), UNMARKED if quick else ())
                    running[part.name] = part
                    threading.Thread(target=part.relay, args=(ended,), daemon=True).start()
            with suppress(queue.Empty):
                part = ended.get(timeout=_LOOK_S if waiting else None)
                done.append(running.pop(part.name))
    except KeyboardInterrupt:
        _end(running, ended)
        return 2
    for part in done:
        for line in part.summary if not part.ok else ():
            _say(f"{part.name:>10} | {line}")
    for part in done:
        _say(f"{part.name}: {part.seconds:.0f} s, exit status {part.process.returncode}\n")
    return int(not all(part.ok for part in done))


@contextmanager
def _deferred_interruption() -> Iterator[None]:
    """A part that has begun and isn't listed yet would never be told to end."""
    handlers = {one: signal.getsignal(one) for one in _ENDING}
    came: list[int] = []
    for one in _ENDING:
        signal.signal(one, lambda number, _frame: came.append(number))
    try:
        yield
    finally:
        for one, handler in handlers.items():
            signal.signal(one, handler)
    if came:
        signal.raise_signal(came[0])


def _interruptible() -> None:
    """SIGTERM counts as Ctrl-C, and both count once."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        for one in _ENDING:
            signal.signal(one, signal.SIG_IGN)
        raise KeyboardInterrupt

    for one in _ENDING:
        signal.signal(one, interrupt)


def _end(running: dict[str, Part], ended: queue.Queue[Part]) -> None:
    for part in running.values():
        part.process.send_signal(signal.SIGTERM)
    deadline = time.monotonic() + _END_S
    while running:
        try:
            running.pop(ended.get(timeout=max(0.0, deadline - time.monotonic())).name)
        except queue.Empty:
            for name, part in running.items():
                _say(f"{name} doesn't end and is killed\n")
                os.killpg(part.process.pid, signal.SIGKILL)
            return


def _say(line: str) -> None:
    sys.stdout.write(line)
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(run(quick="--quick" in sys.argv[1:]))
