"""The strip under the header: a key goes through what needs a person, a click opens it."""

from lab.screen.screens.service_screen import ServiceScreen
from lab.screen.widgets.needs_strip import NeedsStrip
from tests.screen import snapshots
from tests.screen.fakes import NotingApp, playing
from tests.views.test_needs import CALM


def place(app: NotingApp) -> tuple[str, str | None]:
    assert app.main_screen
    panel = app.main_screen.focused_panel
    assert panel
    return str(panel.id), panel.rows.current


async def test_a_key_goes_through_what_needs_a_person_and_begins_again() -> None:
    async with playing(snapshots.DRIFTED) as (app, pilot):
        seen = []
        for _ in range(6):
            await pilot.press("exclamation_mark")
            seen.append(place(app))
        assert seen[:2] == [("services", "mlflow"), ("services", "prometheus")]
        assert [part for part, _ in seen] == ["services", "services", "drift", "drift", "models", "services"]
        assert seen[4] == ("models", "CreditRiskModel/7")
        assert seen[5] == seen[0]


async def test_a_row_that_a_filter_hides_is_shown_again() -> None:
    async with playing(snapshots.DRIFTED) as (app, pilot):
        await pilot.press("1", "slash", *"grafana", "enter")
        await pilot.press("exclamation_mark")
        assert place(app) == ("services", "mlflow")


async def test_a_click_opens_what_it_is_about() -> None:
    async with playing(snapshots.DRIFTED) as (app, pilot):
        await pilot.click(NeedsStrip, offset=(18, 0))
        await pilot.pause()
        assert isinstance(app.screen, ServiceScreen)
        assert app.screen.key == "mlflow"


async def test_where_nothing_needs_anybody_there_is_no_strip() -> None:
    async with playing(CALM) as (app, pilot):
        assert not app.screen.query_one(NeedsStrip).display
        await pilot.press("exclamation_mark")
        assert any("Nothing needs you" in note.message for note in app._notifications)


async def test_what_is_marked_stays_marked_when_something_else_comes_or_goes() -> None:
    async with playing(snapshots.DRIFTED) as (app, pilot):
        strip = app.screen.query_one(NeedsStrip)
        await pilot.press("exclamation_mark", "exclamation_mark")
        strip.show(strip._needs[1:], "!")
        assert str(strip.render()).startswith("! 4 need you  ▸▲ Prometheus degraded")
