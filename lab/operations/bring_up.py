"""Bringing services up, all or one, with one deadline; and how every service is now."""

import asyncio
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from lab.base import interruption
from lab.base.catalogue import BY_NAME, ProcessFact, Service
from lab.base.dependencies import hindered
from lab.base.errors import LabError
from lab.base.progress import Progress, Report
from lab.config import LabConfig
from lab.observe.probes import ProbeResult, Probes
from lab.observe.service_state import service_state
from lab.observe.snapshot import Health, ServiceState
from lab.operations.runs_in_progress import let_runs_end
from lab.operations.starter import FACTS_EVERY_S, Prober, Provision, Starter, when_began
from lab.runtime.runtime import Runtime

UP_DEADLINE_S = 180.0
_STOP_S = 30.0
# Several scrapes of Prometheus.
_NOTICED_S = 30.0


@dataclass(frozen=True)
class UpResult:
    """What `up` leaves behind; `already` when there was nothing to do, `seconds` by service until it was healthy."""

    services: tuple[ServiceState, ...]
    already: bool
    seconds: float
    ready_after: Mapping[str, float]


async def up(
    config: LabConfig,
    runtime: Runtime,
    provision: Provision,
    report: Report,
    deadline_s: float = UP_DEADLINE_S,
    only: Sequence[Service] | None = None,
) -> UpResult:
    """Starts what doesn't run, of `only` these services, and waits until each passes its deep probe.

    `provision` names what is done inside a service as soon as it answers and before anything that needs it starts.
    Raises StartupFailed.
    """
    began = time.monotonic()
    changes: list[str] = []

    def note(text: str) -> None:
        changes.append(text)
        report(Progress("lab", "preparing", text))

    differ = await asyncio.to_thread(runtime.changes)
    await let_runs_end(config, differ, report)
    for service, reasons in differ.items():
        note(f"{service} restarts, changed: {', '.join(reasons)}")
    with _brought_back(runtime, differ):
        # Not in a thread, which would go on after an interruption, and without the lock on the lab.
        with interruption.blocking():
            runtime.prepare(note)
        # From here on: waiting for a run, building or pulling images take as long as they take.
        starter, states = await _start(config, runtime, provision, report, time.monotonic() + deadline_s, only)
    already = not changes and not starter.started
    return UpResult(states, already, time.monotonic() - began, starter.ready_after)


async def restart(
    config: LabConfig, runtime: Runtime, service: Service, provision: Provision, report: Report, deadline_s: float
) -> UpResult:
    """Stops one service and starts it with its settings as they are now; touches no other.

    Raises LabError where what it needs isn't running, StartupFailed.
    """
    _refuse_alone(service, await asyncio.to_thread(runtime.facts))
    return await _alone(config, runtime, service, provision, report, deadline_s, stopping=True)


async def start_one(
    config: LabConfig, runtime: Runtime, service: Service, provision: Provision, report: Report, deadline_s: float
) -> UpResult:
    """As `restart`, of a service that doesn't run; leaves one alone that does."""
    facts = await asyncio.to_thread(runtime.facts)
    _refuse_alone(service, facts)
    if facts[service].state == "running":
        return UpResult(await status(config, runtime), True, 0.0, {})
    return await _alone(config, runtime, service, provision, report, deadline_s, stopping=False)


async def _alone(
    config: LabConfig,
    runtime: Runtime,
    service: Service,
    provision: Provision,
    report: Report,
    deadline_s: float,
    stopping: bool,
) -> UpResult:
    began = time.monotonic()

    def note(text: str) -> None:
        report(Progress("lab", "preparing", text))

    with _brought_back(runtime, (service,) if stopping else ()):
        # Stopping goes on in its thread: starting anew at an interruption must come after it.
        with interruption.finished_first():
            await asyncio.to_thread(runtime.prepare, note, (service,))
            if stopping:
                await asyncio.to_thread(runtime.stop, (service,), _STOP_S)
        starter, _ = await _start(config, runtime, provision, report, began + deadline_s, (service,))
    states = await _noticed(config, runtime, report)
    return UpResult(states, False, time.monotonic() - began, starter.ready_after)


async def _noticed(config: LabConfig, runtime: Runtime, report: Report) -> tuple[ServiceState, ...]:
    """The states as soon as the others have noticed that a service is back, as Prometheus does at its next scrape."""
    end, told = time.monotonic() + _NOTICED_S, ""
    while True:
        states = await status(config, runtime)
        # What a person stopped stays so, and with it whoever needs it.
        waiting = hindered([state.name for state in states if state.stopped])
        missing = ", ".join(
            state.name for state in states if not (state.optional or state.health is Health.UP or state.name in waiting)
        )
        if not missing or time.monotonic() > end:
            return states
        if missing != told:
            report(Progress("lab", "in_progress", f"not up yet: {missing}"))
        told = missing
        await asyncio.sleep(FACTS_EVERY_S)


def _refuse_alone(service: Service, facts: Mapping[Service, ProcessFact]) -> None:
    """Raises LabError for a service that can't be started by itself."""
    fact = facts[service]
    if fact.state == "absent":
        raise LabError(f"{BY_NAME[service].title} isn't installed: {fact.reason}.", fact.remedy)
    if all(one.state in {"absent", "stopped"} for one in facts.values()):
        raise LabError("The lab is down.", "Type `invoke up`.")
    if missing := [needed for needed in BY_NAME[service].needs if facts[needed].state != "running"]:
        names = ", ".join(missing)
        remedy = f"Type `invoke start {missing[0]}` first, or `invoke up`."
        raise LabError(f"{BY_NAME[service].title} needs {names}, which doesn't run.", remedy)


@contextmanager
def _brought_back(runtime: Runtime, ended: Collection[Service]) -> Iterator[None]:
    """Starts what was ended once more when something goes wrong, so that a failure leaves no lab half down."""
    try:
        yield
    except BaseException:
        for service in ended:
            with suppress(LabError):
                runtime.start(service)
        raise
    finally:
        runtime.release()


async def _start(
    config: LabConfig,
    runtime: Runtime,
    provision: Provision,
    report: Report,
    end: float,
    only: Sequence[Service] | None = None,
) -> tuple[Starter, tuple[ServiceState, ...]]:
    began_at: dict[Service, float] = {}
    facts: dict[Service, ProcessFact] = {}
    # Heartbeats of a daemon that was stopped a moment ago must not be taken for the new one's.
    probes = Probes(config, started_at=began_at.get, health_of=lambda service: _health(facts, service))
    try:
        starter = Starter(runtime, probes, provision, report, end, began_at, facts, only)
        await starter.run()
        return starter, _judged(config, await asyncio.to_thread(runtime.facts, measured=True), starter.results)
    finally:
        await probes.aclose()


async def status(config: LabConfig, runtime: Runtime, measured: bool = True) -> tuple[ServiceState, ...]:
    """Every service of the catalogue as it is now: its process, unless told otherwise measured, and its deep probe if
    it runs."""
    facts: dict[Service, ProcessFact] = {}
    began_at: dict[Service, float] = {}
    probes = Probes(config, started_at=began_at.get, health_of=lambda service: _health(facts, service))
    try:
        facts.update(await asyncio.to_thread(runtime.facts))
        began_at.update(when_began(facts))
        return await _states(config, runtime, probes, measured)
    finally:
        await probes.aclose()


def _health(facts: Mapping[Service, ProcessFact], service: Service) -> str:
    return facts[service].health if service in facts else ""


async def _states(config: LabConfig, runtime: Runtime, probes: Prober, measured: bool) -> tuple[ServiceState, ...]:
    facts = await asyncio.to_thread(runtime.facts, measured)
    # A stopped service isn't asked: another lab may be answering on its port.
    asked = [service for service, fact in facts.items() if fact.state not in {"absent", "stopped"}]
    results = {result.service: result for result in await asyncio.gather(*map(probes.check, asked))}
    return _judged(config, facts, results)


def _judged(
    config: LabConfig, facts: Mapping[Service, ProcessFact], results: Mapping[Service, ProbeResult]
) -> tuple[ServiceState, ...]:
    found = ((service, fact, results.get(service)) for service, fact in facts.items())
    return tuple(service_state(config, *one, once=True) for one in found)


def all_up(states: Sequence[ServiceState]) -> bool:
    """Whether every service that must run is healthy."""
    return all(state.health is Health.UP for state in states if not state.optional)
