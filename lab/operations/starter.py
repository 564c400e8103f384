"""Starts services in the order in which they need each other, each as soon as what it needs is ready."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from lab.base.catalogue import BY_NAME, ProcessFact, Service
from lab.base.errors import ServiceUnavailable, StartupFailed
from lab.base.progress import Progress, Report, pause_s
from lab.observe.probes import ProbeResult
from lab.observe.snapshot import Health
from lab.runtime.runtime import Runtime

FACTS_EVERY_S = 1.0
_TAIL_LINES = 15
# What a server that is written in Go prints of its stacks when it gives up is longer than this seldom.
_WITH_STACKS_LINES = 400
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
        # When the runtime was asked last, and when for the facts that are known.
        self._asked_facts_at = self._facts_of = float("-inf")
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
            try:
                provisioned = await asyncio.to_thread(self._provision[service], min(left, _PROVISION_S))
            except ServiceUnavailable as err:
                what = f"can't be given what it must hold: {err.message.rstrip('.')}"
                raise await self._failure(service, what) from err
            for made in provisioned:
                self._report(Progress(service, "preparing", made))

    async def _wait(self, service: Service) -> None:
        began = time.monotonic()
        while True:
            result = self.results[service] = await self._probes.check(service)
            if result.health is Health.UP or result.waits_for_person:
                return
            now = time.monotonic()
            if now > self._end:
                raise await self._failure(service, "wasn't healthy in time")
            await self._learn_facts(began)
            fact = self._facts[service]
            if self._facts_of > began and fact.state == "failed" and fact.reason.startswith("fatal"):
                raise await self._failure(service, f"doesn't start ({fact.reason})")
            await asyncio.sleep(pause_s(now - began))

    async def _learn_facts(self, began: float) -> None:
        """Asks the runtime, once a second for all that wait, and not in the first second of one."""
        now = time.monotonic()
        if now > max(began, self._asked_facts_at) + FACTS_EVERY_S:
            self._asked_facts_at = now
            self._facts.update(await asyncio.to_thread(self._runtime.facts))
            self._facts_of = now

    async def _failure(self, service: Service, what: str) -> StartupFailed:
        last = self.results.get(service)
        found = await asyncio.to_thread(self._runtime.tail, service, _WITH_STACKS_LINES)
        lines = without_stacks(found)[-_TAIL_LINES:]
        tail = "".join(f"\n    {line}" for line in lines) or " (empty)"
        seen = f" Last state: {last.health}: {last.reason.rstrip('.')}." if last else ""
        return StartupFailed(
            f"{BY_NAME[service].title} ({service}) {what}.{seen}\n  End of its log:{tail}\n",
            f"Type `invoke logs {service}`, mend the cause, and `invoke up` again.",
        )


def without_stacks(lines: Sequence[str]) -> list[str]:
    """A log's lines without the stacks of Go, below which the sentence that says what was wrong would be lost."""
    kept, inside = [], False
    for line in lines:
        inside = line.startswith("goroutine ") or (inside and bool(line.strip()))
        if not inside:
            kept.append(line)
    return kept


def when_began(facts: Mapping[Service, ProcessFact]) -> dict[Service, float]:
    """When each process began that runs, in epoch seconds."""
    now = time.time()
    return {service: now - fact.uptime_s for service, fact in facts.items() if fact.uptime_s is not None}
