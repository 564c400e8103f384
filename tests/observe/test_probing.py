"""Services that are well are probed seldom, the others at once."""

from dataclasses import replace

import httpx

from lab.base.catalogue import ProcessFact, Service
from lab.observe.snapshot import Health, ServiceState
from tests.support.observed_lab import MLFLOW, ObservedLab

# Probed with one request and needed by no part of the snapshot, so that only probes ask them.
QUIET = Service.ALERTMANAGER


def state_of(observed: ObservedLab, service: Service) -> ServiceState:
    return next(state for state in observed.snapshot.services.value or () if state.name == service)


async def test_a_service_that_is_up_is_probed_every_ten_seconds(observed: ObservedLab) -> None:
    for _ in range(31):
        await observed.tick(2)
    # Once at first, and six times in a minute.
    assert 6 <= observed.services.asked[QUIET] <= 8
    age = observed.now - (state_of(observed, QUIET).probed_at or 0)
    assert age <= 10
    assert state_of(observed, QUIET).health is Health.UP


async def test_probes_are_spread_over_the_ticks(observed: ObservedLab) -> None:
    await observed.tick()
    quiet_ticks = []
    for _ in range(20):
        before = [state.probed_at for state in observed.snapshot.services.value or ()]
        shot = await observed.tick(2)
        after = [(state.probed_at, state.health) for state in shot.services.value or ()]
        up = [new for old, (new, health) in zip(before, after, strict=True) if new != old and health is Health.UP]
        quiet_ticks.append(len(up))
    assert max(quiet_ticks) <= 4


async def test_a_service_that_is_not_up_is_probed_at_every_tick_and_seen_to_recover(observed: ObservedLab) -> None:
    observed.services.broken[QUIET] = lambda _: httpx.Response(500)
    for asked in (1, 2, 3):
        await observed.tick(2)
        assert observed.services.asked[QUIET] == asked
    assert state_of(observed, QUIET).health is Health.DOWN
    del observed.services.broken[QUIET]
    await observed.tick(2)
    assert state_of(observed, QUIET).health is Health.UP


async def test_another_process_is_probed_at_once(observed: ObservedLab) -> None:
    for _ in range(8):
        await observed.tick(2)
    observed.services.broken[Service.MLFLOW] = lambda _: httpx.Response(500)
    observed.runtime.known[Service.MLFLOW] = replace(MLFLOW, pid=4712)
    await observed.tick(0.1)
    assert state_of(observed, Service.MLFLOW).probed_at == observed.now


async def test_a_process_that_ended_shows_at_the_next_tick(observed: ObservedLab) -> None:
    await observed.tick()
    observed.runtime.known[Service.MLFLOW] = ProcessFact("failed", reason="exited: 137", remedy="Type `invoke up`.")
    await observed.tick(2)
    assert state_of(observed, Service.MLFLOW).health is not Health.UP


async def test_what_is_not_installed_is_hardly_probed(observed: ObservedLab) -> None:
    observed.runtime.known[QUIET] = ProcessFact("absent", reason="not on PATH")
    observed.services.broken[QUIET] = lambda _: httpx.Response(500)
    for _ in range(16):
        await observed.tick(2)
    assert observed.services.asked[QUIET] <= 5
    assert state_of(observed, QUIET).health is Health.ABSENT


async def test_what_is_not_installed_stays_so_while_nothing_is_known_of_processes(observed: ObservedLab) -> None:
    observed.runtime.known[QUIET] = ProcessFact("absent", reason="not on PATH")
    observed.services.broken[QUIET] = lambda _: httpx.Response(500)
    await observed.tick()
    observed.runtime.broken = True
    await observed.tick(2)
    assert state_of(observed, QUIET).health is Health.ABSENT
    assert state_of(observed, Service.MLFLOW).pid is None


async def test_hurrying_probes_everything(observed: ObservedLab) -> None:
    await observed.tick()
    asked = dict(observed.services.asked)
    observed.observer.ask(observed.snapshot, at_once=True)
    await observed.tick(0.1)
    assert all(observed.services.asked[service] > count for service, count in asked.items() if count)
