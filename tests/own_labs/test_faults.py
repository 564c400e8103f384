"""Real services are stopped, frozen and let go on: the rest of the screen goes on, and it recovers by itself."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import partial

import psutil
import pytest
from textual.pilot import Pilot

from lab import wiring
from lab.base.catalogue import Service
from lab.observe.observer import NEEDS
from lab.observe.polling import Connection
from lab.observe.snapshot import Health, ServiceState, SliceState, Snapshot
from lab.runtime.layout import Layout
from lab.screen.app import LabApp
from lab.screen.widgets.panel import Panel
from lab.views.view import taken_down
from tests.support.lab import LiveLab
from tests.support.recovery import nothing_lost
from tests.support.waiting import tasks_ended

pytestmark = [pytest.mark.lab, pytest.mark.timeout(600)]

INTERVAL_S = 0.5
DEADLINE_S = 90.0
# What shows nothing new while a service is frozen; Dagster and MLflow wait for their databases.
HIT = {service: {part} for part, service in NEEDS.items()} | {Service.POSTGRES: {"runs", "models"}}


class Screen:
    """The screen on a live lab, driven by keys."""

    def __init__(self, pilot: Pilot[None]) -> None:
        self.pilot, self.app = pilot, pilot.app

    @property
    def shot(self) -> Snapshot:
        assert isinstance(self.app, LabApp)
        return self.app.view.snapshot

    def states(self) -> dict[str, SliceState]:
        return {part: getattr(self.shot, part).state for part in NEEDS}

    def service(self, name: str) -> ServiceState | None:
        return next((state for state in self.shot.services.value or () if state.name == name), None)

    def health(self, name: str) -> Health | None:
        return state.health if (state := self.service(name)) else None

    def pid(self, name: str) -> int | None:
        return state.pid if (state := self.service(name)) else None

    def process(self, name: str) -> psutil.Process:
        pid = self.pid(name)
        assert pid
        return psutil.Process(pid)

    async def until(self, condition: Callable[[], bool], what: str) -> None:
        """Waits for `condition`; fails at the deadline and says what was shown last."""
        end = time.monotonic() + DEADLINE_S
        while not condition():
            assert time.monotonic() < end, f"{what} didn't come true; {self.states()}, {self.shot.services.value}"
            await asyncio.sleep(0.05)

    async def all_well(self) -> None:
        """Waits until every source has answered and is not failing, and every service is up."""
        await self.until(lambda: set(self.states().values()) == {SliceState.OK}, "that every source answers")
        await self.until(lambda: self.shot.overall is Health.UP, "that the lab is up")
        await self.until(lambda: self.pid(Service.MLFLOW) is not None, "that processes are known")

    async def fresh(self, parts: set[str]) -> None:
        """Waits until each of these was read twice from now on."""
        for _ in range(2):
            before = {part: getattr(self.shot, part).fetched_at for part in parts}
            for part, at in before.items():
                await self.until(partial(self._newer, part, at), f"news of {part}")

    def _newer(self, part: str, than: float | None) -> bool:
        return bool(getattr(self.shot, part).fetched_at != than)

    async def takes_keys(self) -> None:
        """Every panel takes the focus at its key's press."""
        for key, name in (("2", "runs"), ("3", "models"), ("1", "services")):
            await self.pilot.press(key)
            assert self.app.screen_stack[0].query_one(f"#{name}", Panel).has_focus_within


@asynccontextmanager
async def screen_on(lab: LiveLab) -> AsyncIterator[Screen]:
    config = lab.config

    def connect() -> Connection:
        return Connection(wiring.observer(config), wiring.first_snapshot(config, time.time()))

    app = LabApp(connect, interval_s=INTERVAL_S)
    async with app.run_test(size=(120, 40)) as pilot:
        yield Screen(pilot)
        await pilot.press("q")
    await tasks_ended()
    assert app.return_code == 0


@contextmanager
def frozen(*roots: psutil.Process) -> Iterator[None]:
    """SIGSTOP for these processes and their children, SIGCONT at the end."""
    processes = [process for root in roots for process in (root, *root.children(recursive=True))]
    try:
        for process in processes:
            # PostgreSQL's children come and go.
            with suppress(psutil.NoSuchProcess):
                process.suspend()
        yield
    finally:
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.resume()


@pytest.mark.parametrize("service", HIT)
async def test_a_frozen_service_greys_its_own_part_and_comes_back(spare: LiveLab, service: Service) -> None:
    async with screen_on(spare) as screen:
        await screen.all_well()
        with frozen(screen.process(service)):
            await screen.until(
                lambda: all(screen.states()[part] is SliceState.STALE for part in HIT[service]),
                f"{service} shows stale",
            )
            await screen.until(lambda: screen.health(service) is Health.DOWN, f"{service} shows down")
            await screen.takes_keys()
            await screen.fresh(set(NEEDS) - HIT[service])
            for part in HIT[service]:
                assert "didn't answer" in getattr(screen.shot, part).error
                assert getattr(screen.shot, part).value is not None
        await screen.all_well()


async def test_with_everything_frozen_the_screen_takes_keys_and_recovers(spare: LiveLab) -> None:
    async with screen_on(spare) as screen:
        await screen.all_well()
        with frozen(*(screen.process(state.name) for state in screen.shot.services.value or () if state.pid)):
            await screen.until(lambda: SliceState.OK not in screen.states().values(), "that every source is stale")
            await screen.takes_keys()
            assert all(getattr(screen.shot, part).value is not None for part in NEEDS)
        await screen.all_well()


async def test_without_its_supervisor_the_screen_still_tells_the_truth(spare: LiveLab) -> None:
    supervisor = psutil.Process(int((Layout(spare.home).run / "supervisor.pid").read_text()))
    async with screen_on(spare) as screen:
        await screen.all_well()
        supervisor.suspend()
        try:
            await screen.until(lambda: screen.pid(Service.MLFLOW) is None, "that no process is known")
            await screen.fresh(set(NEEDS))
            assert screen.health(Service.MLFLOW) is Health.UP
        finally:
            supervisor.resume()
        await screen.until(lambda: screen.pid(Service.MLFLOW) is not None, "that processes are known again")


def test_a_lab_that_goes_down_and_comes_up_is_followed_by_itself_and_has_lost_nothing(trained: LiveLab) -> None:
    with nothing_lost(trained):
        asyncio.run(followed_down_and_up(trained))


async def followed_down_and_up(lab: LiveLab) -> None:
    aside = asyncio.to_thread
    async with screen_on(lab) as screen:
        await screen.all_well()
        assert "its data stays" in (await aside(lab.invoke, "down")).stdout
        await screen.until(lambda: screen.shot.overall is Health.DOWN, "that the lab is down")
        await screen.takes_keys()
        assert all(getattr(screen.shot, part).value is not None for part in NEEDS)
        # A person wanted that, which the screen says, and to whom it is no failure.
        await screen.until(lambda: bool(taken_down(screen.shot)), "that somebody took it down")
        assert f"taken down by {lab.config.actor.owner} at " in taken_down(screen.shot)
        assert lab.processes() == []
        assert (await aside(partial(lab.invoke, "status", check=False))).returncode == 1
        assert "was down already" in (await aside(lab.invoke, "down")).stdout
        await aside(lab.invoke, "up")
        await screen.all_well()
