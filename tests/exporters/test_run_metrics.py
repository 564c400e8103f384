"""Durations of runs and steps, and whether the schedule ticks."""

from collections.abc import Sequence

import pytest

from exporters.run_metrics import BOUNDS_S, MOST_STEPS, RunWatch, oldest
from exporters.schedule_metrics import ScheduleWatch
from lab.base.errors import ServiceUnavailable
from lab.base.runs import Run, RunStatus, ScheduleState, Step
from lab.governance.rules.approval_states import PROBE


def run(name: str, status: RunStatus = RunStatus.SUCCESS, seconds: float = 7.0, owner: str = "ada") -> Run:
    return Run(name, "job", status, 100.0, 100.0, 100.0 + seconds if status.finished else None, owner=owner)


class Steps:
    """Gives runs with steps, unless it is away."""

    def __init__(self) -> None:
        self.away = False
        self.asked: list[tuple[str, ...]] = []
        self.names = ["ingest_data"]

    def __call__(self, run_ids: tuple[str, ...]) -> Sequence[Run]:
        self.asked.append(run_ids)
        if self.away:
            raise ServiceUnavailable("Dagster is away.")
        steps = tuple(Step(name, "SUCCESS", 1.0, 3.0) for name in self.names)
        return [Run(one, "job", RunStatus.SUCCESS, steps=steps) for one in run_ids]


def counts(watch: RunWatch, family: str, **labels: str) -> float:
    """How many were counted there."""
    return sum(
        sample.value
        for metric in watch.families()
        for sample in metric.samples
        if sample.name == f"{family}_count" and labels.items() <= sample.labels.items()
    )


def test_each_run_that_ends_is_counted_once() -> None:
    watch = RunWatch(Steps())
    for runs in ([], [run("a", RunStatus.STARTED)], [run("a")], [run("a")], [run("b", RunStatus.FAILURE), run("a")]):
        watch.note(runs)

    assert counts(watch, "dagster_run_duration_seconds", status="SUCCESS") == 1
    assert counts(watch, "dagster_run_duration_seconds", status="FAILURE") == 1


def test_what_ended_before_the_first_look_and_a_probes_run_are_not_counted() -> None:
    watch = RunWatch(Steps())
    watch.note([run("old")])
    watch.note([run("probe", RunStatus.FAILURE, owner=PROBE), run("old")])
    assert counts(watch, "dagster_run_duration_seconds") == 0


def test_a_run_is_counted_in_the_bucket_of_its_duration_and_those_above() -> None:
    watch = RunWatch(Steps())
    watch.note([])
    watch.note([run("a", seconds=15.0), run("b", seconds=15.1), run("c", seconds=1e6)])
    (found,) = (one for one in watch.families() if one.name == "dagster_run_duration_seconds")
    buckets = {one.labels["le"]: one.value for one in found.samples if one.labels.get("status") == "SUCCESS"
               and one.name.endswith("_bucket")}  # fmt: skip
    assert (buckets["5.0"], buckets["15.0"], buckets["60.0"], buckets["+Inf"]) == (0, 1, 2, 3)
    assert list(buckets) == [*map(str, BOUNDS_S), "+Inf"]


def test_steps_that_could_not_be_had_are_asked_for_again_and_then_no_more() -> None:
    steps = Steps()
    watch = RunWatch(steps)
    watch.note([])
    watch.note([run("a")])
    steps.away = True
    watch.ask_for_steps()
    steps.away = False
    watch.ask_for_steps()
    watch.ask_for_steps()

    assert steps.asked == [("a",), ("a",)]
    assert counts(watch, "dagster_step_duration_seconds", step="ingest_data") == 1


def test_however_many_names_steps_have_the_series_are_few() -> None:
    steps = Steps()
    steps.names = [f"step-{number}" for number in range(500)]
    watch = RunWatch(steps)
    watch.note([])
    watch.note([run("a")])
    watch.ask_for_steps()
    (found,) = (one for one in watch.families() if one.name == "dagster_step_duration_seconds")
    names = {one.labels["step"] for one in found.samples}
    assert len(names) == MOST_STEPS + 1
    assert counts(watch, "dagster_step_duration_seconds") == 500


def test_the_oldest_run_under_way_is_told_by_what_it_does() -> None:
    waiting = Run("a", "j", RunStatus.QUEUED, 50.0)
    working = [Run("b", "j", RunStatus.STARTED, 60.0, 70.0), Run("c", "j", RunStatus.STARTING, 65.0)]
    found = {one.labels["state"]: one.value for one in oldest([waiting, *working, run("d")]).samples}
    assert found == {"queued": 50.0, "started": 65.0}
    assert {one.value for one in oldest([run("d")]).samples} == {0.0}


def test_a_tick_that_was_due_is_asked_for_until_it_is_seen() -> None:
    now, last, asked = 1000.0, 0.0, 0

    def fetch() -> float:
        nonlocal asked
        asked += 1
        return last

    watch = ScheduleWatch(True, fetch, lambda: now)

    def seen(next_tick: float) -> dict[str, float]:
        state = ScheduleState("s", "RUNNING", "* * * * *", next_tick)
        watch.note(state)
        watch.ask_for_ticks()
        found = {metric.name.removeprefix("dagster_schedule_"): metric for metric in watch.families(state)}
        return {name: metric.samples[0].value for name, metric in found.items()}

    assert seen(1060.0) == {"expected": 1.0, "due_timestamp_seconds": 0.0, "last_tick_timestamp_seconds": 0.0}
    now = 1061.0
    assert seen(1120.0)["due_timestamp_seconds"] == 1060.0
    last = 1060.5
    assert seen(1120.0)["last_tick_timestamp_seconds"] == 1060.5
    before = asked
    seen(1120.0)
    assert asked == before, "nothing is due, so nobody is asked"


@pytest.mark.parametrize("status", ["STOPPED"])
def test_a_schedule_that_is_off_has_no_tick_due(status: str) -> None:
    watch = ScheduleWatch(False, lambda: 0.0, lambda: 2000.0)
    for _ in range(2):
        watch.note(ScheduleState("s", status, "* * * * *", 1000.0))
    values = {metric.name: metric.samples[0].value for metric in watch.families(ScheduleState("s", status, ""))}
    assert values["dagster_schedule_due_timestamp_seconds"] == 0.0
    assert values["dagster_schedule_expected"] == 0.0
