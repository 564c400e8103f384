"""Starting and stopping one service from the screen: what is said before, and what is refused."""

from dataclasses import replace

import pytest
from textual.widgets import Static

from lab.observe.snapshot import Health, Snapshot
from lab.screen.screens.main_screen import MainScreen
from lab.screen.screens.service_screen import ServiceScreen
from lab.views.jobs import ActionResult
from tests.screen import snapshots
from tests.screen.detail_sources import all_sources
from tests.screen.doing import Scripted, confirming, doing
from tests.screen.drilling import drilled, picture, shown


def with_stopped(name: str) -> Snapshot:
    """A healthy lab in which a person stopped one service."""
    stopped = {"health": Health.DOWN, "stopped": True, "reason": "stopped by ada at 14:03"}
    services = tuple(replace(one, **stopped) if one.name == name else one for one in snapshots.SERVICES)  # type: ignore[arg-type]
    return replace(snapshots.HEALTHY, services=replace(snapshots.HEALTHY.services, value=services))


async def test_a_stop_is_asked_about_with_what_fails_without_it_and_the_safe_answer_has_the_focus() -> None:
    runner = Scripted(ActionResult(True, "done"))
    async with doing(runner, snapshots.HEALTHY) as (app, pilot):
        await pilot.press("1", "home", "x")
        screen = await confirming(app, pilot)
        said = str(screen.query_one("#body Static", Static).render())
        assert "MLflow, Dagster code location, Dagster, Dagster daemon" in said
        running = [one.run_id[:8] for one in snapshots.RUNS if not one.status.finished]
        assert f"Runs under way: {', '.join(running)}" in said
        assert screen.focused is screen.query_one("#no")
        # Enter without reading, and a pasted line, change nothing.
        await pilot.press("enter")
        await pilot.pause()
        assert isinstance(app.screen, MainScreen)
        assert runner.asked == []


@pytest.mark.parametrize(
    ("snapshot", "keys", "said"),
    [
        (snapshots.HEALTHY, "1 home u", "PostgreSQL runs already; key R restarts it."),
        (with_stopped("postgres"), "1 home x", "PostgreSQL is stopped already; key u starts it."),
        (snapshots.HEALTHY, "1 end x", "Grafana isn't installed: grafana is not installed: put its binary on PATH"),
        (snapshots.DOWN, "1 home u", "The lab isn't up: “Start the lab” in the palette starts it."),
    ],
)
async def test_what_can_not_be_started_or_stopped_says_why(snapshot: Snapshot, keys: str, said: str) -> None:
    async with doing(Scripted(ActionResult(True, "done")), snapshot) as (app, pilot):
        await pilot.press(*keys.split())
        await pilot.pause()
        assert said in [notice.message for notice in app._notifications]
        assert isinstance(app.screen, MainScreen)


async def test_a_read_only_screen_starts_and_stops_nothing() -> None:
    runner = Scripted(ActionResult(True, "done"))
    async with doing(runner, with_stopped("postgres"), readonly=True) as (app, pilot):
        await pilot.press("1", "home", "u", "x")
        await pilot.pause()
        assert isinstance(app.screen, MainScreen)
    async with drilled("service", readonly=True) as (app, pilot, screen):
        await pilot.press("u", "x")
        await pilot.pause()
        assert app.screen is screen


async def test_d_shows_who_needs_whom_from_the_panel_and_enter_opens_another_one() -> None:
    async with drilled("service", all_sources(), way="1 home d") as (app, pilot, screen):
        assert isinstance(screen, ServiceScreen)
        assert screen.page.id == "needs"
        assert "PostgreSQL ◂" in shown(screen)
        await pilot.press("j", "enter")
        await pilot.pause()
        assert isinstance(app.screen, ServiceScreen)
        assert app.screen.key == "mlflow"
        await pilot.press("d")
        assert "MLflow ◂" in shown(app.screen)
        assert "no answer within 2 s" in shown(app.screen)
        await pilot.press("escape")
        assert app.screen is screen


async def test_the_tree_says_what_is_down_because_of_what() -> None:
    services = tuple(
        replace(one, health=Health.DOWN, reason="503") if one.name in {"mlflow", "dagster"} else one
        for one in with_stopped("postgres").services.value or ()
    )
    snapshot = replace(snapshots.HEALTHY, services=replace(snapshots.HEALTHY.services, value=services))
    async with drilled("service", snapshot=snapshot, way="1 home d", size=(60, 20)) as (_, _pilot, screen):
        assert "■ stopped" in shown(screen)
        assert "stopped by ada at 14:03" in shown(screen)
        assert shown(screen).count("needs PostgreSQL") == 3  # MLflow stands under the store as well
        assert "▲ 2 not up because of PostgreSQL" in shown(screen)


async def test_usage_is_drawn_at_any_size() -> None:
    for size in ((60, 20), (80, 24), (120, 40), (200, 60)):
        async with drilled("service", snapshot=snapshots.HEALTHY, size=size) as (app, pilot, screen):
            for number in range(1, 30):
                used = tuple(
                    replace(one, cpu=number % 7 / 20, measured_at=snapshots.NOW + number * 10)
                    for one in snapshots.SERVICES
                )
                moved = replace(snapshots.HEALTHY.services, value=used, fetched_at=snapshots.NOW + number)
                later = replace(snapshots.HEALTHY, services=moved)
                app.view = replace(app.view, snapshot=later, history=app.view.history.with_snapshot(later))
            screen.show(app.view)
            await pilot.press("5")
            await pilot.pause()
            assert "now 5.0% · least 0.0% · most 30%" in shown(screen)
            assert "30 readings" in shown(screen)
            assert "memory" in picture(screen)
