"""Where snapshots come from, as the screen sees it, and the loop that asks for them."""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from lab.base.errors import LabError, told
from lab.base.threads import made_in_thread
from lab.observe.snapshot import Snapshot

# The observer gives every source its own deadline; this one only guards against an observer that hangs itself.
TICK_DEADLINE_S = 30.0
RETRY_MOST_S = 15.0


class Observer(Protocol):
    """Takes one snapshot after another."""

    async def tick(self, previous: Snapshot) -> Snapshot:
        """The next snapshot; what didn't answer keeps its part of `previous`."""
        ...

    async def aclose(self) -> None: ...


@runtime_checkable
class Live(Observer, Protocol):
    """An observer whose sources settle one by one: what is slow holds up nothing else."""

    def ask(self, before: Snapshot, at_once: bool = False) -> None:
        """Begins to ask what isn't being asked; what failed lately only when its pause is over, or `at_once`."""
        ...

    async def news(self, before: Snapshot) -> Snapshot:
        """The snapshot after `before`, as soon as something settled. Cancelling loses nothing."""
        ...


@dataclass(frozen=True)
class Connection:
    """An observer, and what is known of its lab before it was asked.

    `outdated` says whether the settings that it was made from have been written anew, as a first `up` does.
    """

    observer: Observer
    first: Snapshot
    outdated: Callable[[], bool] = lambda: False


Factory = Callable[[], Connection]


class Poller:
    """Asks an observer for one snapshot after another, for ever; nothing it meets ends it but cancellation."""

    def __init__(
        self,
        factory: Factory,
        publish: Callable[[Snapshot], object],
        complain: Callable[[str], object],
        interval_s: float,
        deadline_s: float = TICK_DEADLINE_S,
    ) -> None:
        self._factory = factory
        self._publish = publish
        self._complain = complain
        self._interval_s = interval_s
        self._deadline_s = deadline_s
        self._wake = asyncio.Event()
        self._connection: Connection | None = None
        self._snapshot: Snapshot | None = None
        self._interval: asyncio.Timeout | None = None

    def pace(self, interval_s: float) -> None:
        """Pauses that long between two snapshots from now on; the present round of a live observer ends by it, too."""
        self._interval_s = interval_s
        if self._interval and not self._interval.expired():
            self._interval.reschedule(asyncio.get_running_loop().time() + interval_s)

    def hurry(self) -> None:
        """Ends the present pause, and those that a live observer makes after failures; what is under way goes on."""
        self._wake.set()
        if self._connection and self._snapshot and isinstance(self._connection.observer, Live):
            self._connection.observer.ask(self._snapshot, at_once=True)

    async def run(self) -> None:
        """Publishes snapshots until cancelled."""
        failures = 0
        try:
            while True:
                try:
                    await self._round()
                    failures = 0
                except Exception as err:
                    failures += 1
                    self._complain(explain(err, self._deadline_s))
                    await self._pause(self.pause_after(failures))
        finally:
            if self._connection:
                with contextlib.suppress(Exception):
                    await self._connection.observer.aclose()

    async def _round(self) -> None:
        """Everything is asked once, and an interval passes."""
        if self._connection is None or self._connection.outdated():
            await self._connect()
        assert self._connection  # noqa: S101 - made above
        observer, before = self._connection.observer, self._snapshot or self._connection.first
        if isinstance(observer, Live):
            observer.ask(before)
            await self._follow(observer, before)
        else:
            async with asyncio.timeout(self._deadline_s):
                self._take(await observer.tick(before))
            await self._pause(self._interval_s)

    async def _connect(self) -> None:
        """Makes the observer, or another one in its place, which begins with nothing that the first one was told."""
        # Making it imports the clients: in a thread, so that keys go on working.
        made = await made_in_thread(self._factory, lambda late: late.observer.aclose())
        old, self._connection = self._connection, made
        self._take(made.first)
        if old:
            await old.observer.aclose()

    async def _follow(self, observer: Live, snapshot: Snapshot) -> None:
        """Takes what settles until the interval is over."""
        try:
            async with asyncio.timeout(self._interval_s) as self._interval:
                while True:
                    snapshot = await observer.news(snapshot)
                    self._take(snapshot)
        except TimeoutError:
            if not (self._interval and self._interval.expired()):
                raise
        finally:
            self._interval = None

    def _take(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._publish(snapshot)

    def pause_after(self, failures: int) -> float:
        """Seconds until the next tick after so many failures in a row."""
        longest = max(RETRY_MOST_S, self._interval_s)
        return min(self._interval_s * 2.0 ** min(failures, 10), longest)

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        self._wake.clear()


def explain(err: Exception, deadline_s: float = TICK_DEADLINE_S) -> str:
    """One line for a person: what happened and, where known, what to do."""
    if isinstance(err, LabError):
        return str(err)
    if isinstance(err, TimeoutError):
        return f"No snapshot within {deadline_s:.0f} s; trying again."
    return f"Taking a snapshot failed ({told(err)}); trying again."
