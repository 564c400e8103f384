"""Services that are well are probed seldom, the others at once."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from lab.base.catalogue import ProcessFact, Service
from lab.observe.snapshot import Health, ServiceState
from tests.operations.benches import MLFLOW, Bench

# Probed with one request and needed by no part of the snapshot, so that only probes ask them.
QUIET = Service.ALERTMANAGER


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    made = Bench(tmp_path)
    yield made
    await made.observer.aclose()


def state_of(bench: Bench, service: Service) -> ServiceState:
    return next(state for state in bench.snapshot.services.value or () if state.name == service)


async def test_a_service_that_is_up_is_probed_every_ten_seconds(bench: Bench) -> None:
    for _ in range(31):
        await bench.tick(2)
    # Once at first, and six times in a minute.
    assert 6 <= bench.services.asked[QUIET] <= 8
    age = bench.now - (state_of(bench, QUIET).probed_at or 0)
    assert age <= 10
    assert state_of(bench, QUIET).health is Health.UP


async def test_probes_are_spread_over_the_ticks(bench: Bench) -> None:
    await bench.tick()
    quiet_ticks = []
    for _ in range(20):
        before = [state.probed_at for state in bench.snapshot.services.value or ()]
        shot = await bench.tick(2)
        after = [(state.probed_at, state.health) for state in shot.services.value or ()]
        up = [new for old, (new, health) in zip(before, after, strict=True) if new != old and health is Health.UP]
        quiet_ticks.append(len(up))
    assert max(quiet_ticks) <= 4


async def test_a_service_that_is_not_up_is_probed_at_every_tick_and_seen_to_recover(bench: Bench) -> None:
    bench.services.broken[QUIET] = lambda _: httpx.Response(500)
    for asked in (1, 2, 3):
        await bench.tick(2)
        assert bench.services.asked[QUIET] == asked
    assert state_of(bench, QUIET).health is Health.DOWN
    del bench.services.broken[QUIET]
    await bench.tick(2)
    assert state_of(bench, QUIET).health is Health.UP


async def test_another_process_is_probed_at_once(bench: Bench) -> None:
    for _ in range(8):
        await bench.tick(2)
    bench.services.broken[Service.MLFLOW] = lambda _: httpx.Response(500)
    bench.runtime.known[Service.MLFLOW] = replace(MLFLOW, pid=4712)
    await bench.tick(0.1)
    assert state_of(bench, Service.MLFLOW).probed_at == bench.now


async def test_a_process_that_ended_shows_at_the_next_tick(bench: Bench) -> None:
    await bench.tick()
    bench.runtime.known[Service.MLFLOW] = ProcessFact("failed", reason="exited: 137", remedy="Type `invoke up`.")
    await bench.tick(2)
    assert state_of(bench, Service.MLFLOW).health is not Health.UP


async def test_what_is_not_installed_is_hardly_probed(bench: Bench) -> None:
    bench.runtime.known[QUIET] = ProcessFact("absent", reason="not on PATH")
    bench.services.broken[QUIET] = lambda _: httpx.Response(500)
    for _ in range(16):
        await bench.tick(2)
    assert bench.services.asked[QUIET] <= 5
    assert state_of(bench, QUIET).health is Health.ABSENT


async def test_hurrying_probes_everything(bench: Bench) -> None:
    await bench.tick()
    asked = dict(bench.services.asked)
    bench.observer.ask(bench.snapshot, at_once=True)
    await bench.tick(0.1)
    assert all(bench.services.asked[service] > count for service, count in asked.items() if count)
