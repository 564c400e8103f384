"""Two versions side by side: how they are chosen, what is said of them, and what if that can't be had."""

import pytest

from lab.base.errors import NotFound, ServiceUnavailable
from lab.screen.screens.compare_screen import CompareScreen, VersionPicking
from lab.screen.screens.main_screen import MainScreen
from tests.screen import detail_sources, snapshots
from tests.screen.detail_sources import DetailSource, DetailSources, all_sources
from tests.screen.drilling import drilled, picture, shown, until_has


async def test_the_champion_is_proposed_and_each_view_compares() -> None:
    async with drilled("version") as (app, pilot, screen):
        await pilot.press("C")
        await pilot.pause()
        assert isinstance(app.screen, VersionPicking)
        await pilot.press("enter")
        await pilot.pause()
        found = app.screen
        assert isinstance(found, CompareScreen)
        await until_has(pilot, found, "compared")
        assert (found.other, found.key) == ("CreditRiskModel/5", "CreditRiskModel/6")
        assert "CreditRiskModel v5 → CreditRiskModel v6" in picture(found)
        assert all(word in shown(found) for word in ("auc", "0.7801", "0.7834", "▲ +0.0033", "better"))
        for key, words in (("2", ["C", "0.5", "1.0", "1 of 2 differ"]), ("3", ["training data", snapshots.BASELINE])):
            await pilot.press(key)
            assert [word for word in words if word not in shown(found)] == []
        await pilot.press("4")
        await until_has(pilot, found, "curves")
        assert all(word in shown(found) for word in ("ROC", "CreditRiskModel v5: AUC", "CreditRiskModel v6: AUC"))
        await pilot.press("escape")
        assert app.screen is screen


async def test_another_version_takes_the_place_of_the_first_one() -> None:
    async with drilled("version") as (app, pilot, _):
        await pilot.press("C", "enter")
        await pilot.pause()
        found = app.screen
        assert isinstance(found, CompareScreen)
        await until_has(pilot, found, "compared")
        await pilot.press("C", *"v2", "enter")
        await until_has(pilot, found, "compared")
        assert app.screen is found
        assert found.other == "CreditRiskModel/2"
        while "0.7641" not in shown(found):
            await pilot.pause(0.01)
        await pilot.press("V")
        await pilot.pause()
        assert getattr(app.screen, "key", "") == "CreditRiskModel/2"


async def test_versions_of_different_models_are_compared_with_a_caution() -> None:
    async with drilled("version", snapshot=snapshots.MANY, way="3 j j enter") as (app, pilot, screen):
        await pilot.press("C", *"house", "enter")
        await pilot.pause()
        found = app.screen
        assert isinstance(found, CompareScreen)
        await until_has(pilot, found, "compared")
        assert found.other.startswith("house-prices/")
        assert found.key == screen.key
        assert "to mind: view 3" in shown(found)
        await pilot.press("3")
        assert "versions of different models" in shown(found)


async def test_c_in_the_models_panel_compares_the_chosen_row_and_escape_leaves_all_as_it_was() -> None:
    async with drilled("version", way="3 j enter") as (app, pilot, _):
        await pilot.press("escape", "C")
        await pilot.pause()
        assert isinstance(app.screen, VersionPicking)
        await pilot.press("escape")
        assert isinstance(app.screen, MainScreen)
        await pilot.press("C", "enter")
        await pilot.pause()
        assert isinstance(app.screen, CompareScreen)
        await pilot.press("escape")
        assert isinstance(app.screen, MainScreen)


@pytest.mark.parametrize("failure", [ServiceUnavailable("MLflow is away."), NotFound("There is no version 5.")])
async def test_what_can_not_be_compared_says_why(failure: Exception) -> None:
    known = all_sources()
    known.detail_sources["models"] = DetailSource(
        version=failure,
        compared=failure,
        evaluation_of=lambda _: "Its MLflow run has no evaluation.json.",
    )
    async with drilled("version", known, size=(60, 20)) as (app, pilot, _):
        await pilot.press("C", "enter")
        await pilot.pause()
        found = app.screen
        assert isinstance(found, CompareScreen)
        await until_has(pilot, found, "compared")
        assert str(failure) in shown(found)
        await pilot.press("4")
        await until_has(pilot, found, "curves")
        assert "Its MLflow run has no evaluation.json." in shown(found)


DRAWN = {"EVALUATED": "ROC, of class bad", "MULTICLASS": "ROC, each class", "REGRESSION": "Predicted against true"}


async def test_a_version_of_which_nothing_was_kept_says_so_and_is_no_failure() -> None:
    source = detail_sources.versions_details()
    source._answers["evaluation"] = NotFound("Its MLflow run has no evaluation.json.", "Train a new version.")
    known = all_sources()
    known.detail_sources["models"] = source
    async with drilled("version", known) as (_, pilot, screen):
        await pilot.press("7")
        await until_has(pilot, screen, "curves")
        assert "Its MLflow run has no evaluation.json. Train a new version." in shown(screen)
        assert screen.page.has_class("-empty")


@pytest.mark.parametrize("size", [(60, 20), (80, 24), (120, 40), (200, 60)])
@pytest.mark.parametrize("kept", DRAWN)
async def test_every_kind_of_evaluation_fits_every_window(kept: str, size: tuple[int, int]) -> None:
    known = DetailSources(**all_sources().detail_sources)
    source = detail_sources.versions_details()
    source._answers["evaluation"] = getattr(detail_sources, kept)
    known.detail_sources["models"] = source
    async with drilled("version", known, size=size) as (_, pilot, screen):
        await pilot.press("7")
        await until_has(pilot, screen, "curves")
        lines = shown(screen).splitlines()
        assert max(map(len, lines)) <= size[0] - 2
        words = {
            "EVALUATED": "ROC, of class bad",
            "MULTICLASS": "ROC, each class",
            "REGRESSION": "Predicted against true",
        }
        assert words[kept] in shown(screen)
