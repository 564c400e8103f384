"""One panel alone: by a key, and by itself where there is no room for all."""

import pytest

from lab.screen.screens.main_screen import LEAST_HEIGHT, NUMBERS
from tests.screen import snapshots
from tests.screen.fakes import NotingApp, Playing, app_on, playing


def in_sight(app: NotingApp) -> list[str]:
    assert app.main_screen
    return [
        name
        for name, panel in app.main_screen._panels.items()
        if panel.region.area and app.screen.region.contains_region(panel.region)
    ]


async def test_a_key_gives_the_room_to_one_panel_and_takes_it_back() -> None:
    async with playing(snapshots.DRIFTED) as (app, pilot):
        assert len(in_sight(app)) == 5
        await pilot.press("3", "z")
        await pilot.pause()
        assert in_sight(app) == ["models"]
        assert app.main_screen
        assert app.main_screen._panels["models"].size.width > 110
        assert app.main_screen._panels["models"].size.height > 30
        await pilot.press("4")
        await pilot.pause()
        assert in_sight(app) == ["audit"]
        await pilot.press("z")
        await pilot.pause()
        assert len(in_sight(app)) == 5


@pytest.mark.parametrize("size", [(80, LEAST_HEIGHT - 1), (60, 20), (40, 10)], ids=str)
async def test_in_a_low_window_the_panel_that_keys_act_on_is_the_one_in_sight(size: tuple[int, int]) -> None:
    observer = Playing(snapshots.DRIFTED)
    app = app_on(observer)
    async with app.run_test(size=size) as pilot:
        await observer.ended.wait()
        await pilot.pause()
        for name, number in NUMBERS.items():
            await pilot.press(str(number))
            await pilot.pause()
            assert in_sight(app) == [name]
        await pilot.press("exclamation_mark")
        await pilot.pause()
        assert in_sight(app) == ["services"]
        await pilot.resize_terminal(80, 30)
        await pilot.pause()
        assert len(in_sight(app)) == 5
