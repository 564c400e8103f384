"""How each part of a snapshot is fetched: with a deadline, with a pause after failures, and never twice at once."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Generic, TypeVar

from lab.base.catalogue import Service
from lab.base.errors import LabError, told
from lab.base.runs import Run, RunStatus
from lab.config import LabConfig
from lab.observe.snapshot import RunsView, Slice
from lab.services.dagster import Dagster
from lab.services.http import Http
from lab.services.s3_reader import READER, Signer, StoreReader

if TYPE_CHECKING:
    import httpx

T = TypeVar("T")

RUNS = 25
# What takes longer than this comes into a later snapshot, and holds up nothing else.
PATIENCE_S = 0.5
_BACKOFF_LEAST_S, _BACKOFF_MOST_S = 2.0, 15.0


class Backoff:
    """When to ask a failing source again: after 2, 4, 8, 15 s; at once after a success."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock, self._failures, self._until = clock, 0, 0.0

    @property
    def waiting(self) -> bool:
        return self._clock() < self._until

    @property
    def failing(self) -> bool:
        return self._failures > 0

    def succeeded(self) -> None:
        self._failures, self._until = 0, 0.0

    def failed(self) -> None:
        pause = _BACKOFF_LEAST_S * 2.0 ** min(self._failures, 10)
        self._until = self._clock() + min(_BACKOFF_MOST_S, pause)
        self._failures += 1

    def hurry(self) -> None:
        """Ends the present pause; how long the next one is stays as it was."""
        self._until = 0.0


@dataclass(frozen=True)
class Clocks:
    """`wall` gives epoch seconds for people, `steady` seconds that never jump."""

    wall: Callable[[], float] = time.time
    steady: Callable[[], float] = time.monotonic


class Source(Generic[T]):
    """One part of the snapshot: how it is fetched, for how long, and when again. `fetch` gives None for "not yet"."""

    def __init__(
        self,
        title: str,
        fetch: Callable[[], Awaitable[T | None]],
        clocks: Clocks,
        deadline_s: float,
        prepare: Callable[[], Awaitable[object]] | None = None,
    ) -> None:
        """`prepare` comes before each attempt and doesn't count towards its deadline."""
        self._title, self._fetch, self._clocks, self._deadline_s = title, fetch, clocks, deadline_s
        self._prepare = prepare
        self.backoff = Backoff(clocks.steady)

    async def settle(self, before: Slice[T]) -> Slice[T]:
        """The slice after one attempt; never raises except when cancelled."""
        try:
            if self._prepare:
                await self._prepare()
            async with asyncio.timeout(self._deadline_s):
                value = await self._fetch()
        except LabError as err:
            error = str(err)
        except TimeoutError:
            error = f"{self._title} didn't answer within {self._deadline_s:g} s. Type `invoke status`."
        except Exception as err:  # a mistake in one source must not take the others off the screen
            error = f"{self._title} couldn't be read: {told(err)}."
        else:
            self.backoff.succeeded()
            now = self._clocks.wall()
            return replace(before, error="", attempted_at=now) if value is None else before.succeeded(value, now)
        self.backoff.failed()
        return before.failed(error, self._clocks.wall())


class RunsSource:
    """The newest runs; what is known of a finished run is asked for once, the steps of a queued one not at all."""

    def __init__(self, dagster: Dagster, limit: int = RUNS) -> None:
        self._dagster, self._limit = dagster, limit
        self._finished: dict[str, Run] = {}

    async def fetch(self) -> RunsView:
        """Raises LabError."""
        newest = await self._dagster.newest_runs(self._limit)
        going = {run.run_id: run for run in newest.going}
        self._finished = {run_id: run for run_id, run in self._finished.items() if run_id in newest.run_ids}
        wanted = tuple(one for one in newest.run_ids if one not in self._finished and _has_more(going.get(one)))
        detailed = await self._with_steps(wanted) if wanted else {}
        known = going | detailed | self._finished
        # One of which nothing is known any more was deleted meanwhile.
        return RunsView(tuple(known[one] for one in newest.run_ids if one in known), newest.schedule)

    async def _with_steps(self, run_ids: tuple[str, ...]) -> dict[str, Run]:
        found = await self._dagster.runs(limit=len(run_ids), run_ids=run_ids, steps=True)
        self._finished |= {run.run_id: run for run in found if run.status.finished}
        return {run.run_id: run for run in found}


def _has_more(run: Run | None) -> bool:
    """Whether there is more to know than that the run waits: of one that doesn't go on nothing is known yet."""
    return run is None or run.status not in {RunStatus.QUEUED, RunStatus.NOT_STARTED}


def store_reader(config: LabConfig, timeout_s: float, transport: "httpx.AsyncBaseTransport | None") -> StoreReader:
    """The lab's store as its identity that may only read."""
    url, signer = config.url(Service.OBJECT_STORE), Signer(READER, config.secrets.s3_reader)
    return StoreReader(Http.to(Service.OBJECT_STORE, url, timeout_s, transport, signer))
