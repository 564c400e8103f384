"""Notices of what somebody who looks elsewhere should know, and the bell that can come with them."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from textual import events
from textual.pilot import Pilot

from lab.base.runs import RunStatus
from lab.observe.snapshot import Health, RunsView, Snapshot
from lab.recording.marks import news
from lab.screen.app import LabApp
from lab.screen.messages import SnapshotTaken
from lab.screen.saved_layout import SavedLayout
from lab.screen.screens.confirm_screen import ConfirmScreen
from lab.views.cells import Tone
from lab.views.jobs import ActionResult, Job, Jobs, own_news
from tests.screen import snapshots
from tests.screen.doing import Scripted, confirming, doing


@asynccontextmanager
async def then(snapshot: Snapshot, memory: SavedLayout | None = None) -> AsyncIterator[tuple[LabApp, Pilot[None]]]:
    async with doing(Scripted(), snapshots.HEALTHY, memory=memory) as (app, pilot):
        app.post_message(SnapshotTaken(snapshot))
        await pilot.pause()
        await pilot.pause()
        yield app, pilot


def notices(app: LabApp) -> list[tuple[str, str]]:
    return [(note.message, note.severity) for note in app._notifications]


def with_health(health: Health, *names: str) -> Snapshot:
    services = snapshots.HEALTHY.services.map(
        lambda states: tuple(replace(s, health=health) if s.name in names else s for s in states)
    )
    return replace(snapshots.HEALTHY, services=services)


def with_status(index: int, status: RunStatus) -> Snapshot:
    runs: Sequence = snapshots.RUNS
    changed = tuple(replace(run, status=status) if n == index else run for n, run in enumerate(runs))
    return replace(snapshots.HEALTHY, runs=snapshots.HEALTHY.runs.map(lambda _: RunsView(changed)))


TOLD = {
    "a service goes": (with_health(Health.DOWN, "mlflow"), [("MLflow down", "error")]),
    "a service is slow": (with_health(Health.DEGRADED, "mlflow"), []),
    "a run ends": (with_status(1, RunStatus.SUCCESS), [("run cc623a9b success", "information")]),
    "a run fails": (with_status(1, RunStatus.FAILURE), [("run cc623a9b failure", "error")]),
    "an alert fires": (
        replace(snapshots.HEALTHY, alerts=snapshots.DRIFTED.alerts),
        [("alert SyntheticDataDriftDetected firing", "error")],
    ),
    "a person takes the lab down": (
        snapshots.TAKEN_DOWN,
        [("the lab was taken down by ada.lovelace@example.com at 14:03", "information")],
    ),
    "nothing": (replace(snapshots.HEALTHY, taken_at=snapshots.NOW), []),
}


@pytest.mark.parametrize("name", TOLD)
async def test_what_happens_is_told_once(name: str) -> None:
    snapshot, expected = TOLD[name]
    async with then(snapshot) as (app, _):
        assert notices(app) == expected


def test_an_alert_that_was_told_is_over_and_one_that_never_fired_is_no_news() -> None:
    calm, alerts = snapshots.HEALTHY, replace(snapshots.HEALTHY, alerts=snapshots.DRIFTED.alerts)
    assert {alert.state for alert in alerts.alerts.value or ()} == {"firing", "pending"}
    assert news(alerts, calm) == ((Tone.OK, "alert SyntheticDataDriftDetected over"),)
    # Fires no more, but may again.
    pending = replace(calm, alerts=alerts.alerts.map(lambda found: tuple(replace(a, state="pending") for a in found)))
    assert news(alerts, pending) == ((Tone.OK, "alert SyntheticDataDriftDetected over"),)
    assert news(pending, calm) == ()
    # One that was just started again hasn't looked yet.
    restarted = replace(calm, services=with_health(Health.STARTING, "prometheus").services)
    assert news(replace(alerts, services=restarted.services), restarted) == ()


@pytest.mark.parametrize(
    ("action", "health", "names", "told"),
    [
        ("stop", Health.DOWN, ("mlflow",), []),
        ("restart", Health.DOWN, ("mlflow", "dagster"), ["Dagster down"]),
        ("seed", Health.DOWN, ("mlflow",), ["MLflow down"]),
    ],
)
def test_what_an_action_from_here_tells_by_itself_is_no_news(
    action: str, health: Health, names: Sequence[str], told: Sequence[str]
) -> None:
    jobs = Jobs().begun(Job(1, action, "Stop mlflow", 10.0, target="mlflow"))
    found = [text for _, text in news(snapshots.HEALTHY, with_health(health, *names))]
    for done in (jobs, jobs.ended(1, ActionResult(True, "done"), 12.0)):
        assert [one for one in found if not own_news(done, 14.0)(one)] == told
    later = jobs.ended(1, ActionResult(True, "done"), 12.0)
    assert not any(own_news(later, 60.0)(one) for one in found)


async def test_a_lab_that_goes_as_a_whole_is_one_notice() -> None:
    names = [state.name for state in snapshots.SERVICES if state.health is Health.UP]
    async with then(with_health(Health.DOWN, *names)) as (app, _):
        ((said, _level),) = notices(app)
        assert said.splitlines()[-1] == f"and {len(names) - 4} more"


async def test_the_bell_rings_only_where_it_was_asked_for_and_that_is_remembered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rung: list[str] = []
    monkeypatch.setattr(LabApp, "bell", lambda _: rung.append("ring"))
    memory = SavedLayout(tmp_path / "screen.json")
    async with then(with_health(Health.DOWN, "mlflow"), memory) as (app, pilot):
        assert rung == []
        app.action_ring()
        app.post_message(SnapshotTaken(snapshots.HEALTHY))
        await pilot.pause()
        await pilot.pause()
        assert rung == ["ring"]
        assert "Bell off" in {command.title for command in app.get_system_commands(app.screen)}
    assert memory.load()[0].bell


CHANGING = ("up", "demo-run", "seed", "drift", "reset", "restart", "relaunch", "cancel", "silence")


@pytest.mark.parametrize("name", CHANGING)
async def test_everything_that_changes_something_asks_and_enter_alone_changes_nothing(name: str) -> None:
    targets = {
        "restart": "mlflow",
        "relaunch": snapshots.RUNS[2].run_id,
        "cancel": snapshots.RUNS[1].run_id,
        "silence": "alert/SyntheticDataDriftDetected/alertname=SyntheticDataDriftDetected,severity=warning",
    }
    runner = Scripted(ActionResult(True, "done"))
    async with doing(runner) as (app, pilot):
        app.want(name, targets.get(name, ""))
        screen = await confirming(app, pilot)
        # As a line that was pasted would come where the terminal doesn't mark it as one.
        await pilot.press(*"yes", "enter", "enter")
        await pilot.pause()
        assert runner.asked == []
        assert app.screen is not screen or isinstance(app.screen, ConfirmScreen)


async def test_pasted_text_does_nothing_on_the_main_screen() -> None:
    runner = Scripted(ActionResult(True, "done"))
    async with doing(runner) as (app, pilot):
        await pilot.press("2")
        app.post_message(events.Paste("n\nR\nq\n:quit\n"))
        await pilot.pause()
        assert app.is_running
        assert app.screen is app.main_screen
        assert runner.asked == []


async def test_a_run_that_has_ended_offers_no_stop() -> None:
    async with doing(Scripted()) as (app, pilot):
        await pilot.press("2", "j", "j", "c")
        await pilot.pause()
        assert notices(app)[-1] == (f"Run {snapshots.RUNS[2].run_id[:8]} has ended already: success.", "warning")
        titles = {command.title for command in app.get_system_commands(app.screen)}
        assert not any(title.startswith("Stop run") for title in titles)
        await pilot.press("k")
        titles = {command.title for command in app.get_system_commands(app.screen)}
        assert f"Stop run {snapshots.RUNS[1].run_id[:8]}" in titles
