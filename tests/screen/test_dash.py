"""The screen of a dashboard: as pictures, and what its keys do."""

import asyncio
from collections.abc import Callable

import pytest
from textual.pilot import Pilot

from lab.base.errors import LabError
from lab.dashboards.model import ALL
from lab.screen.dash.picking import Picking
from lab.screen.screens.help_screen import HelpScreen
from tests.screen.dashing import BOARD, PlayedData, board_of, dash, looked_of, screen_of, settled, text_of

SIZES = ((80, 24), (120, 40), (200, 60))


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_a_dashboard(snap_compare: Callable[..., bool], size: tuple[int, int]) -> None:
    assert snap_compare(dash(), terminal_size=size, run_before=settled)


AFTER = {
    "zoomed": ["down", "enter"],
    "the-end": ["end"],
    "no-legend": ["L"],
    "variables": ["v"],
    "dashboards": ["d"],
    "light": ["t"],
}


@pytest.mark.parametrize("name", AFTER)
def test_after_keys(snap_compare: Callable[..., bool], name: str) -> None:
    async def pressed(pilot: Pilot[None]) -> None:
        await settled(pilot)
        for key in AFTER[name]:
            await pilot.press(key)
            await pilot.pause()
        async with asyncio.timeout(20):
            while isinstance(pilot.app.screen, Picking) is not (name in {"variables", "dashboards"}):
                await pilot.pause()
        await settled(pilot)

    assert snap_compare(dash(), terminal_size=(120, 40), run_before=pressed)


async def test_only_panels_in_sight_are_asked_for_and_others_when_they_come() -> None:
    played = PlayedData()
    async with dash(source=lambda: played).run_test(size=(120, 20)) as pilot:
        await settled(pilot)
        assert "broken(" not in played.asked
        await pilot.press("end", "pageup")
        await settled(pilot)
        assert "broken(" in played.asked
    assert played.closed


async def test_an_error_stands_in_its_panel_and_is_counted_in_the_head() -> None:
    async with dash().run_test(size=(120, 60)) as pilot:
        await settled(pilot)
        assert "unclosed left parenthesis" in text_of(pilot)
        assert "“geomap”" in text_of(pilot)
        assert "✗ 1 failed" in str(screen_of(pilot).query_one("#dash-head").render())


async def test_the_head_counts_what_is_in_sight_as_soon_as_it_is() -> None:
    async with dash().run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        head = screen_of(pilot).query_one("#dash-head")
        assert "✗ 1 failed" in str(head.render())
        await pilot.press("down", "enter")
        await pilot.pause()
        assert "failed" not in str(head.render())


async def test_text_of_a_dashboard_is_never_markup() -> None:
    async with dash().run_test(size=(120, 60)) as pilot:
        await settled(pilot)
        assert "States [bold]" in text_of(pilot)
        assert "two [red]" in text_of(pilot)


async def test_zoom_shows_one_panel_with_what_it_asks_and_leads_back() -> None:
    async with dash().run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        await pilot.press("down", "enter")
        await settled(pilot)
        assert "Memory of All" in text_of(pilot)
        assert "What each job holds." in text_of(pilot)
        assert "Load" not in text_of(pilot)
        await pilot.press("escape")
        await settled(pilot)
        assert "Load" in text_of(pilot)


async def test_a_closed_row_is_opened_and_its_panels_are_asked_for() -> None:
    async with dash().run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        await pilot.press("end")
        assert "▸ Closed (1 panel)" in text_of(pilot)
        await pilot.press("enter")
        await settled(pilot)
        await pilot.press("end")
        assert "▾ Closed" in text_of(pilot)
        assert "Inside" in text_of(pilot)


async def test_a_value_is_picked_and_everything_is_asked_anew() -> None:
    played = PlayedData()
    async with dash(source=lambda: played).run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        assert 'up{job=~"(mlflow|dagster)"}' in played.asked
        await pilot.press("v", *"dags", "enter")
        async with asyncio.timeout(20):
            while 'up{job=~"dagster"}' not in played.asked:
                await pilot.pause()
            while "Memory of dagster" not in text_of(pilot):
                await pilot.pause()


async def test_several_values_are_marked() -> None:
    played = PlayedData(jobs=("a", "b", "c"))
    async with dash(source=lambda: played).run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        looked = looked_of(pilot)
        assert looked
        assert looked.scope.variables["job"].chosen == (ALL,)
        await pilot.press("v", "down", "tab", "down", "tab", "enter")
        async with asyncio.timeout(20):
            while 'up{job=~"(a|b)"}' not in played.asked:
                await pilot.pause()


@pytest.mark.parametrize(
    ("keys", "begin", "end"),
    [
        (["minus"], -10_800, 0),
        (["plus"], -1800, 0),
        (["comma"], -5400, -1800),
        (["comma", "full_stop"], -3600, 0),
        (["comma", "0"], -3600, 0),
        (["full_stop"], -3600, 0),
    ],
)
async def test_the_range_is_changed(keys: list[str], begin: int, end: int) -> None:
    async with dash().run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        before = looked_of(pilot)
        assert before
        await pilot.press(*keys)
        async with asyncio.timeout(20):
            while (now := looked_of(pilot)) is before or not now or not now.data:
                await pilot.pause()
        assert (now.begin - before.end, now.end - before.end) == (begin, end)


async def test_a_lab_that_cannot_be_reached_is_said_and_the_screen_stays() -> None:
    def nobody() -> PlayedData:
        raise LabError("Nobody is there.", "Type `invoke up`.")

    async with dash(source=nobody).run_test(size=(120, 40)) as pilot:
        async with asyncio.timeout(20):
            while "Nobody is there." not in str(screen_of(pilot).query_one("#dash-head").render()):
                await pilot.pause()
        await pilot.press("r", "down", "enter", "v")


async def test_a_paused_screen_asks_nothing_until_it_is_told() -> None:
    played = PlayedData()
    async with dash(source=lambda: played, pause_s=0.01).run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        await pilot.press("p")
        await pilot.pause()
        count = len(played.asked)
        await pilot.press("r")
        async with asyncio.timeout(20):
            while len(played.asked) == count:
                await pilot.pause()


async def test_a_dashboard_without_panels_is_no_end_of_the_world() -> None:
    async with dash(BOARD | {"panels": []}).run_test(size=(80, 24)) as pilot:
        async with asyncio.timeout(20):
            while looked_of(pilot) is None:
                await pilot.pause()
        await pilot.press("down", "enter", "end", "v", "escape", "L", "escape")


async def test_help_lists_the_keys_of_the_board() -> None:
    async with dash().run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        await pilot.press("question_mark")
        assert isinstance(pilot.app.screen, HelpScreen)
        await pilot.press("escape")
        assert board_of(pilot).has_focus


async def test_a_screen_at_rest_asks_nothing_and_draws_nothing() -> None:
    played = PlayedData()
    async with dash(source=lambda: played).run_test(size=(120, 60)) as pilot:
        await settled(pilot)
        looked, count = looked_of(pilot), len(played.asked)
        for _ in range(20):
            await pilot.pause()
        assert looked_of(pilot) is looked
        assert len(played.asked) == count
