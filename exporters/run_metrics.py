"""How long runs and their steps took, as histograms with few series, and since when the oldest run is under way."""

import logging
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from prometheus_client.metrics_core import HistogramMetricFamily, Metric

from exporters.serve import gauges
from lab.base.errors import LabError
from lab.base.runs import Run, RunStatus
from lab.governance.rules.approval_states import PROBE

# Upper bounds in seconds: a step of a second, a run of hours.
BOUNDS_S = (1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 14400.0)
# Steps have the names that the code gives them; beyond this many they share a series.
MOST_STEPS, OTHER = 40, "other"
# Runs whose steps are asked for at once; those beyond wait for the next look.
_PAGE = 5

log = logging.getLogger("exporter.dagster")


@dataclass
class Histogram:
    """Counts by upper bound, the last one without bound, and the sum of what was observed."""

    counts: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS_S) + 1))
    total: float = 0.0

    def observe(self, seconds: float) -> None:
        self.counts[bisect_left(BOUNDS_S, seconds)] += 1
        self.total += seconds

    def buckets(self) -> list[tuple[str, float]]:
        """As the exposition wants them: each holds those below it."""
        sums = [sum(self.counts[: i + 1]) for i in range(len(self.counts))]
        return list(zip([*map(str, BOUNDS_S), "+Inf"], map(float, sums), strict=True))


class RunWatch:
    """Counts each run that ends while it looks, once; what ended before its first look isn't counted.

    `fetch` gives the runs of these ids with their steps, and raises LabError.
    """

    def __init__(self, fetch: Callable[[tuple[str, ...]], Sequence[Run]]) -> None:
        self._fetch = fetch
        self._seen: set[str] | None = None
        self._waiting: dict[str, None] = {}
        self._runs = {status: Histogram() for status in RunStatus if status.finished}
        self._steps: dict[str, Histogram] = {}

    def note(self, runs: Sequence[Run]) -> None:
        """Takes the newest runs as they are now."""
        ended = {run.run_id: run for run in runs if run.status.finished}
        if self._seen is not None:
            # A probe's run must be refused: it says nothing of how training goes.
            for run in (one for name, one in ended.items() if name not in self._seen and one.owner != PROBE):
                self._runs[run.status].observe(run.seconds or 0.0)
                self._waiting[run.run_id] = None
        # What left the window doesn't come back.
        self._seen = set(ended)

    def ask_for_steps(self) -> None:
        """Takes the steps of runs that ended; those that can't be had now are asked for again."""
        if not (chosen := tuple(self._waiting)[:_PAGE]):
            return
        try:
            found = self._fetch(chosen)
        except LabError as err:
            log.warning("event=steps error=%r", err.message)
            return
        for run in found:
            for step in run.steps:
                if step.seconds is not None:
                    self._histogram(step.name).observe(step.seconds)
        for run_id in chosen:
            del self._waiting[run_id]

    def _histogram(self, step: str) -> Histogram:
        name = step if step in self._steps or len(self._steps) < MOST_STEPS else OTHER
        return self._steps.setdefault(name, Histogram())

    def families(self) -> Iterable[Metric]:
        by_status = {status.value: found for status, found in self._runs.items()}
        text = "Wall time of runs that ended since the exporter's start."
        yield _family("dagster_run_duration_seconds", text, "status", by_status)
        text = "Time of their steps."
        yield _family("dagster_step_duration_seconds", text, "step", self._steps)


def _family(name: str, text: str, label: str, found: Mapping[str, Histogram]) -> HistogramMetricFamily:
    family = HistogramMetricFamily(name, text, labels=[label])
    for value, histogram in sorted(found.items()):
        family.add_metric([value], histogram.buckets(), histogram.total)
    return family


def oldest(runs: Sequence[Run]) -> Metric:
    """Since when the oldest run waits, and the oldest one works."""
    queued = [run.created_at or 0.0 for run in runs if run.status in {RunStatus.QUEUED, RunStatus.NOT_STARTED}]
    working = [
        run.started_at or run.created_at or 0.0
        for run in runs
        if not run.status.finished and run.status not in {RunStatus.QUEUED, RunStatus.NOT_STARTED}
    ]
    values = {"queued": min(queued, default=0.0), "started": min(working, default=0.0)}
    text = "Unix time since which the oldest such run is under way; 0: there is none."
    return gauges("dagster_oldest_run_timestamp_seconds", text, "state", values)
