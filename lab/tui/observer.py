"""Where snapshots come from, as the screen sees it, and the loop that asks for them."""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from lab.core.errors import LabError
from lab.core.snapshot import Snapshot

# The observer gives every source its own deadline; this one only guards against an observer that hangs itself.
TICK_DEADLINE_S = 30.0
RETRY_MOST_S = 15.0


class Observer(Protocol):
    """Takes one snapshot after another."""

    async def tick(self, previous: Snapshot) -> Snapshot:
        """The next snapshot; what didn't answer keeps its part of `previous`."""
        ...

    async def aclose(self) -> None: ...


@dataclass(frozen=True)
class Connection:
    """An observer, and what is known of its lab before it was asked."""

    observer: Observer
    first: Snapshot


Factory = Callable[[], Connection]


class Poller:
    """Asks an observer for one snapshot at a time, for ever; nothing it meets ends it but cancellation."""

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

    def hurry(self) -> None:
        """Ends the present pause; a tick that is under way goes on."""
        self._wake.set()

    async def run(self) -> None:
        """Publishes snapshots until cancelled."""
        failures = 0
        connection: Connection | None = None
        try:
            while True:
                try:
                    # Making the observer imports the clients: in a thread, so that keys go on working.
                    if connection is None:
                        connection = await asyncio.to_thread(self._factory)
                        snapshot = connection.first
                        self._publish(snapshot)
                    async with asyncio.timeout(self._deadline_s):
                        snapshot = await connection.observer.tick(snapshot)
                    failures = 0
                    self._publish(snapshot)
                except Exception as err:
                    failures += 1
                    self._complain(explain(err, self._deadline_s))
                await self._pause(self.pause_after(failures))
        finally:
            if connection:
                with contextlib.suppress(Exception):
                    await connection.observer.aclose()

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
    return f"Taking a snapshot failed ({type(err).__name__}: {err}); trying again."
