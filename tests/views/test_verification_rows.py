"""What `verify-governance` tried stands behind what people work on."""

from dataclasses import replace

from lab.base.runs import RunStatus
from lab.governance.ledger import Status
from lab.governance.rules.approval_states import PROBE
from lab.observe.snapshot import RunsView, Slice
from lab.views import PARTS, View
from lab.views.folding import folded
from tests.screen import snapshots

NEWEST = snapshots.NOW + 60


def keys(part: str, **changes: object) -> list[str]:
    shown = PARTS[part].panel(View(replace(snapshots.HEALTHY, **changes), snapshots.CLOCK))  # type: ignore[arg-type]
    return [row.key for row in shown.rows]


def test_versions_of_people_come_first() -> None:
    waiting, older = snapshots.MODELS[:2]
    probe = replace(waiting, version="99", created_at=NEWEST, tags={**waiting.tags, "owner": PROBE})
    shown = keys("models", models=Slice((probe, waiting, older), snapshots.NOW))
    assert shown == [f"{one.name}/{one.version}" for one in (waiting, older, probe)]


def test_runs_of_people_come_first_unless_a_try_is_under_way() -> None:
    probe = replace(snapshots.RUNS[3], run_id="tried", trigger=PROBE, created_at=NEWEST)
    trying = replace(probe, run_id="trying", status=RunStatus.STARTED)
    runs = (trying, probe, *snapshots.RUNS[1:3])
    shown = keys("runs", runs=Slice(RunsView(runs), snapshots.NOW))
    assert shown == ["trying", *(run.run_id for run in snapshots.RUNS[1:3]), "tried"]


def test_baselines_are_one_row_wherever_their_newest_entry_belongs() -> None:
    """Every model has some from its first minute on: many models would push what people look for out of sight."""
    audit = snapshots.HEALTHY.audit.value
    assert audit
    run = next(entry for entry in audit.entries if entry.run_id)
    baselines = tuple(
        replace(run, seq=seq, action="baseline", status=status, run_id="", owner="ann@example.com")
        for seq, status in enumerate((Status.REQUESTED, Status.SUCCESS) * 50, 1)
    )[::-1]
    refused = replace(baselines[0], seq=101, status=Status.REFUSED)
    newest = replace(run, seq=102, status=Status.STARTED)
    value = replace(audit, entries=(newest, refused, *baselines), uncounted=(), unfinished=())
    shown = PARTS["audit"].panel(View(replace(snapshots.HEALTHY, audit=Slice(value, snapshots.NOW)), snapshots.CLOCK))
    assert [row.key for row in folded(shown.rows, set())] == ["101", f"run/{run.run_id}", "run/baselines"]
    assert "▸ baselines (100)" in shown.rows[3].text
