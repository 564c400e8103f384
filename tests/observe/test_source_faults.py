"""Whatever one service does, its own part of the screen says so, the others go on, and it comes back by itself."""

from pathlib import Path

import httpx
import pytest

from lab.base.catalogue import BY_NAME, Service
from lab.observe.snapshot import NEEDS, Health, ServiceState, SliceState, Snapshot
from lab.observe.sources import PATIENCE_S
from lab.services.http import MAX_BYTES
from tests.support.faults import FAULTS, HUNG_S, Flood, hung
from tests.support.observed_lab import ObservedLab


def health_of(shot: Snapshot, service: Service) -> ServiceState:
    return next(state for state in shot.services.value or () if state.name == service)


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize(("part", "service"), NEEDS.items())
async def test_a_fault_shows_in_its_own_part_only_and_ends_by_itself(
    tmp_path: Path, part: str, service: Service, fault: str
) -> None:
    observed = ObservedLab(tmp_path, deadline_s=HUNG_S if fault == "hung" else 60.0)
    before = await observed.tick()
    handler, words = FAULTS[fault]
    observed.services.broken[service] = handler
    broken = await observed.tick(2)
    failed = getattr(broken, part)
    assert failed.state is SliceState.STALE
    assert words in failed.error
    assert BY_NAME[service].title in failed.error
    assert failed.error.isprintable()
    assert failed.value == getattr(before, part).value
    others = {name: getattr(broken, name).state for name in NEEDS if name != part}
    assert set(others.values()) == {SliceState.OK}, others
    del observed.services.broken[service]
    assert getattr(await observed.tick(2), part).state is SliceState.OK
    await observed.observer.aclose()


@pytest.mark.parametrize("fault", FAULTS)
async def test_every_service_failing_in_the_same_way_ends_in_parts_that_say_so(tmp_path: Path, fault: str) -> None:
    observed = ObservedLab(tmp_path, deadline_s=HUNG_S if fault == "hung" else 60.0)
    for service in observed.services.asked:
        observed.services.broken[service] = FAULTS[fault][0]
    shot = await observed.tick()
    assert {name: getattr(shot, name).state for name in NEEDS} == dict.fromkeys(NEEDS, SliceState.FAILED)
    assert shot.services.state is SliceState.OK
    observed.services.broken.clear()
    shot = await observed.tick(2)
    assert {name: getattr(shot, name).state for name in NEEDS} == dict.fromkeys(NEEDS, SliceState.OK)
    assert health_of(shot, Service.MLFLOW).health is Health.UP
    await observed.observer.aclose()


async def test_a_flood_is_cut_off_soon_after_the_limit(tmp_path: Path) -> None:
    observed, floods = ObservedLab(tmp_path), []

    def pour(_: httpx.Request) -> httpx.Response:
        floods.append(Flood())
        return httpx.Response(200, stream=floods[-1])

    observed.services.broken[Service.PROMETHEUS] = pour
    await observed.tick()
    assert floods
    assert all(flood.taken <= MAX_BYTES + (1 << 20) for flood in floods)
    await observed.observer.aclose()


async def test_data_that_fail_have_their_service_probed_at_once(tmp_path: Path) -> None:
    observed = ObservedLab(tmp_path)
    await observed.tick(100)
    assert health_of(await observed.tick(100), Service.MLFLOW).health is Health.UP
    observed.services.broken[Service.MLFLOW] = FAULTS["500"][0]
    for _ in range(3):
        shot = await observed.tick(0.5)
    assert health_of(shot, Service.MLFLOW).health is Health.DOWN
    await observed.observer.aclose()


async def test_a_service_that_came_up_has_its_data_asked_for_at_once(tmp_path: Path) -> None:
    observed = ObservedLab(tmp_path)
    observed.services.broken[Service.MLFLOW] = FAULTS["refused"][0]
    for _ in range(30):
        await observed.tick(1)
    del observed.services.broken[Service.MLFLOW]
    for _ in range(2):
        shot = await observed.tick(0.1)
    assert shot.models.state is SliceState.OK
    await observed.observer.aclose()


async def test_asking_at_once_does_not_wait_for_the_end_of_a_pause(tmp_path: Path) -> None:
    observed = ObservedLab(tmp_path)
    observed.services.broken[Service.MLFLOW] = FAULTS["refused"][0]
    for _ in range(10):
        shot = await observed.tick(1)
    del observed.services.broken[Service.MLFLOW]
    observed.observer.ask(shot)
    shot = await observed.news()
    assert shot.models.error
    observed.observer.ask(shot, at_once=True)
    assert (await observed.news()).models.state is SliceState.OK
    await observed.observer.aclose()


async def test_a_slow_service_holds_up_no_other_and_comes_later(tmp_path: Path) -> None:
    observed = ObservedLab(tmp_path)
    slow = observed.services.slow(Service.MLFLOW)
    observed.observer.ask(observed.snapshot)
    first = await observed.news()
    while any(getattr(first, part).state is SliceState.WAITING for part in NEEDS if part != "models"):
        first = await observed.news()
    assert first.models.state is SliceState.WAITING
    asked = observed.services.asked[Service.MLFLOW]
    for _ in range(5):
        observed.observer.ask(first)
        first = await observed.news()
    assert observed.services.asked[Service.MLFLOW] == asked
    slow.set()
    while first.models.state is SliceState.WAITING:
        first = await observed.news()
    assert first.models.state is SliceState.OK
    await observed.observer.aclose()


async def test_a_hung_service_does_not_hold_up_the_other_services(tmp_path: Path) -> None:
    observed = ObservedLab(tmp_path, patience_s=PATIENCE_S)
    await observed.tick()
    observed.services.broken[Service.GRAFANA] = hung
    # Its probe is due, with everybody's: the snapshot comes without it, and says what was known.
    shot = await observed.tick(100)
    assert shot.services.attempted_at == observed.now
    assert health_of(shot, Service.GRAFANA).probed_at == observed.now - 100
    assert health_of(shot, Service.DAGSTER).probed_at == observed.now
    await observed.observer.aclose()
