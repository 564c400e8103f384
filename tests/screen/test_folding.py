"""The audit trail under its runs: decisions and refusals first, a run's entries behind one line."""

from dataclasses import replace

from lab.base.runs import RunStatus
from lab.governance.ledger import Entry, Status, seal
from lab.governance.rules.approval_states import PROBE
from lab.observe.snapshot import Snapshot
from tests.screen import snapshots
from tests.screen.fakes import playing
from tests.screen.test_narrowing import keys_of
from tests.views.panels import cells, panel

LIVE = f"run/{snapshots.RUNS[1].run_id}"


def with_entries(*entries: Entry) -> Snapshot:
    return replace(
        snapshots.HEALTHY, audit=snapshots.HEALTHY.audit.map(lambda a: replace(a, entries=(*entries, *a.entries)))
    )


def approval(status: Status = Status.APPROVED, owner: str = "ruth@example.com") -> Entry:
    stamp = snapshots.TRAIL[0].time
    return seal(
        Entry("approve", status, owner, "risk-officer", "staging", stamp, model_version="6"), snapshots.TRAIL[0]
    )


def test_decisions_and_refusals_stand_above_the_runs() -> None:
    for status in (Status.APPROVED, Status.REFUSED):
        rows = panel("audit", with_entries(approval(status))).rows
        assert [row.key for row in rows[:2]] == ["53", "27"]
        assert rows[2].key == LIVE


def test_a_run_is_one_line_with_its_newest_entry_and_how_it_stands() -> None:
    shown = panel("audit", snapshots.HEALTHY)
    assert cells(shown, LIVE)["action"] == "▸ run cc623a9b (5)"
    assert cells(shown, LIVE)["status"] == "▶ started"
    assert cells(shown, f"run/{snapshots.RUNS[3].run_id}")["status"] == "✗ failure"


def test_a_run_that_somebody_stopped_did_not_fail() -> None:
    def ended(run: str, reason: str) -> Snapshot:
        stamp = snapshots.TRAIL[0].time
        entry = Entry(
            "train_model", Status.FAILURE, "ann", "ml-engineer", "dev", stamp, run, details={"reason": reason}
        )
        return with_entries(seal(entry, snapshots.TRAIL[0]))

    stopped = next(run for run in snapshots.RUNS if run.status is RunStatus.CANCELED)
    # One that isn't among the newest runs is known by what ended its step.
    for run, reason in ((stopped.run_id, "killed"), ("f" * 32, "DagsterExecutionInterruptedError")):
        shown = panel("audit", ended(run, reason))
        assert cells(shown, f"run/{run}")["status"] == "■ canceled"
        assert next(row for row in shown.rows if row.key == f"run/{run}").cells["status"].spans[0].tone == "muted"
    assert cells(panel("audit", ended("f" * 32, "no room")), f"run/{'f' * 32}")["status"] == "✗ failure"


def test_what_a_verification_tried_is_one_quiet_line() -> None:
    shown = panel("audit", with_entries(approval(Status.REFUSED, PROBE)))
    row = next(row for row in shown.rows if row.key == f"run/{PROBE}")
    assert row.folds
    assert row.cells["status"].spans[0].tone == "muted"


async def test_enter_opens_and_shuts_a_run_and_a_filter_looks_inside() -> None:
    async with playing(snapshots.HEALTHY) as (app, pilot):
        assert keys_of(app, "audit")[:3] == ["27", LIVE, f"run/{snapshots.RUNS[2].run_id}"]
        await pilot.press("4", "j", "enter")
        assert keys_of(app, "audit")[:4] == ["27", LIVE, "52", "51"]
        await pilot.press("enter")
        assert keys_of(app, "audit")[2] == f"run/{snapshots.RUNS[2].run_id}"
        await pilot.press("slash", *"validate", "enter")
        await pilot.pause()
        assert "51" in keys_of(app, "audit")


async def test_a_step_without_an_end_is_shown_in_its_run() -> None:
    left = replace(
        snapshots.HEALTHY,
        runs=snapshots.HEALTHY.runs.map(lambda v: replace(v, runs=v.runs[2:])),
        models=snapshots.HEALTHY.models.map(lambda _: ()),
    )
    async with playing(left) as (app, pilot):
        await pilot.press("exclamation_mark")
        assert app.chosen("audit") == "52"
