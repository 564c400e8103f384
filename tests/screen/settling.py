"""A live observer that settles when a test says so."""

import asyncio

from lab.observe.polling import Connection
from lab.observe.snapshot import Snapshot
from tests.screen import snapshots
from tests.screen.fakes import NotingApp


class Settling:
    """A live observer whose snapshots come when a test gives them; notes what it was asked."""

    def __init__(self) -> None:
        self.given: asyncio.Queue[Snapshot | Exception] = asyncio.Queue()
        self.asked: list[bool] = []
        self.closed = False

    def ask(self, before: Snapshot, at_once: bool = False) -> None:
        self.asked.append(at_once)

    async def news(self, before: Snapshot) -> Snapshot:
        step = await self.given.get()
        if isinstance(step, Exception):
            raise step
        return step

    async def tick(self, previous: Snapshot) -> Snapshot:
        raise AssertionError("a live observer isn't waited for as a whole")

    async def aclose(self) -> None:
        self.closed = True


def live_app(observer: Settling, interval_s: float = 0.01) -> NotingApp:
    """An app with a stopped clock over `observer`."""
    connection = Connection(observer, snapshots.WAITING)
    return NotingApp(lambda: connection, interval_s=interval_s, clock=lambda: snapshots.CLOCK)
