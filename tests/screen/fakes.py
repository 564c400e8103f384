"""Observers that do what a test needs, and an app that notes what it would have opened."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime

from textual.events import Key
from textual.keys import key_to_character
from textual.pilot import Pilot

from lab.observe.polling import Connection, Factory
from lab.observe.snapshot import Snapshot
from lab.screen.app import LabApp
from lab.screen.screens.detail_screen import OpenDetails
from tests.screen import snapshots
from tests.screen.detail_sources import all_sources


class Playing:
    """Gives the snapshots (or raises the errors) one after the other, then keeps the next tick waiting for ever."""

    def __init__(self, *given: Snapshot | Exception) -> None:
        self._given = list(given)
        self.ended = asyncio.Event()
        self.ticks = 0
        self.closed = False

    async def tick(self, previous: Snapshot) -> Snapshot:
        self.ticks += 1
        if not self._given:
            self.ended.set()
            await asyncio.Event().wait()
        step = self._given.pop(0)
        if isinstance(step, Exception):
            raise step
        return step

    async def aclose(self) -> None:
        self.closed = True


class NotingApp(LabApp):
    """Opens no browser; notes the addresses."""

    def __init__(
        self,
        factory: Factory,
        *,
        interval_s: float = 0.01,
        clock: Callable[[], datetime],
        open_details: OpenDetails | None = None,
        readonly: bool = False,
    ) -> None:
        super().__init__(factory, interval_s=interval_s, clock=clock, open_details=open_details, readonly=readonly)
        self.opened: list[str] = []

    def open_url(self, url: str, *, new_tab: bool = True) -> None:
        self.opened.append(url)


def at_once(app: LabApp, *keys: str) -> None:
    """Keys that come in one packet: none waits for what the one before it does."""
    for key in keys:
        app.post_message(Key(key, key_to_character(key)))


def app_on(
    observer: Playing,
    first: Snapshot = snapshots.WAITING,
    interval_s: float = 0.01,
    open_details: OpenDetails | None = None,
    readonly: bool = False,
) -> NotingApp:
    """An app with a stopped clock over `observer`."""
    return NotingApp(
        lambda: Connection(observer, first),
        interval_s=interval_s,
        clock=lambda: snapshots.CLOCK,
        open_details=open_details,
        readonly=readonly,
    )


async def shown(app: LabApp, pilot: Pilot[None], snapshot: Snapshot) -> None:
    """Waits until the app shows `snapshot`; the test's own timeout is the deadline."""
    while app.view.snapshot is not snapshot:
        await pilot.pause()


@asynccontextmanager
async def playing(snapshot: Snapshot) -> AsyncIterator[tuple[NotingApp, Pilot[None]]]:
    """A screen of 120 columns that shows `snapshot`, with something to drill into."""
    observer = Playing(snapshot)
    app = app_on(observer, open_details=all_sources())
    async with app.run_test(size=(120, 40)) as pilot:
        await observer.ended.wait()
        await pilot.pause()
        yield app, pilot
