"""What every panel does: states, shapes, details, and that nothing from outside steers the terminal."""

from dataclasses import replace

import pytest

from lab.base.model_versions import ModelVersion
from lab.base.runs import Run, RunStatus, Step
from lab.governance.ledger import Fault
from lab.observe.snapshot import Health, LabInfo, RunsView, ServiceState, Slice, Snapshot
from lab.views import PARTS, banner, title_line
from lab.views.cells import PanelState
from lab.views.models_panel import APPROVAL
from lab.views.probe_history import KEPT, History
from lab.views.runs_panel import STATUS
from lab.views.view import LEDGER_STATUS, health_mark
from tests.screen import snapshots
from tests.views.panels import panel, text, texts, view_of, with_part


@pytest.mark.parametrize("name", PARTS)
@pytest.mark.parametrize(
    ("snapshot", "state"),
    [
        (snapshots.WAITING, PanelState.WAITING),
        (snapshots.HEALTHY, PanelState.OK),
    ],
    ids=["waiting", "healthy"],
)
def test_state_of_every_panel(name: str, snapshot: Snapshot, state: PanelState) -> None:
    assert panel(name, snapshot).state is state


@pytest.mark.parametrize("name", PARTS)
def test_a_source_that_never_answered_shows_why(name: str) -> None:
    broken = with_part(name, Slice(None, None, "it's [red]broken[/]", snapshots.NOW))
    shown = panel(name, broken)
    assert shown.state is PanelState.FAILED
    assert "it's [red]broken[/]" in texts(shown.message)
    assert shown.rows == ()


@pytest.mark.parametrize("name", PARTS)
def test_a_source_that_stopped_answering_keeps_its_data_with_their_age(name: str) -> None:
    part = getattr(snapshots.HEALTHY, name)
    shown = panel(name, with_part(name, replace(part, fetched_at=snapshots.NOW - 125, error="gone away")))
    assert shown.state is PanelState.STALE
    assert text(shown.status).startswith("stale 2m · gone away")
    assert len(shown.rows) == len(panel(name, snapshots.HEALTHY).rows) > 0


@pytest.mark.parametrize("name", ["runs", "models", "audit", "drift"])
def test_an_empty_source_says_what_fills_it(name: str) -> None:
    shown = panel(name, snapshots.EMPTY)
    assert shown.state is PanelState.EMPTY
    assert "invoke" in texts(shown.message)


@pytest.mark.parametrize("name", ["runs", "models", "audit", "drift"])
def test_panels_are_calm_when_the_lab_is_not_up(name: str) -> None:
    shown = panel(name, snapshots.DOWN)
    assert shown.state is PanelState.WAITING
    assert "isn't up" in texts(shown.message)


def test_every_state_has_a_shape_of_its_own() -> None:
    assert len({health_mark(health).text for health in Health}) == len(Health)
    for shapes in (
        {STATUS[s][0] for s in (RunStatus.SUCCESS, RunStatus.FAILURE, RunStatus.STARTED, RunStatus.QUEUED)},
        {APPROVAL[s][0] for s in ("approved_prod", "approved_staging", "pending_prod", "rejected", "archived")},
    ):
        assert len(shapes) in {4, 5}
    assert set(STATUS) == set(RunStatus)
    assert {str(status) for status in LEDGER_STATUS} >= {"started", "success", "failure", "blocked"}


HOSTILE = "\x1b[31mred\x1b]0;title\x07\u202egpj.exe\x00\r\n[bold]x[/]"


def test_nothing_from_outside_can_steer_the_terminal() -> None:
    hostile = replace(
        snapshots.HEALTHY,
        lab=LabInfo(HOSTILE, HOSTILE, HOSTILE, HOSTILE, HOSTILE),
        services=Slice((ServiceState(HOSTILE, HOSTILE, Health.DOWN, HOSTILE, HOSTILE, HOSTILE),), snapshots.NOW),
        runs=Slice(
            RunsView((Run(HOSTILE, HOSTILE, RunStatus.STARTED, owner=HOSTILE, steps=(Step(HOSTILE, HOSTILE),)),)),
            snapshots.NOW,
        ),
        models=Slice(
            (ModelVersion(HOSTILE, HOSTILE, 0.0, HOSTILE, (HOSTILE,), {HOSTILE: HOSTILE}, {HOSTILE: 1.0}),),
            snapshots.NOW,
        ),
        audit=snapshots.HEALTHY.audit.map(
            lambda a: replace(
                a,
                entries=(replace(a.entries[0], action=HOSTILE, owner=HOSTILE, details={HOSTILE: 1.5}),),
                faults=(Fault(1, HOSTILE),),
            )
        ),
        alerts=Slice((replace(snapshots.ALERTS[0], name=HOSTILE, summary=HOSTILE, labels={HOSTILE: HOSTILE}),), 1.0),
    )
    view = view_of(hostile, history=History().with_snapshot(hostile), trouble=HOSTILE)
    lines = [title_line(view, 200), banner(view)]
    for part in PARTS.values():
        shown = part.panel(view)
        lines += [*shown.lines, *shown.message, shown.status]
        for row in shown.rows:
            lines += [cell.spans for cell in row.cells.values()]
            lines += [row.spill[1].spans] if row.spill else []
            found = part.detail(row.key, view)
            assert found is not None
            lines += [*found.lines]
    drawn = "".join(text(line) for line in lines)
    assert "red" in drawn
    assert not [char for char in drawn if ord(char) < 32 or char in "\x7f\u202e"]


@pytest.mark.parametrize("name", PARTS)
@pytest.mark.parametrize("state", snapshots.ALL)
def test_every_row_has_a_detail_and_every_line_fits(name: str, state: str) -> None:
    view = view_of(snapshots.ALL[state])
    shown = PARTS[name].panel(view)
    assert len({row.key for row in shown.rows}) == len(shown.rows)
    for row in shown.rows:
        assert set(row.cells) <= {column.key for column in shown.columns}
        assert PARTS[name].detail(row.key, view) is not None
    assert PARTS[name].detail("no such row", view_of(snapshots.WAITING)) is None


def test_history_grows_once_per_reading_and_is_bounded() -> None:
    history = History().with_snapshot(snapshots.HEALTHY)
    assert history.with_snapshot(snapshots.HEALTHY) is history
    assert history.with_snapshot(snapshots.WAITING) is history
    for second in range(KEPT + 10):
        moved = replace(snapshots.HEALTHY.services, fetched_at=snapshots.NOW + second)
        history = history.with_snapshot(replace(snapshots.HEALTHY, services=moved))
    assert len(history.of("mlflow")) == KEPT
    assert history.of("mlflow")[-1].at == snapshots.NOW + KEPT + 9
    assert history.of("unknown") == ()
