"""Every key, pressed in a real app over frozen snapshots."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from textual.command import CommandPalette
from textual.pilot import Pilot
from textual.widgets import Input, Static

from lab.observe.snapshot import Snapshot
from lab.screen import themes
from lab.screen.screens.detail_screen import DetailScreen
from lab.screen.screens.help_screen import HelpScreen
from lab.screen.screens.main_screen import MainScreen
from lab.screen.widgets.panel import Panel
from lab.views import PARTS
from tests.screen import snapshots
from tests.screen.fakes import NotingApp, Playing, app_on, at_once, shown


@asynccontextmanager
async def running(*given: Snapshot, size: tuple[int, int] = (120, 40)) -> AsyncIterator[tuple[NotingApp, Pilot[None]]]:
    """An app that shows the last of the given snapshots."""
    observer = Playing(*(given or (snapshots.DRIFTED,)))
    app = app_on(observer)
    async with app.run_test(size=size) as pilot:
        await observer.ended.wait()
        await pilot.pause()
        yield app, pilot


def main_of(app: NotingApp) -> MainScreen:
    screen = app.screen_stack[0]
    assert isinstance(screen, MainScreen)
    return screen


def panel_of(app: NotingApp, name: str) -> Panel:
    return main_of(app).query_one(f"#{name}", Panel)


@pytest.mark.parametrize("key", ["q", "ctrl+c"])
async def test_leaves(key: str) -> None:
    async with running() as (app, pilot):
        await pilot.press(key)
        await pilot.pause()
        assert not app.is_running
        assert app.return_code == 0


async def test_number_focuses_its_panel() -> None:
    async with running() as (app, pilot):
        for number, name in enumerate(PARTS, 1):
            await pilot.press(str(number))
            focused = main_of(app).focused_panel
            assert focused is not None
            assert focused.id == name


async def test_tab_goes_round_the_panels() -> None:
    async with running() as (app, pilot):
        seen = []
        for _ in PARTS:
            focused = main_of(app).focused_panel
            seen.append(focused.id if focused else None)
            await pilot.press("tab")
        assert sorted(map(str, seen)) == sorted(PARTS)


async def test_moves_the_cursor() -> None:
    async with running() as (app, pilot):
        rows = panel_of(app, "services").rows
        await pilot.press("1")
        for keys, row in (("j j k", 1), ("down down up", 2), ("G", 11), ("j", 11), ("g", 0), ("end", 11), ("home", 0)):
            await pilot.press(*keys.split())
            assert rows.cursor == row, keys


async def test_pages_and_scrolls_in_a_long_table() -> None:
    async with running(size=(80, 24)) as (app, pilot):
        rows = panel_of(app, "audit").rows
        await pilot.press("4", "pagedown", "pagedown")
        await pilot.pause()
        assert rows.cursor > 0
        assert 0 < rows.scroll_offset.y <= rows.cursor
        await pilot.press("pageup", "pageup")
        await pilot.pause()
        assert (rows.cursor, rows.scroll_offset.y) == (0, 0)


PAGES = {
    "1 j j": "http://127.0.0.1:5000/#/experiments?workflowType=machine_learning",
    "3": "http://127.0.0.1:5000/#/models/CreditRiskModel/versions/7",
    "5": "http://127.0.0.1:9090/alerts",
    "2": f"http://127.0.0.1:3000/runs/{snapshots.RUNS[0].run_id}",
    "2 j enter": f"http://127.0.0.1:3000/runs/{snapshots.RUNS[1].run_id}",
}


async def test_o_opens_the_page() -> None:
    async with running() as (app, pilot):
        for keys in PAGES:
            await pilot.press(*keys.split(), "o")
        assert app.opened == list(PAGES.values())


async def test_o_says_when_there_is_no_page() -> None:
    async with running() as (app, pilot):
        await pilot.press("1", "o", "4", "o")
        await pilot.pause()
        assert app.opened == []
        assert {n.message for n in app._notifications} == {"This has no page to open."}


COPIES = {
    "1 j j": "http://127.0.0.1:5000",
    "3": "models:/CreditRiskModel/7",
    "5 j j": snapshots.CURRENT,
    "2": snapshots.RUNS[0].run_id,
    "2 j enter": snapshots.RUNS[1].run_id,
}


async def test_y_copies() -> None:
    async with running() as (app, pilot):
        for keys, text in COPIES.items():
            await pilot.press(*keys.split(), "y")
            assert app.clipboard == text


async def test_y_copies_an_audit_entry_as_json() -> None:
    async with running() as (app, pilot):
        await pilot.press("4", "j", "enter", "j", "y")
        assert json.loads(app.clipboard)["hash"] == snapshots.TRAIL[0].hash


async def test_slash_filters_and_escape_shows_all_again() -> None:
    async with running() as (app, pilot):
        panel = panel_of(app, "services")
        await pilot.press("1", "slash", *"dagster")
        assert panel.rows.current == "dagster-code"
        assert "4 of 12" in str(panel.border_subtitle)
        await pilot.press("enter")
        assert main_of(app).focused is panel.rows
        await pilot.press("j", "j", "j", "j", "j")
        assert panel.rows.cursor == 3
        await pilot.press("escape")
        assert "of 12" not in str(panel.border_subtitle)
        assert panel.rows.current == "dagster-metrics"


async def test_keys_typed_into_a_filter_are_text() -> None:
    async with running() as (app, pilot):
        await pilot.press("1", "slash", *"qrt?12")
        assert panel_of(app, "services").query_one(Input).value == "qrt?12"
        assert isinstance(app.screen, MainScreen)


async def test_keys_typed_right_behind_the_slash_are_text_too() -> None:
    async with running() as (app, pilot):
        await pilot.press("1")
        at_once(app, "slash", "q", "r", "t")
        panel = panel_of(app, "services")
        while not panel.query(Input) or panel.query_one(Input).value != "qrt":
            await pilot.pause(0.01)
        assert isinstance(app.screen, MainScreen)


async def test_a_filter_stays_when_new_data_comes() -> None:
    async with running(snapshots.HEALTHY) as (app, pilot):
        panel = panel_of(app, "services")
        await pilot.press("1", "slash", *"! up ", "enter")
        assert "2 of 12" in str(panel.border_subtitle)
        app._show(replace(app.view, snapshot=snapshots.DRIFTED))
        assert "4 of 12" in str(panel.border_subtitle)


async def test_question_mark_lists_the_keys_of_the_focused_panel() -> None:
    async with running() as (app, pilot):
        await pilot.press("3", "question_mark")
        await pilot.pause()
        assert isinstance(app.screen, HelpScreen)
        text = " ".join(str(part.render()) for part in app.screen.query(Static))
        assert "In models" in text
        for word in ("Filter", "Open", "Browser", "Copy", "Refresh", "Theme", "Palette", "Quit", "Next panel"):
            assert word in text
        await pilot.press("escape")
        assert isinstance(app.screen, MainScreen)


async def test_t_walks_through_the_themes() -> None:
    async with running() as (app, pilot):
        seen = [app.theme]
        for _ in themes.CYCLE[1:]:
            await pilot.press("t")
            seen.append(app.theme)
        assert tuple(seen) == themes.CYCLE
        await pilot.press("t")
        assert app.theme == themes.CYCLE[0]


async def test_r_asks_again_at_once() -> None:
    observer = Playing(snapshots.HEALTHY, snapshots.DRIFTED)
    app = app_on(observer, interval_s=3600.0)
    async with app.run_test() as pilot:
        await shown(app, pilot, snapshots.HEALTHY)
        assert observer.ticks == 1
        await pilot.press("r")
        await shown(app, pilot, snapshots.DRIFTED)


async def test_palette_opens_and_knows_the_lab() -> None:
    async with running() as (app, pilot):
        titles = {command.title for command in app.get_system_commands(app.screen)}
        assert {"Refresh now", "Keys", "Theme", "Quit", "Go to audit", "Open Dagster", "Open MLflow"} <= titles
        assert "Open PostgreSQL" not in titles
        await pilot.press("ctrl+p")
        await pilot.pause()
        assert isinstance(app.screen, CommandPalette)


async def test_click_chooses_a_row_and_double_click_opens_it() -> None:
    async with running() as (app, pilot):
        rows = panel_of(app, "runs").rows
        await pilot.click(rows, offset=(5, 3))
        assert main_of(app).focused is rows
        assert rows.cursor == 2
        await pilot.click(rows, offset=(5, 2), times=2)
        await pilot.pause()
        assert isinstance(app.screen, DetailScreen)
        assert app.screen.key == snapshots.RUNS[1].run_id


async def test_ctrl_z_suspends_and_the_whole_screen_is_painted_again(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    async with running() as (app, pilot):
        monkeypatch.setattr(app, "action_suspend_process", lambda: done.append("suspended"))
        await pilot.press("ctrl+z")
        monkeypatch.setattr(app, "refresh", lambda **how: done.append(f"painted {how}"))
        app.app_resume_signal.publish(app)
        await pilot.pause()
        assert done == ["suspended", "painted {'layout': True}"]
