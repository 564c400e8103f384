"""The whole screen narrowed to one model, and widened again."""

from collections.abc import Callable

import pytest
from textual.pilot import Pilot

from lab.screen.screens.drift_screen import DriftScreen
from lab.screen.widgets.keybar import KeyBar
from lab.screen.widgets.titlebar import TitleBar
from tests.screen import snapshots
from tests.screen.fakes import NotingApp, playing
from tests.screen.test_screens import picture, settle


def keys_of(app: NotingApp, part: str) -> list[str]:
    assert app.main_screen
    return [row.key for row in app.main_screen._panels[part].rows._rows]


async def test_a_key_narrows_the_screen_to_the_model_of_the_row_and_widens_it_again() -> None:
    async with playing(snapshots.MANY) as (app, pilot):
        await pilot.press("2", "j", "j", "M")
        await pilot.pause()
        assert app.view.model == "house-prices"
        assert keys_of(app, "models") == ["house-prices/3", "house-prices/2"]
        assert "only house-prices" in str(app.screen.query_one(TitleBar).render())
        await pilot.press("M")
        await pilot.pause()
        assert app.view.model == ""
        assert len(keys_of(app, "models")) == 11


@pytest.mark.parametrize("keys", [["escape"], ["slash", "x", "enter", "escape", "escape"]], ids=["plain", "filtered"])
async def test_escape_widens_after_it_ended_a_filter(keys: list[str]) -> None:
    async with playing(snapshots.MANY) as (app, pilot):
        await pilot.press("3", "M")
        await pilot.pause()
        assert app.view.model == "CreditRiskModel"
        await pilot.press(*keys[:-1])
        assert app.view.model == "CreditRiskModel"
        await pilot.press(keys[-1])
        await pilot.pause()
        assert app.view.model == ""


async def test_opening_a_models_heading_narrows_to_it() -> None:
    async with playing(snapshots.MANY) as (app, pilot):
        await pilot.press("3", "enter")
        await pilot.pause()
        assert app.view.model == "CreditRiskModel"


async def test_a_heading_is_no_version_to_decide_on() -> None:
    async with playing(snapshots.MANY) as (app, pilot):
        await pilot.press("3", "a")
        await pilot.pause()
        assert app.screen is app.main_screen
        assert "Choose a version first" in next(note.message for note in app._notifications)


async def test_the_palette_offers_every_model_and_the_way_back() -> None:
    async with playing(snapshots.MANY) as (app, pilot):
        titles = [command.title for command in app.get_system_commands(app.screen)]
        assert [title for title in titles if title.startswith("Only model")] == [
            "Only model CreditRiskModel",
            "Only model ChurnModel",
            "Only model house-prices",
        ]
        app.narrow("ChurnModel")
        await pilot.pause()
        titles = [command.title for command in app.get_system_commands(app.screen)]
        assert "Show every model" in titles
        assert "Only model ChurnModel" not in titles


async def test_drift_opens_for_the_model_of_the_row() -> None:
    async with playing(snapshots.MANY) as (app, pilot):
        await pilot.press("5", "j", "enter")
        await pilot.pause()
        assert isinstance(app.screen, DriftScreen)
        assert app.screen._model == "ChurnModel"


async def test_a_lab_with_one_model_offers_nothing_of_it() -> None:
    async with playing(snapshots.HEALTHY) as (app, pilot):
        await pilot.press("3", "M")
        await pilot.pause()
        assert app.view.model == ""
        assert "Model" not in str(app.screen.query_one(KeyBar).render())


async def narrow(pilot: Pilot[None]) -> None:
    await settle(pilot)
    await pilot.press("5", "j", "M")
    await pilot.pause()


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)], ids=lambda size: f"{size[0]}x{size[1]}")
def test_narrowed_picture(snap_compare: Callable[..., bool], size: tuple[int, int]) -> None:
    assert snap_compare(picture(snapshots.MANY), terminal_size=size, run_before=narrow)
