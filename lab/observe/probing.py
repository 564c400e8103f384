"""When each service is probed: at once where something may be wrong, seldom where all is well."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from lab.base.catalogue import CATALOGUE, ProcessFact, Service
from lab.base.threads import OneThread
from lab.config import LabConfig
from lab.observe.probes import UNKNOWN, ProbeResult, Probes
from lab.observe.service_state import service_state
from lab.observe.snapshot import Health, ServiceState
from lab.observe.sources import PATIENCE_S, Backoff, Clocks

if TYPE_CHECKING:
    import httpx

# A service that was up is probed again after this long; in between its process and its data vouch for it.
UP_FOR_S = 10.0
# How long a first look at containers is waited for: the engine takes a second for their memory.
FIRST_FACTS_S = 8.0


class ServicesSource:
    """Every service's newest probe, with what the runtime knows of its process."""

    def __init__(
        self,
        config: LabConfig,
        facts: Callable[[], Mapping[Service, ProcessFact]],
        clocks: Clocks,
        deadline_s: float,
        transport: "httpx.AsyncBaseTransport | None" = None,
        contained: bool = False,
        patience_s: float = PATIENCE_S,
        once: bool = False,
    ) -> None:
        """`contained` says that the services are containers, of which not all can be connected to.

        With `once` there is no later look, with which processor time could be compared.
        """
        self._contained, self._patience_s, self._once = contained, patience_s, once
        self._config, self._clocks, self._deadline_s = config, clocks, deadline_s
        self._probes = Probes(config, transport, deadline_s, clocks.wall, self._started_at, self._health_of)
        self._thread = OneThread("facts")
        self._ask_runtime = self._thread.once(facts)
        self._facts: Mapping[Service, ProcessFact] = {}
        self._backoff = {spec.name: Backoff(clocks.steady) for spec in CATALOGUE}
        self._last: dict[Service, ProbeResult] = {}
        self._pid: dict[Service, int | None] = {}
        self._due_at = {spec.name: 0.0 for spec in CATALOGUE}
        self._under_way: dict[str, asyncio.Task[None]] = {}

    async def fetch(self) -> tuple[ServiceState, ...]:
        """Services in the catalogue's order; waits longer than `patience_s` only for a first answer."""
        patience_s = self._patience_s
        self._begin("facts", self._learn_facts)
        # Without them nothing is known of a container that can't be connected to.
        await self._wait(["facts"], FIRST_FACTS_S if self._contained and not self._facts else patience_s)
        for spec in CATALOGUE:
            if self._is_due(spec.name):
                self._begin(spec.name, partial(self._check, spec.name))
        await self._wait(list(self._under_way), patience_s)
        await self._wait([spec.name for spec in CATALOGUE if spec.name not in self._last], None)
        return tuple(
            service_state(self._config, spec.name, self._facts.get(spec.name), self._last[spec.name], self._once)
            for spec in CATALOGUE
        )

    def suspect(self, services: Iterable[Service]) -> None:
        """Probes these at the next fetch: something that needs them failed."""
        for service in services:
            self._due_at[service] = 0.0

    def hurry(self) -> None:
        """Probes everything at the next fetch, also what didn't answer lately."""
        self.suspect(self._due_at)
        for backoff in self._backoff.values():
            backoff.hurry()

    async def aclose(self) -> None:
        """Ends what is under way and closes the clients."""
        running = list(self._under_way.values())
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        await self._probes.aclose()
        self._thread.close()

    def _begin(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        """Starts `work` unless the last one of that name still runs."""
        if name not in self._under_way:
            task = self._under_way[name] = asyncio.ensure_future(work())
            task.add_done_callback(lambda _: self._under_way.pop(name, None))

    async def _wait(self, names: Iterable[str], at_most_s: float | None) -> None:
        if running := [self._under_way[name] for name in names if name in self._under_way]:
            await asyncio.wait(running, timeout=at_most_s)

    def _is_due(self, service: Service) -> bool:
        """A service that let its last probe run out of time isn't asked at every tick."""
        last, fact = self._last.get(service), self._facts.get(service)
        if last is None or self._pid.get(service) != (fact.pid if fact else None):
            return True
        if self._backoff[service].waiting:
            return False
        calm = last.health is Health.UP or (fact is not None and fact.state in {"absent", "stopped"})
        return not calm or self._clocks.steady() >= self._due_at[service]

    async def _check(self, service: Service) -> None:
        first = service not in self._last
        pid = fact.pid if (fact := self._facts.get(service)) else None
        new, self._pid[service] = pid != self._pid.get(service), pid
        self._due_at[service] = self._clocks.steady() + UP_FOR_S * (_phase(service) if first else 1.0)
        result = await self._probes.check(service)
        self._last[service] = self._forbearing(result, None if new else self._last.get(service))
        if result.latency_s >= self._deadline_s:
            self._backoff[service].failed()
        else:
            self._backoff[service].succeeded()

    @staticmethod
    def _forbearing(result: ProbeResult, before: ProbeResult | None) -> ProbeResult:
        """A process that answered the last time may run out of time once: the machine may be busy."""
        answered = before is not None and before.health is not Health.DOWN and not before.overdue
        if not result.overdue or not answered:
            return replace(result, overdue=False)
        return replace(result, health=Health.DEGRADED)

    async def _learn_facts(self) -> None:
        try:
            async with asyncio.timeout(FIRST_FACTS_S if self._contained else self._deadline_s):
                self._facts = await self._ask_runtime()
        except Exception:  # without a supervisor or an engine the probes still tell the truth
            # What isn't installed can't have come meanwhile.
            self._facts = {name: fact for name, fact in self._facts.items() if fact.state == "absent"}

    def _started_at(self, service: Service) -> float | None:
        fact = self._facts.get(service)
        return None if fact is None or fact.uptime_s is None else self._clocks.wall() - fact.uptime_s

    def _health_of(self, service: Service) -> str:
        fact = self._facts.get(service)
        if fact is None:
            return UNKNOWN if self._contained else ""
        return fact.health


def _phase(service: Service) -> float:
    """Where in the common period a service's probes lie, so that they don't all fall into one tick."""
    names: list[Any] = [spec.name for spec in CATALOGUE]
    return (names.index(service) + 1) / len(names)
