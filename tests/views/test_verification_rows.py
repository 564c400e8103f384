"""What `verify-governance` tried stands behind what people work on."""

from dataclasses import replace

from lab.base.runs import RunStatus
from lab.governance.rules.approval_states import PROBE
from lab.observe.snapshot import RunsView, Slice
from lab.views import PARTS, View
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
