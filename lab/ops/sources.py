"""How each part of a snapshot is fetched: with a deadline, with a pause after failures, and never twice at once."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Generic, TypeVar

from lab.clients.audit import Trail
from lab.clients.dagster import Dagster
from lab.clients.s3 import READER, S3, AuditStore
from lab.core.config import LabConfig
from lab.core.errors import LabError
from lab.core.processes import ProcessFact
from lab.core.runs import Run
from lab.core.services import CATALOGUE, Service
from lab.core.snapshot import AuditView, RunsView, ServiceState, Slice
from lab.ops.probes import ProbeResult, Probes
from lab.ops.states import service_state
from lab.ops.threads import OneThread

if TYPE_CHECKING:
    import httpx

T = TypeVar("T")

RUNS = 25
_BACKOFF_MOST_S = 30.0


class Backoff:
    """When to ask a failing source again: after 1, 2, 4 … 30 s; at once after a success."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock, self._failures, self._until = clock, 0, 0.0

    @property
    def waiting(self) -> bool:
        return self._clock() < self._until

    def succeeded(self) -> None:
        self._failures, self._until = 0, 0.0

    def failed(self) -> None:
        self._until = self._clock() + min(_BACKOFF_MOST_S, 2.0**self._failures)
        self._failures += 1


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
        self._backoff = Backoff(clocks.steady)

    async def settle(self, before: Slice[T]) -> Slice[T]:
        """The slice after one attempt; never raises except when cancelled."""
        if self._backoff.waiting:
            return before
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
            error = f"{self._title} couldn't be read: {type(err).__name__}: {err}."
        else:
            self._backoff.succeeded()
            now = self._clocks.wall()
            return replace(before, error="", attempted_at=now) if value is None else before.succeeded(value, now)
        self._backoff.failed()
        return before.failed(error, self._clocks.wall())


class RunsSource:
    """The newest runs; the steps of a finished run are asked for once."""

    def __init__(self, dagster: Dagster, limit: int = RUNS) -> None:
        self._dagster, self._limit = dagster, limit
        self._finished: dict[str, Run] = {}

    async def fetch(self) -> RunsView:
        """Raises LabError."""
        board = await self._dagster.dashboard(self._limit)
        listed = {run.run_id for run in board.runs}
        self._finished = {run_id: run for run_id, run in self._finished.items() if run_id in listed}
        unknown = tuple(run.run_id for run in board.runs if run.run_id not in self._finished)
        detailed = {}
        if unknown:
            found = await self._dagster.runs(limit=len(unknown), run_ids=unknown, steps=True)
            detailed = {run.run_id: run for run in found}
            self._finished |= {run.run_id: run for run in found if run.status.finished}
        runs = tuple(self._finished.get(run.run_id) or detailed.get(run.run_id, run) for run in board.runs)
        return RunsView(runs, board.schedule)


class ServicesSource:
    """Every service's probe, with what the runtime knows of its process."""

    def __init__(
        self,
        config: LabConfig,
        facts: Callable[[], Mapping[Service, ProcessFact]],
        clocks: Clocks,
        deadline_s: float,
        transport: "httpx.AsyncBaseTransport | None" = None,
    ) -> None:
        self._config, self._wall = config, clocks.wall
        self._probes = Probes(config, transport, deadline_s, clocks.wall, started_at=self._started_at)
        self._thread = OneThread("facts")
        self._ask_runtime = self._thread.once(facts)
        self._facts: Mapping[Service, ProcessFact] = {}
        self._backoff = {spec.name: Backoff(clocks.steady) for spec in CATALOGUE}
        self._last: dict[Service, ProbeResult] = {}

    async def fetch(self) -> tuple[ServiceState, ...]:
        """Services in the catalogue's order."""
        asked = asyncio.gather(*(self._check(spec.name) for spec in CATALOGUE))
        self._facts, results = await asyncio.gather(self._known_facts(), asked)
        return tuple(service_state(self._config, one.service, self._facts.get(one.service), one) for one in results)

    async def aclose(self) -> None:
        await self._probes.aclose()
        self._thread.close()

    async def _check(self, service: Service) -> ProbeResult:
        """A service that let its last probe run out of time isn't asked at every tick."""
        backoff = self._backoff[service]
        if backoff.waiting:
            return self._last[service]
        result = self._last[service] = await self._probes.check(service)
        if result.latency_s >= self._probes.deadline_s:
            backoff.failed()
        else:
            backoff.succeeded()
        return result

    async def _known_facts(self) -> Mapping[Service, ProcessFact]:
        try:
            async with asyncio.timeout(self._probes.deadline_s):
                return await self._ask_runtime()
        except Exception:  # without a supervisor or an engine the probes still tell the truth
            return {}

    def _started_at(self, service: Service) -> float | None:
        fact = self._facts.get(service)
        return None if fact is None or fact.uptime_s is None else self._wall() - fact.uptime_s


class AuditSource:
    """The audit trail, followed from a window before its head: a tick costs what is new."""

    def __init__(self, config: LabConfig, timeout_s: float) -> None:
        self._config, self._timeout_s = config, timeout_s
        self._thread = OneThread("audit")
        self._trail: Trail | None = None
        self._connected = self._thread.once(self._connect)
        self.fetch = self._thread.once(self._refresh)

    async def prepare(self) -> None:
        """Makes the S3 client: loading boto3 may take seconds, which say nothing about the store."""
        if self._trail is None:
            await self._connected()

    def close(self) -> None:
        self._thread.close()

    def _connect(self) -> None:
        config = self._config
        store = AuditStore(S3.of_lab(config, READER, self._timeout_s), config.audit_bucket, config.audit_prefix)
        self._trail = Trail(store, config.audit_prefix)

    def _refresh(self) -> AuditView:
        if self._trail is None:
            raise LabError("No client of the object store was made.")
        return self._trail.refresh()
