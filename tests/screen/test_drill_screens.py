"""Drill-downs as pictures, at a stopped clock: every view, and a source that fails, waits or has nothing."""

from collections.abc import Callable

import pytest
from textual.pilot import Pilot

from docs.pictures import rest
from lab.base.errors import ServiceUnavailable
from lab.observe.details.run_source import RunEntries
from lab.screen.screens.detail_screen import DetailScreen
from lab.screen.screens.service_screen import ServiceScreen
from tests.screen import detail_sources, snapshots
from tests.screen.detail_sources import Answer, DetailSource, DetailSources, LogsSource, all_sources
from tests.screen.drilling import WAYS
from tests.screen.fakes import NotingApp, Playing, app_on

# Kind and key of a view, the wants that must have come, the size.
VIEWS = {
    "service-logs": ("service", "1", ["logs"], (120, 40)),
    "service-logs-merged": ("service", "m", ["logs"], (80, 24)),
    "service-probes": ("service", "2", [], (80, 24)),
    "service-needs": ("service", "4", [], (80, 24)),
    "service-needs-narrow": ("service", "4", [], (60, 20)),
    "run-steps": ("run", "1", ["run"], (80, 24)),
    "run-events": ("run", "2", ["events"], (120, 40)),
    "run-about": ("run", "4", ["run"], (120, 40)),
    "run-audit": ("run", "5", ["audit"], (120, 40)),
    "version-metrics": ("version", "1", ["version"], (80, 24)),
    "version-lineage": ("version", "3", ["version"], (80, 24)),
    "version-gates": ("version", "4", ["gates"], (120, 40)),
    "version-decisions": ("version", "5", ["decisions"], (120, 40)),
    "version-files": ("version", "6", ["version"], (80, 24)),
    "version-curves": ("version", "7", ["curves"], (120, 40)),
    "version-curves-small": ("version", "7", ["curves"], (80, 24)),
    "version-curves-narrow": ("version", "7", ["curves"], (60, 20)),
    "version-groups": ("version", "8", ["groups"], (120, 40)),
    "version-groups-small": ("version", "8", ["groups"], (80, 24)),
    "entry": ("entry", "1", ["entry"], (120, 40)),
    "alert-runbook": ("alert", "1", ["runbook", "silences"], (80, 24)),
    "alert-silences": ("alert", "3", ["silences"], (120, 40)),
    "drift-histograms": ("drift", "1", ["drift"], (80, 24)),
    "drift-histograms-large": ("drift", "1", ["drift"], (200, 60)),
}


def settled(*wants: str) -> Callable[[Pilot[None]], object]:
    """Opens nothing; waits until what is wanted is on screen, and stops whoever might change it."""

    async def wait(pilot: Pilot[None]) -> None:
        screen = pilot.app.screen
        assert isinstance(screen, DetailScreen)
        while any(name not in screen.fetched for name in wants):
            await pilot.pause(0.01)
        pilot.app.workers.cancel_all()
        # The focus leaves what is hidden, and the last line shows the keys that are left, one after the other.
        await rest(pilot)

    return wait


def opened(
    kind: str, key: str, wants: list[str], known: DetailSources
) -> tuple[NotingApp, Callable[[Pilot[None]], object]]:
    """An app, and what leads it to the view."""
    observer = Playing(snapshots.DRIFTED)
    app = app_on(observer, open_details=known)

    async def lead(pilot: Pilot[None]) -> None:
        await observer.ended.wait()
        await pilot.pause()
        await pilot.press(*WAYS[kind].split())
        await pilot.pause()
        await pilot.press(key)
        await pilot.pause()
        if key == "m":
            screen = pilot.app.screen
            assert isinstance(screen, ServiceScreen)
            while len(screen._logs.feed) < len(detail_sources.MERGED):
                await pilot.pause(0.01)
        await settled(*wants)(pilot)  # type: ignore[misc]
        # The bar of keys follows what is shown.
        await pilot.pause()
        await pilot.pause()

    return app, lead


@pytest.mark.parametrize("name", VIEWS)
def test_view(snap_compare: Callable[..., bool], name: str) -> None:
    kind, key, wants, size = VIEWS[name]
    app, lead = opened(kind, key, wants, all_sources())
    assert snap_compare(app, terminal_size=size, run_before=lead)


WHY = ServiceUnavailable("Dagster doesn't listen at http://127.0.0.1:3000.", "Type `invoke logs dagster`.")
STATES: dict[str, tuple[str, str, list[str], DetailSources]] = {
    "failed": ("run", "2", ["events"], DetailSources(runs=DetailSource(run=WHY, events=WHY, entries=WHY))),
    "waiting": ("entry", "1", [], DetailSources(audit=DetailSource(entry=Answer()))),
    "empty-logs": ("service", "1", ["logs"], DetailSources(services=LogsSource(mlflow=()))),
    "empty-audit": (
        "run",
        "5",
        ["audit"],
        DetailSources(
            runs=DetailSource(run=detail_sources.run_detail(), events=Answer(), entries=RunEntries((), 3, 40))
        ),
    ),
    "broken-entry": (
        "entry",
        "1",
        ["entry"],
        DetailSources(audit=DetailSource(entry=lambda seq: detail_sources.entry_detail(seq, True))),
    ),
    "no-alertmanager": (
        "alert",
        "3",
        ["silences"],
        DetailSources(
            alerts=DetailSource(
                runbook=detail_sources.RUNBOOK,
                silences=ServiceUnavailable(
                    "Alertmanager isn't installed here, so nothing can be silenced: no binary on PATH.",
                    "Put alertmanager on PATH.",
                ),
            )
        ),
    ),
}


@pytest.mark.parametrize("name", STATES)
def test_state(snap_compare: Callable[..., bool], name: str) -> None:
    kind, key, wants, known = STATES[name]
    app, lead = opened(kind, key, wants, known)
    assert snap_compare(app, terminal_size=(80, 24), run_before=lead)


# What is opened from a version: the keys there, the wants that must have come.
FROM_VERSION = {
    "compare": ("C enter", ["compared"]),
    "compare-data": ("C enter 3", ["compared"]),
    "data": ("d", ["versions"]),
}


@pytest.mark.parametrize("size", [(60, 20), (80, 24), (120, 40)], ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("name", FROM_VERSION)
def test_from_a_version(snap_compare: Callable[..., bool], name: str, size: tuple[int, int]) -> None:
    keys, wants = FROM_VERSION[name]
    observer = Playing(snapshots.DRIFTED)
    app = app_on(observer, open_details=all_sources())

    async def lead(pilot: Pilot[None]) -> None:
        await observer.ended.wait()
        await pilot.pause()
        for key in (*WAYS["version"].split(), *keys.split()):
            await pilot.press(key)
            await pilot.pause()
        await settled(*wants)(pilot)  # type: ignore[misc]
        await pilot.pause()

    assert snap_compare(app, terminal_size=size, run_before=lead)
