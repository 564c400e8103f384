"""What the lab costs: seconds to start, run and stop; memory and CPU when idle.

`.venv/bin/python benchmarks/lab.py [--repeat N] [--json FILE] [--write]` measures a lab of its own: temporary home,
free ports, removed at the end whatever happens. Nothing else should run on the machine meanwhile.
"""

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.ledger import append_rates  # noqa: E402 - run as a file, it must find the packages first
from benchmarks.report import Machine, publish, spread  # noqa: E402
from docs.tables import table  # noqa: E402
from lab import wiring  # noqa: E402
from lab.operations.doctor.doctor_ports import free_offset  # noqa: E402
from lab.runtime.native.bytecode import PACKAGES  # noqa: E402
from lab.runtime.native.orphan_processes import owned  # noqa: E402
from lab.services.s3 import PIPELINE, S3, AuditStore  # noqa: E402

SETTLED_PERCENT, SETTLE_WINDOW_S, SETTLE_DEADLINE_S = 25.0, 5.0, 90.0
IDLE_WINDOW_S = 20.0
_PASSED_ON = ("PATH", "HOME", "LANG", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR")


@dataclass
class Measured:
    """Seconds by what was done, bytes (PSS) by service, CPU in percent of one core."""

    seconds: dict[str, list[float]] = field(default_factory=dict)
    memory: dict[str, int] = field(default_factory=dict)
    memory_total: int = 0
    memory_after_run: int = 0
    cpu_percent: float = 0.0
    appends_per_s: list[float] = field(default_factory=list)


class Bench:
    """One lab, driven by its commands as a user would; none of them may take longer than `deadline_s`."""

    deadline_s = 600.0

    def __init__(self, folder: Path, **variables: str) -> None:
        self.home = folder / "home"
        kept = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        self.environ = kept | {
            "LAB_NAME": "benchmark",
            "LAB_HOME": str(self.home),
            "LAB_ENV_FILE": str(folder / "env"),
            "PORT_OFFSET": str(free_offset()),
            "RUNTIME": "native",
            **variables,
        }
        self.measured = Measured()

    def invoke(self, *arguments: str) -> str:
        """Output of an Invoke task. Raises SystemExit with it when the task fails."""
        program = Path(sys.executable).with_name("invoke")
        done = subprocess.run(
            [program, *arguments],
            cwd=ROOT,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=self.deadline_s,
            check=False,
        )
        if done.returncode:
            raise SystemExit(f"invoke {' '.join(arguments)} failed:\n{done.stdout}{done.stderr}")
        return done.stdout

    def timed(self, name: str, *arguments: str) -> None:
        """Runs a task and keeps its wall time, the command's own start included."""
        begin = time.perf_counter()
        self.invoke(*arguments)
        took = time.perf_counter() - begin
        self.measured.seconds.setdefault(name, []).append(took)
        print(f"{name:<12} {took:6.1f} s", file=sys.stderr, flush=True)

    def cycle(self, runs: int) -> None:
        """From nothing to a lab that was up, ran, went down and came up again."""
        self.invoke("nuke", "--yes")
        self.timed("cold up", "up")
        self.timed("first run", "demo-run")
        for _ in range(runs):
            self.timed("later run", "demo-run")
        self.timed("down", "down")
        self.timed("warm up", "up")

    def idle(self) -> None:
        """Memory and CPU of the lab when it has settled after a start, and memory after one more run."""
        self.settle()
        self.measured.cpu_percent = self._cpu(IDLE_WINDOW_S)
        self.measured.memory = self.memory_by_service()
        self.measured.memory_total = self.memory()
        self.invoke("demo-run")
        self.settle()
        self.measured.memory_after_run = self.memory()

    def appends(self) -> None:
        """What one writer gets done in the real store."""
        config = wiring.load_config(self.environ)
        store = AuditStore(S3.of_lab(config, PIPELINE), config.audit_bucket, config.audit_prefix)
        self.measured.appends_per_s = append_rates(store, config.audit_prefix, 50, rounds=3)

    def settle(self) -> None:
        """Returns when the lab has little to do any more, or after a while."""
        end = time.monotonic() + SETTLE_DEADLINE_S
        while self._cpu(SETTLE_WINDOW_S) > SETTLED_PERCENT and time.monotonic() < end:
            pass

    def _cpu(self, window_s: float) -> float:
        began, before = time.monotonic(), self.cpu_seconds()
        time.sleep(window_s)
        took, after = time.monotonic() - began, self.cpu_seconds()
        return 100 * sum(used - before.get(pid, 0.0) for pid, used in after.items()) / took

    def cpu_seconds(self) -> Mapping[str, float]:
        """CPU time that the lab used so far, by process."""
        used = {}
        for process in owned(self.home):
            try:
                times = process.cpu_times()
            except psutil.Error:
                continue
            used[str(process.pid)] = times.user + times.system
        return used

    def memory_by_service(self) -> dict[str, int]:
        """Bytes by service, as `invoke status` shows them."""
        services = json.loads(self.invoke("status", "--json"))
        return {one["name"]: one["memory_bytes"] for one in services if one["memory_bytes"]}

    def memory(self) -> int:
        """Bytes that the whole lab holds."""
        return sum(map(_share, owned(self.home)))


def _share(process: psutil.Process) -> int:
    """PSS where the system tells (Linux), RSS elsewhere; bytes."""
    try:
        full = process.memory_full_info()
        return int(getattr(full, "pss", 0) or full.rss)
    except psutil.Error:
        return 0


@contextmanager
def bench() -> Iterator[Bench]:
    """A lab to measure, removed at the end."""
    with tempfile.TemporaryDirectory(prefix="lab-benchmark-") as folder:
        lab = Bench(Path(folder))
        try:
            yield lab
        finally:
            lab.invoke("nuke", "--yes")


def compiled() -> str:
    """How many of the packages that the lab starts have their bytecode on disk."""
    tag = sys.implementation.cache_tag
    found = [spec for name in PACKAGES if (spec := importlib.util.find_spec(name)) and spec.origin]
    ready = [spec for spec in found if any((Path(spec.origin or "").parent / "__pycache__").glob(f"*.{tag}.pyc"))]
    return f"{len(ready)} of {len(found)} packages compiled before"


def render(measured: Measured, state: str) -> str:
    """The tables of docs/performance.md."""
    named = {
        "cold up": "`invoke up`, no lab home",
        "warm up": "`invoke up` after `invoke down`",
        "first run": "`invoke demo-run`, the first",
        "later run": "`invoke demo-run`, later ones",
        "down": "`invoke down`",
    }
    rows = [(text, spread(measured.seconds[name])) for name, text in named.items()]
    rows += [
        ("audit entries appended per second, one writer", spread(measured.appends_per_s, "/s")),
        ("CPU at idle, of one core", f"{measured.cpu_percent:.1f} %"),
        ("memory at idle, all processes", megabytes(measured.memory_total)),
        ("memory after one more run", megabytes(measured.memory_after_run)),
    ]
    times = table((f"wall time ({state})", "median"), rows)
    memory = table(
        ("service", "memory at idle (PSS)"),
        [(f"`{name}`", megabytes(size)) for name, size in sorted(measured.memory.items(), key=lambda item: -item[1])],
    )
    return f"{times}\n\n{memory}"


def megabytes(size: float) -> str:
    """`12 MB`, of bytes."""
    return f"{size / 2**20:.0f} MB"


def main() -> None:
    """Measures, prints, and writes what was asked for."""
    parser = argparse.ArgumentParser(description="Measure a lab.")
    parser.add_argument("--repeat", type=int, default=3, help="how often each figure is measured (default: 3)")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    parser.add_argument("--write", action="store_true", help="put the tables into docs/performance.md")
    options = parser.parse_args()
    machine, state = Machine.here(), compiled()
    with bench() as lab:
        for _ in range(options.repeat):
            lab.cycle(runs=options.repeat)
        lab.idle()
        lab.appends()
        measured = lab.measured
    figures: dict[str, Any] = {"machine": asdict(machine), "bytecode": state, "measured": asdict(measured)}
    publish("lab", f"{machine}\n\n{render(measured, state)}", figures, options.json, options.write)


if __name__ == "__main__":
    main()
