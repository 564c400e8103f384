"""Processor time of process trees, read seldom: one pass over the machine's processes for all services together."""

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import psutil

_KEEP_S = 10.0
# The first figure needs two readings, and somebody waits for it.
_FIRST_S = 1.0


class Used(NamedTuple):
    """A process: its parent, and processor time (seconds) of its own and of its children that have ended."""

    parent: int
    seconds: float


class CpuMeter:
    """Cores that process trees use, on average between two readings `keep_s` apart."""

    def __init__(
        self,
        keep_s: float = _KEEP_S,
        clock: Callable[[], float] = time.monotonic,
        processes: "Callable[[], Mapping[int, Used]] | None" = None,
    ) -> None:
        self._keep_s, self._clock, self._processes = keep_s, clock, processes or every_process
        self._read_at = float("-inf")
        self._totals: Mapping[int, float] = {}
        self._cores: dict[int, float | None] = {}
        # Epoch seconds of the newest reading.
        self.measured_at: float | None = None

    def of(self, pids: Iterable[int]) -> Mapping[int, float | None]:
        """Cores by pid; None until a process was seen twice, and for one that is gone."""
        wanted = set(pids)
        passed = self._clock() - self._read_at
        unknown = any(self._cores.get(pid) is None for pid in wanted)
        if passed > (_FIRST_S if unknown else self._keep_s):
            self._read(wanted, passed)
        return {pid: self._cores.get(pid) for pid in wanted}

    @property
    def seconds(self) -> Mapping[int, float]:
        """Processor time since each process began, by pid, as of the newest reading."""
        return self._totals

    def _read(self, wanted: set[int], passed: float) -> None:
        totals = _trees(self._processes(), wanted)
        before, self._totals = self._totals, totals
        self._cores = {
            # A child that left the tree takes its time along.
            pid: round(max(0.0, total - before[pid]) / passed, 3) if pid in before else None
            for pid, total in totals.items()
        }
        self._read_at, self.measured_at = self._clock(), round(time.time(), 3)


def _trees(processes: Mapping[int, Used], roots: Iterable[int]) -> Mapping[int, float]:
    """Seconds of each root that is there, with everything below it."""
    children: dict[int, list[int]] = defaultdict(list)
    for pid, used in processes.items():
        children[used.parent].append(pid)
    found = {}
    for root in roots:
        total, left = 0.0, [root] if root in processes else []
        while left:
            pid = left.pop()
            total += processes[pid].seconds
            left.extend(children.get(pid, ()))
        if root in processes:
            found[root] = total
    return found


def every_process() -> Mapping[int, Used]:
    """All processes of this machine that tell."""
    found = {}
    for process in psutil.process_iter():
        try:
            with process.oneshot():
                times = process.cpu_times()
                # Only Linux tells of children that have ended.
                ended = getattr(times, "children_user", 0.0) + getattr(times, "children_system", 0.0)
                found[process.pid] = Used(process.ppid(), times.user + times.system + ended)
        except psutil.Error:
            continue  # it ended just now, or is somebody else's
    return found
