"""Marks: what of two snapshots is worth a place on the timeline."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from lab.base.alerts import Alert
from lab.base.runs import RunStatus
from lab.governance.ledger import Fault
from lab.observe.snapshot import Health, Slice, Snapshot
from lab.recording.marks import changes
from lab.recording.playback import Recording
from lab.views.cells import Tone
from tests.screen import recordings, snapshots
from tests.screen.recordings import START, STEP_S


def said(before: Snapshot, after: Snapshot) -> list[tuple[Tone, str]]:
    return [(mark.tone, mark.text) for mark in changes(before, after)]


def with_run(status: RunStatus) -> Snapshot:
    return next(s for s in recordings.busy(40) if (v := s.runs.value) and v.runs[0].status is status)


MARKS: dict[str, tuple[Callable[[], tuple[Snapshot, Snapshot]], list[tuple[Tone, str]]]] = {
    "nothing": (lambda: (snapshots.HEALTHY, snapshots.HEALTHY), []),
    "first answers": (lambda: (snapshots.WAITING, snapshots.HEALTHY), []),
    "trouble": (
        lambda: (snapshots.HEALTHY, snapshots.DRIFTED),
        [
            (Tone.BAD, "MLflow down"),
            (Tone.WARN, "Prometheus degraded"),
            (Tone.BAD, "data drifted"),
            (Tone.BAD, "alert SyntheticDataDriftDetected firing"),
            (Tone.WARN, "alert ServiceDown pending"),
        ],
    ),
    "recovery": (
        lambda: (snapshots.DRIFTED, replace(snapshots.HEALTHY, drift=snapshots.DRIFTED.drift)),
        [
            (Tone.OK, "MLflow up"),
            (Tone.OK, "Prometheus up"),
            (Tone.OK, "alert SyntheticDataDriftDetected over"),
            (Tone.OK, "alert ServiceDown over"),
        ],
    ),
    "a broken trail": (
        lambda: (
            snapshots.HEALTHY,
            replace(
                snapshots.HEALTHY, audit=snapshots.HEALTHY.audit.map(lambda a: replace(a, faults=(Fault(1, "x"),)))
            ),
        ),
        [(Tone.BAD, "audit trail broken")],
    ),
    "a run ends": (
        lambda: (with_run(RunStatus.STARTED), with_run(RunStatus.SUCCESS)),
        [(Tone.OK, "run 00000000 success")],
    ),
    "an approval": (
        lambda: (
            snapshots.HEALTHY,
            replace(
                snapshots.HEALTHY,
                models=Slice(
                    (
                        replace(snapshots.MODELS[1], aliases=("challenger", "champion")),
                        replace(snapshots.MODELS[4], tags={"approval_state": "rejected"}),
                        *snapshots.MODELS[5:],
                    ),
                    snapshots.NOW,
                ),
            ),
        ),
        [(Tone.OK, "CreditRiskModel v6 is @champion"), (Tone.BAD, "CreditRiskModel v3 rejected")],
    ),
}


@pytest.mark.parametrize("name", MARKS)
def test_a_mark_stands_where_something_changed(name: str) -> None:
    pair, expected = MARKS[name]
    assert said(*pair()) == expected


def test_a_new_run_and_a_new_version_are_marked_and_old_ones_that_come_into_view_are_not() -> None:
    fewer = replace(
        snapshots.HEALTHY,
        models=Slice(snapshots.MODELS[1:-1], snapshots.NOW),
        runs=snapshots.HEALTHY.runs.map(lambda v: replace(v, runs=v.runs[1:-1])),
    )
    assert said(fewer, snapshots.HEALTHY) == [
        (Tone.ACCENT, f"run {snapshots.RUNS[0].run_id[:8]} began"),
        (Tone.ACCENT, "CreditRiskModel v7 registered"),
    ]


def test_marks_come_back_in_order_without_unpacking_anything(tmp_path: Path) -> None:
    path = recordings.made(tmp_path / "day", recordings.day(90))
    with Recording(path) as recording:
        assert [mark.text for mark in recording.marks][:1] == ["MLflow down"]
        assert [mark.at - START for mark in recording.marks] == [60.0] * 5 + [120.0] * 5
        assert recording.decoded == 0


def test_a_mark_can_not_steer_a_terminal() -> None:
    evil = Alert("x\x1b[2J\u202e" + "y" * 200, "firing", "critical", "", START)
    ((tone, text),) = said(snapshots.HEALTHY, replace(snapshots.HEALTHY, alerts=Slice((evil,), START)))
    assert tone is Tone.BAD
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert len(text) <= 80


def test_a_service_that_comes_and_goes_is_marked_each_time(tmp_path: Path) -> None:
    well = [recordings.at(snapshots.HEALTHY, START + n * STEP_S) for n in range(6)]
    flapping = [recordings.down(s, "mlflow") if n % 2 else s for n, s in enumerate(well)]
    with Recording(recordings.made(tmp_path / "flap", flapping)) as recording:
        assert [mark.text.split()[-1] for mark in recording.marks] == [Health.DOWN, Health.UP] * 2 + [Health.DOWN]


def test_the_data_of_which_model_drifted_is_marked_where_there_are_several() -> None:
    calm = tuple(replace(report, features=()) for report in snapshots.MANY.drift.value or ())
    before = replace(snapshots.MANY, drift=Slice(calm, snapshots.NOW))
    assert [mark.text for mark in changes(before, snapshots.MANY)] == ["data of house-prices drifted"]
