"""The screen as pictures: every state at every size, at a stopped clock. `--snapshot-update` takes new ones."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from textual.pilot import Pilot

from lab.observe.snapshot import ServiceState, Snapshot
from tests.screen import snapshots
from tests.screen.fakes import Playing, app_on

SIZES = ((80, 24), (120, 40), (200, 60))
FACTORS = (1.0, 1.4, 0.8, 2.6, 1.1, 0.9, 1.2, 1.0)


def with_history(last: Snapshot) -> list[Snapshot]:
    """Snapshots that end in `last`, with figures that move."""
    services = last.services
    if services.value is None or services.fetched_at is None:
        return [last]
    earlier = []
    for number, factor in enumerate(FACTORS, 1):
        states = tuple(_moved(state, number, factor) for state in services.value)
        moved = replace(services, value=states, fetched_at=services.fetched_at - 2 * number)
        earlier.append(replace(last, services=moved))
    return [*reversed(earlier), last]


def _moved(state: ServiceState, number: int, factor: float) -> ServiceState:
    return replace(
        state,
        latency_s=state.latency_s * factor if state.latency_s else None,
        cpu=state.cpu * factor * factor if state.cpu else None,
        memory_bytes=int(state.memory_bytes * factor) if state.memory_bytes else None,
        measured_at=state.measured_at - 10 * number if state.measured_at else None,
    )


async def settle(pilot: Pilot[None]) -> None:
    """Waits until the last snapshot is on screen, and stops the poller."""
    observer = pilot.app.observer  # type: ignore[attr-defined]
    await observer.ended.wait()
    pilot.app.workers.cancel_all()
    await pilot.pause()


def picture(snapshot: Snapshot) -> object:
    observer = Playing(*with_history(snapshot))
    app = app_on(observer)
    app.observer = observer  # type: ignore[attr-defined]
    return app


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("state", snapshots.ALL)
def test_main_screen(snap_compare: Callable[..., bool], state: str, size: tuple[int, int]) -> None:
    assert snap_compare(picture(snapshots.ALL[state]), terminal_size=size, run_before=settle)


PRESSED = {
    "help": ["2", "question_mark"],
    "filter": ["4", "slash", *"register", "enter"],
}


@pytest.mark.parametrize("name", PRESSED)
def test_after_keys(snap_compare: Callable[..., bool], name: str) -> None:
    app = picture(snapshots.DRIFTED)
    assert snap_compare(app, terminal_size=(120, 40), run_before=settle, press=PRESSED[name])


def test_narrow_terminal_stacks_the_panels(snap_compare: Callable[..., bool]) -> None:
    assert snap_compare(picture(snapshots.DRIFTED), terminal_size=(60, 30), run_before=settle)


def test_narrow_terminal_says_what_somebody_stopped(snap_compare: Callable[..., bool]) -> None:
    assert snap_compare(picture(snapshots.STOPPED), terminal_size=(60, 20), run_before=settle)


def test_light_theme(snap_compare: Callable[..., bool]) -> None:
    assert snap_compare(picture(snapshots.STALE), terminal_size=(120, 40), run_before=settle, press=["t"])
