"""The machine's memory and the disk that the lab's data are on: what Linux tells; nothing is claimed elsewhere.

A node exporter would be one more server with a port of its own, for five numbers that cost a tenth of a millisecond.
"""

import os
import re
from collections.abc import Iterable
from pathlib import Path

from prometheus_client.metrics_core import Metric

from exporters.serve import LabCollector, counter, gauge

_KB = re.compile(r"^(\w+):\s+(\d+) kB$", re.MULTILINE)
_KILLS = re.compile(r"^oom_kill (\d+)$", re.MULTILINE)


class MachineCollector(LabCollector):
    """Reads `proc` and the file system of `place` at every scrape."""

    def __init__(self, place: Path, proc: Path = Path("/proc")) -> None:
        super().__init__()
        self._place, self._proc = place, proc

    def families(self) -> Iterable[Metric]:
        memory = {name: float(kb) * 1024 for name, kb in _KB.findall(self._text("meminfo"))}
        name = "machine_memory_"
        if {"MemTotal", "MemAvailable"} <= memory.keys():
            yield gauge(name + "total_bytes", "Memory of the machine.", memory["MemTotal"])
            yield gauge(name + "available_bytes", "Memory that can be had without swapping.", memory["MemAvailable"])
        if kills := _KILLS.search(self._text("vmstat")):
            text = "Processes that the kernel killed for want of memory, since the machine's start."
            yield counter("machine_oom_kills", text, float(kills[1]))
        disk = os.statvfs(self._place)
        yield gauge("machine_disk_total_bytes", "Size of the disk with the lab's data.", disk.f_blocks * disk.f_frsize)
        yield gauge("machine_disk_free_bytes", "What an ordinary user may still write.", disk.f_bavail * disk.f_frsize)

    def _text(self, name: str) -> str:
        try:
            return (self._proc / name).read_text()
        except OSError:
            return ""
