"""Opening a drill-down in a real app over frozen snapshots and detail_sources."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from textual.content import Content
from textual.pilot import Pilot
from textual.widgets import Static

from lab.observe.snapshot import Snapshot
from lab.screen.screens.detail_screen import DetailScreen
from lab.screen.widgets.page import TablePage, TextPage
from lab.views.cells import Line
from tests.screen import snapshots
from tests.screen.detail_sources import DetailSources, all_sources
from tests.screen.fakes import NotingApp, Playing, app_on

# The keys that lead from the start to each kind of drill-down.
WAYS = {
    "service": "1 j j enter",
    "run": "2 j j enter",
    "version": "3 j enter",
    "entry": "4 j enter j j j enter",
    "alert": "5 enter",
    "drift": "5 j j enter",
}


@asynccontextmanager
async def drilled(
    kind: str,
    detail_sources: DetailSources | None = None,
    snapshot: Snapshot = snapshots.DRIFTED,
    size: tuple[int, int] = (120, 40),
    readonly: bool = False,
    way: str = "",
) -> AsyncIterator[tuple[NotingApp, Pilot[None], DetailScreen]]:
    """An app with the drill-down of that kind open."""
    observer = Playing(snapshot)
    app = app_on(observer, open_details=detail_sources or all_sources(), readonly=readonly)
    async with app.run_test(size=size) as pilot:
        await observer.ended.wait()
        await pilot.pause()
        await pilot.press(*(way or WAYS[kind]).split())
        await pilot.pause()
        screen = app.screen
        assert isinstance(screen, DetailScreen)
        yield app, pilot, screen


async def until_has(pilot: Pilot[None], screen: DetailScreen, *names: str) -> None:
    """Waits until each of the wants has settled; the test's own timeout is the deadline."""
    while any(name not in screen.fetched for name in names):
        await pilot.pause(0.01)
    await pilot.pause()


def text_of(line: Line) -> str:
    return "".join(span.text for span in line)


def shown(screen: DetailScreen) -> str:
    """The text of the view that is open, with its frame's words; what lies below the window as well."""
    page = screen.page
    said = "\n".join(str(static.render()) for static in page.query(Static) if static.display)
    if isinstance(page, TextPage):
        body = "\n".join(map(text_of, page.text.lines))
    else:
        assert isinstance(page, TablePage)
        body = "\n".join(row.text for row in page._view.rows)
    return f"{plain(page.border_title)}\n{said}\n{body}\n{plain(page.border_subtitle)}"


def plain(markup: object) -> str:
    """A frame's title, which Textual gives back as markup."""
    return Content.from_markup(str(markup)).plain


def picture(screen: DetailScreen) -> str:
    """What the terminal shows."""
    return "\n".join(strip.text for strip in screen._compositor.render_strips())
