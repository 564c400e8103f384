"""Several labs in one screen: each in a tab with its own poller and account; keys act on the one that is shown."""

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from textual.pilot import Pilot

from lab.base.errors import LabError
from lab.observe.polling import Connection
from lab.observe.snapshot import Health, Snapshot
from lab.screen.app import LabApp
from lab.screen.lab_session import UNSEEN_LEAST_S, LabPlace
from lab.screen.screens.main_screen import MainScreen
from lab.screen.screens.run_screen import RunScreen
from lab.screen.widgets.lab_bar import LabBar
from lab.views.jobs import ActionResult
from tests.screen import snapshots
from tests.screen.doing import Scripted, confirming
from tests.screen.fakes import Playing
from tests.screen.settling import Settling, live_app
from tests.screen.test_screens import with_history


def called(name: str, snapshot: Snapshot) -> Snapshot:
    return replace(snapshot, lab=replace(snapshot.lab, name=name))


PROD = called("prod", snapshots.HEALTHY)
STAGING = called("staging", snapshots.DRIFTED)


def place(name: str, *given: Snapshot | Exception, readonly: bool = False) -> tuple[LabPlace, Playing]:
    observer = Playing(*given)
    waiting = called(name, snapshots.WAITING)
    return LabPlace(lambda: Connection(observer, waiting), name, readonly), observer


def app_of(places: list[LabPlace], **options: Any) -> LabApp:
    return LabApp.of_labs(places, interval_s=3600.0, clock=lambda: snapshots.CLOCK, **options)


def labs_line(app: LabApp) -> str:
    return str(app.screen.query_one(LabBar).content)


@asynccontextmanager
async def two(
    size: tuple[int, int] = (120, 40), readonly: bool = False, runner: Scripted | None = None
) -> AsyncIterator[tuple[LabApp, Pilot[None]]]:
    """A healthy lab that is shown, and one where something needs a person."""
    first, _ = place("prod", PROD)
    second, _ = place("staging", STAGING, readonly=readonly)
    app = app_of([first, second], runner=runner)
    async with app.run_test(size=size) as pilot:
        await told(app, pilot, PROD, STAGING)
        yield app, pilot


async def told(app: LabApp, pilot: Pilot[None], *shots: Snapshot) -> None:
    """Waits until each lab's snapshot has come; the test's own timeout is the deadline."""
    while [lab.view.snapshot for lab in app.labs] != list(shots):
        await pilot.pause()
    await pilot.pause()


async def test_the_line_says_how_each_lab_is_and_what_needs_a_person() -> None:
    async with two() as (app, pilot):
        count = len(STAGING_NEEDS)
        assert labs_line(app) == f"[▲ prod 1] ▲ staging {count} "
        await pilot.press("greater_than_sign")
        await pilot.pause()
        assert labs_line(app) == f" ▲ prod 1 [▲ staging {count}]"
        assert app.view.snapshot is STAGING


def _needs() -> tuple[object, ...]:
    from lab.views.needs import needs
    from lab.views.view import View

    return needs(View(STAGING, snapshots.CLOCK))


STAGING_NEEDS = _needs()


async def test_each_lab_is_found_again_as_it_was_left() -> None:
    async with two() as (app, pilot):
        await pilot.press("2", "down", "enter")
        await pilot.pause()
        assert isinstance(app.screen, RunScreen)
        assert labs_line(app).startswith("[▲ prod 1]")
        await pilot.press("greater_than_sign")
        await pilot.pause()
        assert isinstance(app.screen, MainScreen)
        await pilot.press("4", "z")
        await pilot.press("less_than_sign")
        await pilot.pause()
        assert isinstance(app.screen, RunScreen)
        await pilot.press("escape", "greater_than_sign")
        await pilot.pause()
        assert isinstance(app.screen, MainScreen)
        assert app.screen.panel_name == "audit"
        assert app.screen.has_class("-zoomed")


async def test_an_action_is_about_the_lab_that_is_shown_and_its_question_says_which() -> None:
    runner = Scripted(ActionResult(True, "restarted"))
    async with two(runner=runner) as (app, pilot):
        await pilot.press("greater_than_sign")
        await pilot.pause()
        await pilot.press("1", "R")
        question = await confirming(app, pilot)
        assert str(question.query_one("#confirm").border_title).startswith("staging: Restart ")
        await pilot.press("greater_than_sign")
        assert app.lab.place.name == "staging"
        await pilot.press("left", "enter")
        while not app.labs[1].view.jobs.all or app.labs[1].view.jobs.running:
            await pilot.pause()
        assert app.labs[0].view.jobs.all == ()
        assert [one[0] for one in runner.asked] == ["restart"]


async def test_what_one_began_is_told_to_it_while_another_is_shown() -> None:
    runner = Scripted(None)
    async with two(runner=runner) as (app, pilot):
        await pilot.press("1", "R")
        await confirming(app, pilot)
        await pilot.press("left", "enter")
        while not app.view.jobs.running:
            await pilot.pause()
        await pilot.press("greater_than_sign")
        await pilot.pause()
        assert not app.view.jobs.all
        assert app.labs[0].view.jobs.running


async def test_only_the_one_elsewhere_is_read_only() -> None:
    async with two(readonly=True) as (app, pilot):
        assert "R" in app.screen.active_bindings
        assert app.screen.active_bindings["R"].enabled
        await pilot.press("greater_than_sign", "1")
        await pilot.pause()
        active = app.screen.active_bindings.get("R")
        assert active is None or not active.enabled
        assert "Restart Postgres" not in [one.title for one in app.get_system_commands(app.screen)]


async def test_the_palette_and_a_click_go_to_a_lab() -> None:
    async with two() as (app, pilot):
        command = next(one for one in app.get_system_commands(app.screen) if one.title == "Lab staging")
        command.callback()
        await pilot.pause()
        assert app.lab.place.name == "staging"
        await pilot.click(LabBar, offset=(3, 0))
        await pilot.pause()
        assert app.lab.place.name == "prod"


async def test_a_notice_says_which_lab_it_is_about() -> None:
    healthy = called("staging", snapshots.HEALTHY)
    states = healthy.services.value or ()
    gone = tuple(replace(one, health=Health.DOWN) if one.name == "mlflow" else one for one in states)
    down = replace(healthy, services=replace(healthy.services, value=gone))
    first, _ = place("prod", PROD)
    second, _ = place("staging", healthy, down)
    app = app_of([first, second])
    app.labs[1].poller.pace(0.01)
    async with app.run_test() as pilot:
        await told(app, pilot, PROD, down)
        assert any(notice.title == "staging" for notice in app._notifications)


async def test_with_one_lab_there_is_no_line_and_no_key() -> None:
    first, _ = place("prod", PROD)
    app = app_of([first])
    async with app.run_test() as pilot:
        await told(app, pilot, PROD)
        assert not app.screen.query(LabBar)
        assert "greater_than_sign" not in app.screen.active_bindings


async def test_unseen_labs_are_asked_more_rarely_and_at_once_when_somebody_looks() -> None:
    paces: list[tuple[str, float]] = []
    async with two() as (app, pilot):
        for lab in app.labs:
            lab.view = replace(lab.view, interval_s=2.0)

            def pace(seconds: float, name: str = lab.place.name) -> None:
                paces.append((name, seconds))

            lab.poller.pace = pace  # type: ignore[method-assign]
        await pilot.press("greater_than_sign")
        assert paces == [("prod", 20.0), ("staging", 2.0)]
        assert UNSEEN_LEAST_S < 20


async def test_drill_downs_of_an_unseen_lab_ask_nothing() -> None:
    rested: list[bool] = []

    class Noting:
        def rest(self, resting: bool) -> None:
            rested.append(resting)

    async with two() as (app, pilot):
        await pilot.press("2", "down", "enter")
        await pilot.pause()
        assert isinstance(app.screen, RunScreen)
        app.screen._fetcher = Noting()  # type: ignore[assignment]
        await pilot.press("greater_than_sign")
        assert rested == [True]
        await pilot.press("less_than_sign")
        assert rested == [True, False]


async def test_a_round_that_goes_on_ends_by_the_new_pace() -> None:
    observer = Settling()
    app = live_app(observer, interval_s=3600.0)
    async with app.run_test() as pilot:
        while not observer.asked:
            await pilot.pause()
        app.lab.poller.pace(0.01)
        while len(observer.asked) < 3:
            await pilot.pause()


async def test_five_that_cannot_be_reached_hurt_neither_the_shown_one_nor_leaving(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Names that are looked up for ever, in more threads than a pool has."""
    import httpx

    hanging = threading.Event()
    real = socket.getaddrinfo

    def lookup(host: Any, *rest: Any, **more: Any) -> Any:
        if host == "unreachable.test":
            hanging.wait(60)
            raise socket.gaierror("gave up")
        return real(host, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", lookup)

    class Reaching(Playing):
        async def tick(self, previous: Snapshot) -> Snapshot:
            async with httpx.AsyncClient(timeout=0.05) as client:
                asks = (client.get("http://unreachable.test") for _ in range(10))
                await asyncio.gather(*asks, return_exceptions=True)
            raise LabError("Nobody answers.", "See that its ports reach here.")

    def unreachable(number: int) -> LabPlace:
        name = f"far-{number}"
        return LabPlace(lambda: Connection(Reaching(), called(name, snapshots.WAITING)), name, True)

    class InThread(Playing):
        async def tick(self, previous: Snapshot) -> Snapshot:
            await asyncio.to_thread(lambda: None)
            return await super().tick(previous)

    observer = InThread(PROD, PROD)
    near = LabPlace(lambda: Connection(observer, snapshots.WAITING), "prod")
    app = app_of([*(unreachable(number) for number in range(5)), near])
    app.labs[5].poller.pace(0.01)
    try:
        async with app.run_test() as pilot:
            while app.labs[5].view.snapshot is not PROD or not all(lab.view.trouble for lab in app.labs[:5]):
                await pilot.pause()
            assert "✗ far-0" in labs_line(app)
            await pilot.press("less_than_sign")
            await pilot.pause()
            assert app.lab.place.name == "prod"
            loop = asyncio.get_running_loop()
            await asyncio.wait_for(loop.shutdown_default_executor(), 20)
    finally:
        hanging.set()


async def test_leaving_while_a_lab_is_being_connected_waits_for_nothing() -> None:
    begun, released = threading.Event(), threading.Event()

    def connecting() -> Connection:
        begun.set()
        released.wait(60)
        return Connection(Playing(), snapshots.WAITING)

    first, _ = place("prod", PROD)
    app = app_of([first, LabPlace(connecting, "slow")])
    try:
        async with app.run_test() as pilot:
            while not begun.is_set():
                await pilot.pause()
            await pilot.press("greater_than_sign")
            await pilot.pause()
            await pilot.press("q")
        assert not app.is_running
    finally:
        released.set()


async def test_a_resize_while_another_is_shown_reaches_every_lab() -> None:
    async with two(size=(120, 40)) as (app, pilot):
        await pilot.press("greater_than_sign")
        await pilot.pause()
        await pilot.resize_terminal(60, 20)
        await pilot.press("less_than_sign")
        await pilot.pause()
        assert app.screen.size == (60, 20)
        assert app.screen.has_class("-narrow")


def pictured() -> LabApp:
    observers = [
        Playing(*with_history(one)) for one in (PROD, STAGING, called("eu-west.example.com:100", snapshots.DOWN))
    ]
    names = ("prod", "staging", "eu-west.example.com:100")
    app = app_of(
        [
            LabPlace(lambda o=o, n=n: Connection(o, called(n, snapshots.WAITING)), n)
            for n, o in zip(names, observers, strict=True)
        ]
    )  # type: ignore[misc]
    for lab in app.labs:
        lab.poller.pace(0.01)
    app.observers = observers  # type: ignore[attr-defined]
    return app


async def settled(pilot: Pilot[None]) -> None:
    for observer in pilot.app.observers:  # type: ignore[attr-defined]
        await observer.ended.wait()
    pilot.app.workers.cancel_all()
    await pilot.pause()


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (60, 20)], ids=str)
def test_picture(snap_compare: Callable[..., bool], size: tuple[int, int]) -> None:
    async def before(pilot: Pilot[None]) -> None:
        await settled(pilot)
        await pilot.press("greater_than_sign")
        await pilot.pause()

    assert snap_compare(pictured(), terminal_size=size, run_before=before)


def test_picture_of_a_thing_in_full(snap_compare: Callable[..., bool]) -> None:
    async def before(pilot: Pilot[None]) -> None:
        await settled(pilot)
        await pilot.press("greater_than_sign", "4")
        await pilot.press("enter")
        await pilot.pause()

    assert snap_compare(pictured(), terminal_size=(80, 24), run_before=before)
