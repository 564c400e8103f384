"""What a scrape costs the exporters themselves, however much there is.

`.venv/bin/python benchmarks/exporters.py [--write]`. Sources are this process's memory: what Dagster and the store need
for an answer isn't in it. Everything is followed up to its end before the scrape is timed, as in an exporter that has
been running for a while.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from prometheus_client import CollectorRegistry, generate_latest

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.ledger import PREFIX, CountingStore  # noqa: E402 - run as a file, it must find the packages first
from docs.tables import filled, table  # noqa: E402
from exporters.backup_metrics import BackupCollector  # noqa: E402
from exporters.dagster_metrics import WINDOW, DagsterCollector, DagsterStatus, DashboardWatch  # noqa: E402
from exporters.drift_monitor import DriftCollector, DriftStatus  # noqa: E402
from exporters.governance_metrics import WINDOW as VERSIONS  # noqa: E402
from exporters.governance_metrics import GovernanceCollector, RegistryStatus  # noqa: E402
from exporters.machine_metrics import MachineCollector  # noqa: E402
from exporters.run_metrics import RunWatch  # noqa: E402
from exporters.schedule_metrics import ScheduleWatch  # noqa: E402
from exporters.serve import Exporter, LabCollector, registry  # noqa: E402
from exporters.trail_metrics import TrailWatch  # noqa: E402
from lab.base.dataset import read_rows  # noqa: E402
from lab.base.drift import compare, profile  # noqa: E402
from lab.base.model_versions import ModelVersion  # noqa: E402
from lab.base.runs import Run, RunStatus, ScheduleState  # noqa: E402
from lab.governance.ledger import Entry, Status, key_of, seal  # noqa: E402
from lab.models.model_folder import the_model  # noqa: E402
from lab.services.dagster import Dashboard  # noqa: E402

SCRAPES, MOST_MS = 50, 100.0
CONTRACT = the_model(ROOT / "pipelines").contract


def dagster(runs: int) -> Sequence[LabCollector]:
    """The exporter of a Dagster with that many runs, all of which it saw end."""
    watch = DashboardWatch(RunWatch(lambda _: ()), ScheduleWatch(True, lambda: 1.0))
    watch.runs.note([])
    for begin in range(0, runs, WINDOW):
        newest = [Run(str(i), "job", RunStatus.SUCCESS, 1.0, 1.0, 9.0) for i in range(begin, min(begin + WINDOW, runs))]
        watch.runs.note(newest)
    board = Dashboard(tuple(newest), ScheduleState("s", "RUNNING", "", 5.0), ())
    return [DagsterCollector(lambda: DagsterStatus(True, 0.1, True, board), watch), MachineCollector(ROOT)]


def governance(entries: int) -> Sequence[LabCollector]:
    """The exporter of a trail with that many entries."""
    store, last = CountingStore(), None
    for number in range(entries):
        status = Status.STARTED if number % 2 == 0 else Status.SUCCESS
        fields = ("train_model", status, "ada", "ml-engineer", "dev", "2026-01-01T00:00:00Z", f"run{number // 2}")
        last = seal(Entry(*fields), last)
        store.create(key_of(PREFIX, last.seq), last.body())
    watch = TrailWatch(store, PREFIX, catch_up=5000)
    while watch.status.checked < entries:
        watch.refresh()
    versions = [ModelVersion("M", str(i), 1.0 * i, tags={"approval_state": "pending_staging"}) for i in range(VERSIONS)]
    seen = RegistryStatus(True, versions, ("M",), 1, known=True)
    return [GovernanceCollector(lambda: watch.status, lambda: seen), BackupCollector(Path(tempfile.gettempdir()))]


def drift(rows: int) -> Sequence[LabCollector]:
    """The monitor of a data set with that many rows."""
    header, _, sample = (ROOT / "data" / "sample_data.csv").read_text().partition("\n")
    lines = sample.splitlines()
    baseline = profile(read_rows([header, *lines]), "b" * 64, *CONTRACT.profiled)
    many = (lines[i % len(lines)] for i in range(rows))
    report = compare(baseline, read_rows([header, *many]), "c" * 64, 1.0)
    return [DriftCollector(lambda: {"M": DriftStatus(report, 1)}, 30)]


def scrape_ms(collectors: Sequence[LabCollector]) -> float:
    """The median time of a scrape in milliseconds."""
    made: CollectorRegistry = registry(Exporter("benchmark", collectors, [], lambda: True))
    times = []
    for _ in range(SCRAPES):
        began = time.perf_counter()
        generate_latest(made)
        times.append((time.perf_counter() - began) * 1000)
    if failures := sum(one.failures for one in collectors):
        raise SystemExit(f"{failures} scrapes went without some metrics: what they took says nothing")
    return statistics.median(times)


PARTS: Sequence[tuple[str, str, Callable[[int], Sequence[LabCollector]], tuple[int, int]]] = (
    ("`dagster-metrics`", "runs", dagster, (10, 10_000)),
    ("`governance-metrics`", "entries", governance, (10, 100_000)),
    ("`drift-monitor`", "rows", drift, (1_000, 1_000_000)),
)


def main() -> int:
    """Measures, prints, and fills the table; 1 when a scrape takes too long."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    rows, slowest = [], 0.0
    for name, what, make, sizes in PARTS:
        for size in sizes:
            taken = scrape_ms(make(size))
            slowest = max(slowest, taken)
            rows.append((name, f"{size:,} {what}", f"{taken:.1f} ms"))
            print(*rows[-1], flush=True)
    if options.write:
        path = ROOT / "docs" / "performance.md"
        path.write_text(filled(path.read_text(), "exporters", table(("exporter", "with", "a scrape"), rows)))
    return int(slowest > MOST_MS)


if __name__ == "__main__":
    sys.exit(main())
