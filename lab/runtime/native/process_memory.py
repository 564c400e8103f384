"""Memory of process trees, read seldom: adding up a process's pages costs more than everything else on the screen."""

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import psutil

# One reading of a lab's thirty processes takes as much as two of the screen's ticks.
_KEEP_S = 30.0


class MemoryMeter:
    """PSS of processes with their children where the system tells (Linux), RSS elsewhere; bytes."""

    def __init__(self, keep_s: float = _KEEP_S, clock: Callable[[], float] = time.monotonic) -> None:
        self._keep_s, self._clock = keep_s, clock
        self._read_at = float("-inf")
        self._known: dict[int, int | None] = {}

    def of(self, pids: Iterable[int]) -> Mapping[int, int | None]:
        """Memory by pid, at most `keep_s` old; None for a process that is gone."""
        wanted = set(pids)
        now = self._clock()
        if now - self._read_at > self._keep_s or wanted - self._known.keys():
            children = _children()
            self._known = {pid: _tree(pid, children) for pid in wanted}
            self._read_at = now
        return {pid: self._known[pid] for pid in wanted}


def _children() -> Mapping[int, list[int]]:
    found: dict[int, list[int]] = defaultdict(list)
    for process in psutil.process_iter():
        try:
            found[process.ppid()].append(process.pid)
        except psutil.Error:
            continue
    return found


def _tree(root: int, children: Mapping[int, list[int]]) -> int | None:
    total, left = 0, [root]
    while left:
        pid = left.pop()
        share = _share(pid)
        if share is None and pid == root:
            return None
        total += share or 0
        left.extend(children.get(pid, ()))
    return total


def _share(pid: int) -> int | None:
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
        return next(int(line.split()[1]) * 1024 for line in rollup.splitlines() if line.startswith("Pss:"))
    except (OSError, StopIteration):
        pass
    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.Error:
        return None
