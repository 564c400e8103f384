"""Questions, activity, help and order as pictures, at a stopped clock. `--snapshot-update` takes new ones."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from textual.command import CommandList
from textual.pilot import Pilot
from textual.widgets import Input

from lab.observe.polling import Connection
from lab.observe.snapshot import Snapshot
from lab.screen import themes
from lab.screen.app import LabApp
from lab.views.jobs import ActionResult, Job, Jobs
from tests.screen import snapshots
from tests.screen.doing import OWNERS_GATES, Scripted
from tests.screen.fakes import Playing

NARROW, USUAL = (80, 24), (120, 40)


def screen(snapshot: Snapshot = snapshots.DRIFTED, runner: Scripted | None = None, readonly: bool = False) -> LabApp:
    """An app whose poller hands out one snapshot."""
    observer = Playing(snapshot)
    app = LabApp(
        lambda: Connection(observer, snapshots.WAITING),
        interval_s=3600.0,
        clock=lambda: snapshots.CLOCK,
        runner=runner or Scripted(),
        readonly=readonly,
    )
    app.wanted = snapshot  # type: ignore[attr-defined]
    return app


def pressing(*keys: str) -> Callable[[Pilot[None]], object]:
    """Waits for the snapshot, then presses the keys, each when the one before has been dealt with."""

    async def run(pilot: Pilot[None]) -> None:
        app = pilot.app
        while app.view.snapshot is not app.wanted:  # type: ignore[attr-defined]
            await pilot.pause()
        for key in keys:
            await pilot.press(key)
            await pilot.pause()
        # The palette gathers its commands in the background, and its cursor blinks.
        while "colon" in keys and not app.screen.query_one(CommandList).option_count:
            await pilot.pause()
        for line in app.screen.query(Input):
            line.cursor_blink = False
        await pilot.pause()

    return run


SHOWN = {
    "sign": (("3", "a"), Scripted()),
    "sign-closed": (("3", "P"), Scripted(gates=OWNERS_GATES)),
    "confirm": (("1", "j", "j", "R"), Scripted()),
    "reason": (("5", "m", "enter"), Scripted()),
    "help": (("3", "question_mark"), Scripted()),
    "order": (("1", "s", "s", "s", "2", "s", "S"), Scripted()),
    "wrong-filter": (("4", "slash", "["), Scripted()),
    "under-way": (
        ("2", "n", "left", "enter"),
        Scripted(lines=("ingest_data success 0.4 s", "train_model in progress")),
    ),
}


@pytest.mark.parametrize("size", [NARROW, USUAL], ids=["80x24", "120x40"])
@pytest.mark.parametrize("name", SHOWN)
def test_doing(snap_compare: Callable[..., bool], name: str, size: tuple[int, int]) -> None:
    keys, runner = SHOWN[name]
    assert snap_compare(screen(runner=runner), terminal_size=size, run_before=pressing(*keys))


def test_read_only(snap_compare: Callable[..., bool]) -> None:
    app = screen(readonly=True)
    assert snap_compare(app, terminal_size=USUAL, run_before=pressing("3", "question_mark"))


def test_the_palette(snap_compare: Callable[..., bool]) -> None:
    assert snap_compare(screen(), terminal_size=USUAL, run_before=pressing("colon"))


JOBS = Jobs(
    (
        Job(1, "seed", "Seed the data", snapshots.NOW - 900, (), snapshots.NOW - 898,
            ActionResult(True, "current data 2c0bae00275c, 1,000 rows: no drift", "Launch a demo run on it.",
                 ("credit_amount: PSI 0.000, stable",))),
        Job(2, "approve", "Approve version 7", snapshots.NOW - 300, (), snapshots.NOW - 297,
            ActionResult(False, "refused: approve version 7, by the gate four eyes; audit entry 52", "",
                 ("● state: pending_staging → approved_staging", "✗ four eyes: owner and approver are the same"))),
        Job(3, "demo-run", "Launch a demo run", snapshots.NOW - 8,
            ("run launched 6a99b44c", "ingest_data success 0.4 s", "train_model in progress")),
    )
)  # fmt: skip


@pytest.mark.parametrize("jobs", [Jobs(), JOBS], ids=["empty", "some"])
def test_activity(snap_compare: Callable[..., bool], jobs: Jobs) -> None:
    app = screen()
    app.view = replace(app.view, jobs=jobs)
    assert snap_compare(app, terminal_size=USUAL, run_before=pressing("A"))


@pytest.mark.parametrize("keys", [("2", "j"), ("3", "a")], ids=["main", "question"])
def test_without_colour(
    snap_compare: Callable[..., bool], monkeypatch: pytest.MonkeyPatch, keys: tuple[str, ...]
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert snap_compare(screen(snapshots.STALE), terminal_size=NARROW, run_before=pressing(*keys))


def test_high_contrast(snap_compare: Callable[..., bool]) -> None:
    app = screen(snapshots.STALE)
    app.theme = themes.CONTRAST.name
    assert snap_compare(app, terminal_size=USUAL, run_before=pressing("1"))
