"""A service's log as a drill-down: following, pausing, levels, searching, merging, wrapping."""

import asyncio

from textual.widgets import Input

from lab.base.log_lines import Level
from lab.observe.details.log_source import LogLine
from lab.screen.screens.detail_screen import DetailScreen
from lab.screen.screens.main_screen import MainScreen
from lab.screen.screens.service_screen import ServiceScreen
from lab.screen.widgets.feedpage import FeedPage
from tests.screen import detail_sources
from tests.screen.detail_sources import LogsSource, all_sources
from tests.screen.drilling import drilled, picture, shown, until_has
from tests.screen.fakes import at_once


def feed_of(screen: DetailScreen) -> FeedPage:
    assert isinstance(screen.page, FeedPage)
    return screen.page


async def more(
    pilot: object, details: LogsSource, screen: DetailScreen, *texts: str, level: Level = Level.INFO
) -> None:
    """New lines come, and are there when this returns."""
    feed = feed_of(screen).feed
    before = len(feed) + feed.waiting
    await details.news.put(tuple(LogLine("mlflow", text, level) for text in texts))
    while len(feed) + feed.waiting < before + len(texts):
        await pilot.pause(0.01)  # type: ignore[attr-defined]
    await pilot.pause()  # type: ignore[attr-defined]


async def test_logs_follow_stop_and_go_to_their_end() -> None:
    known = all_sources()
    details = known.detail_sources["services"]
    assert isinstance(details, LogsSource)
    async with drilled("service", known, size=(80, 14)) as (_, pilot, screen):
        await until_has(pilot, screen, "logs")
        text = feed_of(screen).text
        await more(pilot, details, screen, *(f"line {number}" for number in range(50)))
        assert round(text.scroll_offset.y) == text.max_scroll_y > 0
        await pilot.press("k", "k")
        await pilot.pause()
        assert "following" not in shown(screen)
        place = round(text.scroll_offset.y)
        await more(pilot, details, screen, "another")
        assert round(text.scroll_offset.y) == place
        await pilot.press("G")
        await pilot.pause()
        assert "▼ following" in shown(screen)
        assert "another" in picture(screen)
        await pilot.press("f")
        assert "following" not in shown(screen)
        await pilot.press("f")
        assert "▼ following" in shown(screen)


async def test_a_paused_log_holds_new_lines_back() -> None:
    known = all_sources()
    details = known.detail_sources["services"]
    assert isinstance(details, LogsSource)
    async with drilled("service", known) as (_, pilot, screen):
        await until_has(pilot, screen, "logs")
        await pilot.press("p")
        await more(pilot, details, screen, "later one", "later two")
        assert "later" not in shown(screen)
        assert "‖ paused, 2 waiting" in shown(screen)
        await pilot.press("p")
        assert "later one" in shown(screen)
        assert "paused" not in shown(screen)


async def test_v_shows_a_level_and_above() -> None:
    async with drilled("service") as (_, pilot, screen):
        await until_has(pilot, screen, "logs")
        seen = []
        for _ in range(4):
            seen.append((len(feed_of(screen).text.lines), "and above" in shown(screen)))
            await pilot.press("v")
        assert seen == [(6, False), (5, True), (4, True), (3, True)]
        assert len(feed_of(screen).text.lines) == 6


async def test_slash_searches_the_log_and_escape_shows_all_again() -> None:
    async with drilled("service") as (app, pilot, screen):
        await until_has(pilot, screen, "logs")
        await pilot.press("slash", *"trace", "enter")
        assert "Traceback" in shown(screen)
        assert "started" not in shown(screen)
        assert "/trace" in shown(screen)
        await pilot.press("slash")
        assert screen.query_one(Input).value == "trace"
        await pilot.press("escape")
        assert "started" in shown(screen)
        await pilot.press("escape")
        assert isinstance(app.screen, MainScreen)


async def test_keys_typed_into_the_search_are_text() -> None:
    async with drilled("service") as (_, pilot, screen):
        await until_has(pilot, screen, "logs")
        await pilot.press("slash", *"mfp12R")
        assert screen.query_one(Input).value == "mfp12R"
        assert screen.page.id == "logs"


async def test_keys_typed_right_behind_the_slash_are_searched_for() -> None:
    async with drilled("service") as (app, pilot, screen):
        await until_has(pilot, screen, "logs")
        at_once(app, "slash", "m", "f")
        while not screen.query(Input) or screen.query_one(Input).value != "mf":
            await pilot.pause(0.01)


async def test_m_merges_the_logs_of_all_services() -> None:
    known = all_sources()
    details = known.detail_sources["services"]
    assert isinstance(details, LogsSource)
    async with drilled("service", known) as (_, pilot, screen):
        assert isinstance(screen, ServiceScreen)
        await until_has(pilot, screen, "logs")
        await pilot.press("m")
        # What was asked for before could take an hour.
        while len(feed_of(screen).feed) < len(detail_sources.MERGED):
            await pilot.pause(0.01)
        await pilot.pause()
        assert "Logs of all services" in shown(screen)
        assert "postgres           2026" in shown(screen)
        assert details.asked[-1][1] == ("",)
        await pilot.press("m")
        while len(feed_of(screen).feed) != len(detail_sources.LOG):
            await pilot.pause(0.01)
        await pilot.pause()
        assert "postgres" not in shown(screen)


async def test_lines_of_the_source_before_come_too_late() -> None:
    class Late(LogsSource):
        release = asyncio.Event()

        async def more(self, source: str) -> object:  # type: ignore[override]
            found = await super().more(source)
            if not source and found.number == 0:
                await self.release.wait()
            return found

    known = all_sources()
    known.detail_sources["services"] = details = Late()
    async with drilled("service", known) as (_, pilot, screen):
        await until_has(pilot, screen, "logs")
        await pilot.press("m", "m")
        details.release.set()
        while feed_of(screen).feed.shown == []:
            await pilot.pause(0.01)
        await pilot.pause()
        assert "postgres" not in shown(screen)


async def test_w_breaks_long_lines_and_arrows_move_sideways() -> None:
    known = all_sources()
    known.detail_sources["services"] = LogsSource(
        mlflow=(LogLine("mlflow", "start " + "x" * 90 + " the-end", Level.INFO),)
    )
    async with drilled("service", known, size=(60, 20)) as (_, pilot, screen):
        await until_has(pilot, screen, "logs")
        assert "the-end" not in picture(screen)
        await pilot.press(*["right"] * 12)
        assert "the-end" in picture(screen)
        assert "start" not in picture(screen)
        await pilot.press("w")
        await pilot.pause()
        assert "the-end" in picture(screen)
        assert "start" in picture(screen)


async def test_an_empty_log_says_so() -> None:
    known = all_sources()
    known.detail_sources["services"] = LogsSource(mlflow=())
    async with drilled("service", known) as (_, pilot, screen):
        await until_has(pilot, screen, "logs")
        assert "No line in the log yet." in shown(screen)
        assert screen.page.has_class("-empty")


async def test_mouse_wheel_stops_following() -> None:
    known = all_sources()
    known.detail_sources["services"] = LogsSource(
        mlflow=tuple(LogLine("mlflow", f"{n}", Level.INFO) for n in range(200))
    )
    async with drilled("service", known, size=(80, 20)) as (_, pilot, screen):
        await until_has(pilot, screen, "logs")
        text = feed_of(screen).text
        assert text.following
        text.on_mouse_scroll_up()
        await pilot.pause()
        assert not text.following
        assert "following" not in shown(screen)
