"""Starts services in the order in which they need each other, each as soon as what it needs is ready."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from lab.base.catalogue import BY_NAME, ProcessFact, Service
from lab.base.errors import StartupFailed
from lab.base.progress import Progress, Report
from lab.observe.probes import ProbeResult
from lab.observe.snapshot import Health
from lab.runtime.runtime import Runtime

_POLL_SECONDS = 0.2
FACTS_EVERY_S = 1.0
_TAIL_LINES = 15
# A second or two, on a machine that has nothing else to do.
_PROVISION_S = 90.0


# Takes a deadline in seconds and returns what it made, in words.
Provision = Mapping[Service, Callable[[float], Sequence[str]]]


class Prober(Protocol):
    """Asks one service, deeply, whether it works."""

    async def check(self, service: Service) -> ProbeResult: ...


class Starter:
    """Starts services as soon as what they need is ready. `results` holds each one's newest probe."""

    def __init__(
        self,
        runtime: Runtime,
        probes: Prober,
        provision: Provision,
        report: Report,
        end: float,
        began_at: dict[Service, float],
        facts: dict[Service, ProcessFact],
        only: Sequence[Service] | None = None,
    ) -> None:
        self._runtime, self._probes, self._provision, self._report, self._end = runtime, probes, provision, report, end
        # Filled here, read by the probes.
        self._began_at, self._facts = began_at, facts
        self._services = list(runtime.services() if only is None else only)
        self._ready = {service: asyncio.Event() for service in self._services}
        self.results: dict[Service, ProbeResult] = {}
        self.started: list[Service] = []
        self.ready_after: dict[str, float] = {}

    async def run(self) -> None:
        """Returns when every service is healthy at the same time. Raises StartupFailed."""
        self._facts.update(await asyncio.to_thread(self._runtime.facts))
        began = dict(self._facts)
        self._began_at.update(when_began(began))
        try:
            async with asyncio.TaskGroup() as group:
                for service in self._services:
                    group.create_task(self._bring_up(service, began[service]))
            async with asyncio.TaskGroup() as group:
                for service in self._services:
                    group.create_task(self._look_again(service))
        except BaseExceptionGroup as errors:
            # The first failure ended the other tasks; it is the one that a reader needs.
            raise errors.exceptions[0] from None

    async def _bring_up(self, service: Service, fact: ProcessFact) -> None:
        began = time.monotonic()
        for needed in BY_NAME[service].needs:
            if needed in self._ready:
                await self._ready[needed].wait()
        if fact.state != "running":
            self.started.append(service)
            self._began_at[service] = time.time()
            self._report(Progress(service, "starting"))
        await asyncio.to_thread(self._runtime.start, service)
        await self._provision_inside(service)
        await self._wait(service)
        self.ready_after[service] = time.monotonic() - began
        if service in self.started:
            self._report(Progress(service, "up", BY_NAME[service].title, self.ready_after[service]))
        self._ready[service].set()

    async def _look_again(self, service: Service) -> None:
        """One that was healthy early may have missed another since: Prometheus, a target that was being restarted."""
        result = self.results[service] = await self._probes.check(service)
        if result.health is not Health.UP and not result.waits_for_person:
            began = time.monotonic()
            self._report(Progress(service, "in_progress", result.reason))
            await self._wait(service)
            self._report(Progress(service, "up", BY_NAME[service].title, time.monotonic() - began))

    async def _provision_inside(self, service: Service) -> None:
        if service in self._provision:
            left = max(1.0, self._end - time.monotonic())
            for made in await asyncio.to_thread(self._provision[service], min(left, _PROVISION_S)):
                self._report(Progress(service, "preparing", made))

    async def _wait(self, service: Service) -> None:
        look_at_facts = time.monotonic() + FACTS_EVERY_S
        while True:
            result = self.results[service] = await self._probes.check(service)
            if result.health is Health.UP or result.waits_for_person:
                return
            now = time.monotonic()
            if now > self._end:
                raise await self._failure(service, "wasn't healthy in time")
            if now > look_at_facts:
                look_at_facts = now + FACTS_EVERY_S
                self._facts.update(await asyncio.to_thread(self._runtime.facts))
                fact = self._facts[service]
                if fact.state == "failed" and fact.reason.startswith("fatal"):
                    raise await self._failure(service, f"doesn't start ({fact.reason})")
            await asyncio.sleep(_POLL_SECONDS)

    async def _failure(self, service: Service, what: str) -> StartupFailed:
        last = self.results.get(service)
        lines = await asyncio.to_thread(self._runtime.tail, service, _TAIL_LINES)
        tail = "".join(f"\n    {line}" for line in lines) or " (empty)"
        seen = f" Last state: {last.health}: {last.reason.rstrip('.')}." if last else ""
        return StartupFailed(
            f"{BY_NAME[service].title} ({service}) {what}.{seen}\n  End of its log:{tail}\n",
            f"Type `invoke logs {service}`, mend the cause, and `invoke up` again.",
        )


def when_began(facts: Mapping[Service, ProcessFact]) -> dict[Service, float]:
    """When each process began that runs, in epoch seconds."""
    now = time.time()
    return {service: now - fact.uptime_s for service, fact in facts.items() if fact.uptime_s is not None}
