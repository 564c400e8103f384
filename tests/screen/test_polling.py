"""The screen lives on whatever its observer does."""

import asyncio
import threading
from dataclasses import replace

import pytest
from textual.widgets import Static

from lab.base.errors import SettingsError
from lab.base.runs import Run, RunStatus
from lab.observe.polling import Connection, Poller
from lab.observe.snapshot import RunsView, Slice, Snapshot
from lab.screen.screens.detail_screen import DetailScreen
from lab.screen.screens.main_screen import MainScreen
from lab.screen.widgets.panel import Panel
from lab.views import PARTS
from lab.views.probe_history import History
from tests.screen import snapshots
from tests.screen.fakes import NotingApp, Playing, app_on, at_once, shown
from tests.screen.settling import Settling, live_app


def panel_of(app: NotingApp, name: str) -> Panel:
    return app.screen_stack[0].query_one(f"#{name}", Panel)


def banner_of(app: NotingApp) -> str:
    return str(app.screen_stack[0].query_one("#banner", Static).render())


async def test_keys_work_while_the_observer_hangs() -> None:
    observer = Playing()
    app = app_on(observer)
    async with app.run_test() as pilot:
        await observer.ended.wait()
        await pilot.press("2")
        assert panel_of(app, "runs").has_focus_within
        assert panel_of(app, "runs").has_class("-waiting")
        await pilot.press("question_mark", "escape", "q")
        assert not app.is_running


async def test_keys_work_while_the_observer_is_being_made() -> None:
    release = threading.Event()

    def slow() -> Connection:
        release.wait(30)
        return Connection(Playing(snapshots.HEALTHY), snapshots.WAITING)

    app = NotingApp(slow, clock=lambda: snapshots.CLOCK)
    async with app.run_test() as pilot:
        await pilot.press("4")
        assert panel_of(app, "audit").has_focus_within
        release.set()
        await shown(app, pilot, snapshots.HEALTHY)


# So long that only `r` ends the pause between two ticks: the tests decide when the next one comes.
NEVER_S = 3600.0


async def test_an_observer_that_raises_is_asked_again() -> None:
    observer = Playing(KeyError("[bold]services[/]"), snapshots.HEALTHY)
    app = app_on(observer, interval_s=NEVER_S)
    async with app.run_test() as pilot:
        while not app.view.trouble:
            await pilot.pause()
        assert "KeyError: '[bold]services[/]'" in banner_of(app)
        await pilot.press("r")
        await shown(app, pilot, snapshots.HEALTHY)
        assert banner_of(app) == ""


async def test_a_factory_that_fails_is_explained_and_tried_again() -> None:
    failures = [SettingsError("ENVIRONMENT='production' is unknown.", "Use one of: dev, staging, prod.")]

    def factory() -> Connection:
        if failures:
            raise failures.pop()
        return Connection(Playing(snapshots.HEALTHY), snapshots.WAITING)

    app = NotingApp(factory, interval_s=NEVER_S, clock=lambda: snapshots.CLOCK)
    async with app.run_test() as pilot:
        while not app.view.trouble:
            await pilot.pause()
        assert "ENVIRONMENT='production' is unknown. Use one of: dev, staging, prod." in banner_of(app)
        await pilot.press("r")
        await shown(app, pilot, snapshots.HEALTHY)
        assert banner_of(app) == ""


async def test_settings_that_are_written_while_the_screen_is_open_count_at_once() -> None:
    # As a first `invoke up` writes them: with the passwords that were missing until then.
    first, second, written = Playing(snapshots.DOWN), Playing(snapshots.HEALTHY), False
    given = [Connection(first, snapshots.WAITING, lambda: written), Connection(second, snapshots.WAITING)]
    wrong = [SettingsError("ENVIRONMENT='production' is unknown.", "Use one of: dev, staging, prod.")]

    def factory() -> Connection:
        if written and wrong:
            raise wrong.pop()
        return given.pop(0)

    app = NotingApp(factory, interval_s=NEVER_S, clock=lambda: snapshots.CLOCK)
    async with app.run_test() as pilot:
        await shown(app, pilot, snapshots.DOWN)
        written = True
        app.lab.poller.hurry()  # as the end of the pause would
        while not app.view.trouble:
            await pilot.pause()
        # As long as they can't be taken, what is known stays, and what was open stays open.
        assert "ENVIRONMENT='production' is unknown." in banner_of(app)
        assert app.view.snapshot is snapshots.DOWN
        assert not first.closed
        app.lab.poller.hurry()
        await shown(app, pilot, snapshots.HEALTHY)
        assert first.closed
        assert banner_of(app) == ""


async def test_a_lab_that_comes_up_is_shown_without_a_key() -> None:
    observer = Playing(snapshots.DOWN, snapshots.HEALTHY)
    app = app_on(observer, interval_s=NEVER_S)
    async with app.run_test() as pilot:
        await shown(app, pilot, snapshots.DOWN)
        assert "invoke up" in banner_of(app)
        app.lab.poller.hurry()  # as the end of the pause would
        await shown(app, pilot, snapshots.HEALTHY)
        assert banner_of(app) == ""
        assert panel_of(app, "runs").has_class("-ok")


async def test_failures_make_the_pauses_longer_but_not_endless() -> None:
    poller = Poller(lambda: Connection(Playing(), snapshots.WAITING), print, print, 2.0)
    assert [poller.pause_after(n) for n in (0, 1, 2, 3, 10_000)] == [2, 4, 8, 15, 15]
    assert Poller(lambda: Connection(Playing(), snapshots.WAITING), print, print, 60.0).pause_after(5) == 60


async def test_one_failed_source_changes_only_its_panel() -> None:
    observer = Playing(snapshots.HEALTHY, snapshots.ONE_FAILED)
    app = app_on(observer)
    async with app.run_test(size=(120, 40)) as pilot:
        await observer.ended.wait()
        await pilot.pause()
        failed = [name for name in PARTS if panel_of(app, name).has_class("-failed")]
        assert failed == ["models"]
        assert [name for name in PARTS if panel_of(app, name).has_class("-ok")] == [n for n in PARTS if n != "models"]


async def test_leaving_closes_the_observer() -> None:
    observer = Playing(snapshots.HEALTHY)
    app = app_on(observer)
    async with app.run_test() as pilot:
        await observer.ended.wait()
        await pilot.press("q")
    assert observer.closed


async def test_time_and_snapshots_that_come_while_the_app_ends_are_harmless() -> None:
    observer = Playing(snapshots.HEALTHY)
    app = app_on(observer)
    async with app.run_test() as pilot:
        await observer.ended.wait()
        await pilot.press("2", "enter")
        await pilot.pause()
    for snapshot in (snapshots.DOWN, snapshots.DRIFTED):
        app._show(replace(app.view, snapshot=snapshot))
        app._heartbeat()


async def test_a_key_pressed_right_after_another_goes_to_the_new_panel() -> None:
    observer = Playing(snapshots.DRIFTED)
    app = app_on(observer)
    async with app.run_test() as pilot:
        await observer.ended.wait()
        await pilot.pause()
        at_once(app, "3", "enter")
        while not isinstance(app.screen, DetailScreen):
            await pilot.pause(0.01)
        assert app.screen.part == "models"


async def test_ticks_never_overlap_and_a_hanging_one_is_given_up() -> None:
    class Slow:
        running = most = ticks = 0

        async def tick(self, previous: Snapshot) -> Snapshot:
            self.running += 1
            self.ticks += 1
            self.most = max(self.most, self.running)
            try:
                await asyncio.Event().wait()
                raise AssertionError
            finally:
                self.running -= 1

        async def aclose(self) -> None:
            return None

    slow, complaints, enough = Slow(), [], asyncio.Event()

    def complain(reason: str) -> None:
        complaints.append(reason)
        if len(complaints) == 3:
            enough.set()

    poller = Poller(lambda: Connection(slow, snapshots.WAITING), lambda _: None, complain, 0.001, deadline_s=0.01)
    task = asyncio.create_task(poller.run())
    while not enough.is_set():
        poller.hurry()
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert slow.most == 1
    assert "No snapshot within" in complaints[0]


async def test_what_settles_is_shown_while_the_rest_is_still_asked() -> None:
    observer = Settling()
    app = live_app(observer, interval_s=NEVER_S)
    async with app.run_test() as pilot:
        first = replace(snapshots.WAITING, runs=snapshots.HEALTHY.runs)
        observer.given.put_nowait(first)
        await shown(app, pilot, first)
        assert panel_of(app, "runs").has_class("-ok")
        assert panel_of(app, "models").has_class("-waiting")
        observer.given.put_nowait(snapshots.HEALTHY)
        await shown(app, pilot, snapshots.HEALTHY)
        assert panel_of(app, "models").has_class("-ok")
        assert observer.asked == [False]
        await pilot.press("q")
    assert observer.closed


async def test_r_asks_a_live_observer_at_once_and_goes_on_with_what_is_under_way() -> None:
    observer = Settling()
    app = live_app(observer, interval_s=NEVER_S)
    async with app.run_test() as pilot:
        observer.given.put_nowait(snapshots.ONE_FAILED)
        await shown(app, pilot, snapshots.ONE_FAILED)
        await pilot.press("r")
        observer.given.put_nowait(snapshots.HEALTHY)
        await shown(app, pilot, snapshots.HEALTHY)
        assert observer.asked == [False, True]


async def test_a_live_observer_is_asked_again_at_every_interval_also_while_nothing_settles() -> None:
    observer = Settling()
    app = live_app(observer)
    async with app.run_test() as pilot:
        while len(observer.asked) < 5:
            await pilot.pause()
        await pilot.press("2")
        assert panel_of(app, "runs").has_focus_within
        observer.given.put_nowait(snapshots.HEALTHY)
        await shown(app, pilot, snapshots.HEALTHY)
        assert not any(observer.asked)


@pytest.mark.parametrize("mistake", [ZeroDivisionError("oops"), TimeoutError("inside")])
async def test_a_live_observer_that_raises_is_explained_and_asked_again(mistake: Exception) -> None:
    observer = Settling()
    app = live_app(observer)
    async with app.run_test() as pilot:
        observer.given.put_nowait(mistake)
        while not app.view.trouble:
            await pilot.pause()
        assert "trying again" in banner_of(app)
        observer.given.put_nowait(snapshots.HEALTHY)
        await shown(app, pilot, snapshots.HEALTHY)
        assert banner_of(app) == ""


def test_a_repeated_probe_is_no_point_of_the_sparkline() -> None:
    """A service that is up is probed more seldom than it is shown."""
    history, shot = History(), snapshots.HEALTHY
    for number, probed_at in enumerate((100.0, 100.0, 100.0, 110.0)):
        services = tuple(replace(state, probed_at=probed_at) for state in shot.services.value or ())
        history = history.with_snapshot(replace(shot, services=shot.services.succeeded(services, 200.0 + number)))
    assert [probe.at for probe in history.of("mlflow")] == [100.0, 110.0]


def _runs(*runs: Run) -> Snapshot:
    return replace(snapshots.HEALTHY, runs=Slice(RunsView(runs), snapshots.NOW))


NEW = replace(snapshots.RUNS[0], run_id="new", status=RunStatus.QUEUED)


async def test_cursor_stays_on_its_row_when_rows_come_above_it() -> None:
    async with app_on(Playing(_runs(*snapshots.RUNS))).run_test(size=(80, 24)) as pilot:
        app = pilot.app
        assert isinstance(app, NotingApp)
        while app.view.snapshot.runs.value is None:
            await pilot.pause()
        await pilot.press("2", "j", "j", "j", "j", "j", "j")
        await pilot.pause()
        rows = panel_of(app, "runs").rows
        key, above = rows.current, rows.cursor - rows.scroll_offset.y
        app._show(replace(app.view, snapshot=_runs(NEW, *snapshots.RUNS)))
        await pilot.pause()
        assert rows.current == key
        assert rows.cursor - rows.scroll_offset.y == above


async def test_an_untouched_table_follows_its_newest_row() -> None:
    async with app_on(Playing(_runs(*snapshots.RUNS))).run_test() as pilot:
        app = pilot.app
        assert isinstance(app, NotingApp)
        while app.view.snapshot.runs.value is None:
            await pilot.pause()
        app._show(replace(app.view, snapshot=_runs(NEW, *snapshots.RUNS)))
        await pilot.pause()
        assert panel_of(app, "runs").rows.current == "new"


async def test_fewer_rows_than_before_leave_the_cursor_on_the_last() -> None:
    async with app_on(Playing(_runs(*snapshots.RUNS))).run_test() as pilot:
        app = pilot.app
        assert isinstance(app, NotingApp)
        while app.view.snapshot.runs.value is None:
            await pilot.pause()
        await pilot.press("2", "G")
        app._show(replace(app.view, snapshot=_runs(*snapshots.RUNS[:2])))
        await pilot.pause()
        rows = panel_of(app, "runs").rows
        assert rows.current == snapshots.RUNS[1].run_id
        app._show(replace(app.view, snapshot=_runs()))
        await pilot.press("enter", "j", "y", "o")
        assert rows.current is None


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)])
async def test_all_panels_are_in_view_after_a_resize(size: tuple[int, int]) -> None:
    observer = Playing(snapshots.DRIFTED)
    app = app_on(observer)
    async with app.run_test(size=(100, 30)) as pilot:
        await observer.ended.wait()
        await pilot.resize_terminal(*size)
        await pilot.pause()
        screen = app.screen
        assert isinstance(screen, MainScreen)
        for panel in screen.query(Panel):
            assert screen.region.contains_region(panel.region)
            assert panel.rows.region.height >= 3
            assert panel.rows.region.width >= 34


async def test_wider_terminals_show_more_columns() -> None:
    observer = Playing(snapshots.DRIFTED)
    app = app_on(observer)
    async with app.run_test(size=(80, 24)) as pilot:
        await observer.ended.wait()
        await pilot.pause()
        counts = []
        for size in ((80, 24), (120, 40), (200, 60), (80, 24)):
            await pilot.resize_terminal(*size)
            await pilot.pause()
            counts.append([len(panel_of(app, name).rows._fitted) for name in PARTS])
        assert counts[0] == counts[3]
        assert sum(counts[0]) < sum(counts[1]) < sum(counts[2])


async def test_a_tiny_terminal_does_not_end_the_app() -> None:
    observer = Playing(snapshots.DRIFTED)
    app = app_on(observer)
    async with app.run_test(size=(80, 24)) as pilot:
        await observer.ended.wait()
        for size in ((20, 5), (5, 2), (120, 40)):
            await pilot.resize_terminal(*size)
            await pilot.pause()
        assert app.is_running
