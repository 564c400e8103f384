"""The runs: their steps, and which one failed."""

from dataclasses import replace

from lab.base.runs import Run, RunStatus, Step
from lab.observe.snapshot import RunsView, Slice
from tests.screen import snapshots
from tests.views.panels import cells, panel


def test_a_running_run_shows_its_step_and_its_time_so_far() -> None:
    shown = cells(panel("runs", snapshots.HEALTHY), snapshots.RUNS[1].run_id)
    assert shown["status"] == "▶ step 3/4"
    assert shown["steps"] == "●●◐○ train_model"
    assert shown["took"] == "3.4s"


def test_a_failed_run_names_the_step_that_failed() -> None:
    assert cells(panel("runs", snapshots.HEALTHY), snapshots.RUNS[3].run_id)["steps"] == "●✗○○ validate_data"


def test_a_run_of_another_job_has_the_steps_it_has() -> None:
    run = Run("r", "other", RunStatus.STARTED, 0.0, 1.0, steps=(Step("a", "SUCCESS"), Step("b", "SOMETHING_NEW")))
    snapshot = replace(snapshots.HEALTHY, runs=Slice(RunsView((run,)), snapshots.NOW))
    assert cells(panel("runs", snapshot), "r")["steps"] == "●○"
    assert cells(panel("runs", snapshot), "r")["status"] == "▶ step 2/2"
