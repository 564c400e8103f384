"""What the benchmarks share: the machine's name, medians, and where results go."""

import datetime
import json
import os
import platform
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from docs.tables import filled

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Machine:
    """Where it was measured. `load` is the one-minute load average before the first measurement."""

    cpu: str
    cores: int
    memory_gb: float
    system: str
    python: str
    date: str
    load: float

    @classmethod
    def here(cls) -> "Machine":
        return cls(
            _cpu(),
            psutil.cpu_count() or 0,
            round(psutil.virtual_memory().total / 2**30, 1),
            _system(),
            platform.python_version(),
            datetime.datetime.now(datetime.UTC).date().isoformat(),
            round(os.getloadavg()[0], 2),
        )

    def __str__(self) -> str:
        return (
            f"{self.cpu}, {self.cores} cores, {self.memory_gb:g} GB, {self.system}, Python {self.python}, "
            f"{self.date}; load average {self.load:g} before."
        )


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _system() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        return f"{platform.system()} {platform.release()}"


def median(values: Sequence[float]) -> float:
    """Raises statistics.StatisticsError for no values."""
    return statistics.median(values)


def spread(values: Sequence[float], unit: str = "s") -> str:
    """`1.2 s (1.1-1.4, 3 times)`: the median and the range."""
    shown = f"{median(values):.1f} {unit}"
    return shown if len(values) == 1 else f"{shown} ({min(values):.1f}-{max(values):.1f}, {len(values)} times)"


def publish(name: str, text: str, figures: dict[str, Any], json_file: Path | None, write: bool) -> None:
    """Prints the table, and writes figures to `json_file` and the table to docs/performance.md when asked."""
    print(text)
    if json_file:
        json_file.write_text(json.dumps(figures, indent=2) + "\n")
    if write:
        page = ROOT / "docs" / "performance.md"
        page.write_text(filled(page.read_text(), name, text))
