"""From run to version, data and audit entry, in every direction, and back with Escape."""

from dataclasses import replace

import pytest

from lab.base.errors import NotFound
from lab.observe.details.run_source import RunEntries
from lab.screen.screens.data_screen import DataScreen
from lab.screen.screens.detail_screen import DetailScreen
from lab.screen.screens.drift_screen import DriftScreen
from lab.screen.screens.entry_screen import EntryScreen
from lab.screen.screens.main_screen import MainScreen
from lab.screen.screens.run_screen import RunScreen
from lab.screen.screens.version_screen import VersionScreen
from tests.screen import detail_sources, snapshots
from tests.screen.detail_sources import DetailSource, all_sources
from tests.screen.drilling import drilled, picture, shown, until_has

RUN = detail_sources.RUN.run_id
VERSION = snapshots.MODELS[1]
DATA = VERSION.tags["data_hash"]
ENTRY = detail_sources.trail_of(RUN)[-1]
# The version names its run and its entry, which names the data.
LINKED_VERSION = replace(VERSION, tags={**VERSION.tags, "dagster_run_id": RUN, "audit_seq": str(ENTRY.seq)})
LINKED_ENTRY = replace(ENTRY, details={"data_hash": DATA}, model_version="6")
LINKED = replace(
    snapshots.DRIFTED,
    models=snapshots.DRIFTED.models.map(lambda found: tuple(LINKED_VERSION if v is VERSION else v for v in found)),
    audit=snapshots.DRIFTED.audit.map(
        lambda found: replace(found, entries=tuple(LINKED_ENTRY if e is ENTRY else e for e in found.entries))
    ),
)
# The way to a thing, the key there, and what it leads to.
WAYS = {
    "run to version": ("run", "V", VersionScreen, "CreditRiskModel/6"),
    "run to data": ("run", "d", DataScreen, DATA),
    "version to run": ("version", "u", RunScreen, RUN),
    "version to data": ("version", "d", DataScreen, DATA),
    "version to entry": ("version", "e", EntryScreen, str(ENTRY.seq)),
    "drift to data": ("drift", "d", DataScreen, snapshots.CURRENT),
}


def sources() -> detail_sources.DetailSources:
    known = all_sources()
    known.detail_sources["models"] = detail_sources.versions_details(LINKED_VERSION)
    known.detail_sources["audit"] = DetailSource(entry=NotFound("There is no such entry."))
    return known


@pytest.mark.parametrize("name", WAYS)
async def test_a_key_leads_to_what_belongs_to_it_and_escape_back(name: str) -> None:
    kind, key, screen_type, target = WAYS[name]
    async with drilled(kind, sources(), LINKED) as (app, pilot, screen):
        await pilot.press(key)
        await pilot.pause()
        assert isinstance(app.screen, screen_type)
        assert isinstance(app.screen, DetailScreen)
        assert app.screen.key == target
        await pilot.press("escape")
        assert app.screen is screen


async def test_whoever_goes_round_comes_back_to_where_it_began() -> None:
    async with drilled("version", sources(), LINKED) as (app, pilot, screen):
        for key, kind in (("e", EntryScreen), ("d", DataScreen), ("u", RunScreen), ("e", RunScreen)):
            await pilot.press(key)
            await pilot.pause()
            assert isinstance(app.screen, kind), key
        assert len(app.screen_stack) == 5
        await pilot.press("V")
        await pilot.pause()
        assert app.screen is screen
        await pilot.press("escape")
        assert isinstance(app.screen, MainScreen)


async def test_what_the_snapshot_does_not_tell_is_found_in_the_runs_audit_entries() -> None:
    registered = replace(ENTRY, action="register_with_governance", model_version="4", details={"data_hash": DATA})
    known = sources()
    known.detail_sources["runs"] = DetailSource(
        run=detail_sources.run_detail(), events=detail_sources.Answer(), entries=RunEntries((registered,), 1, 9)
    )
    async with drilled("run", known) as (app, pilot, _):
        await pilot.press("V")
        while isinstance(app.screen, RunScreen):
            await pilot.pause(0.01)
        assert isinstance(app.screen, VersionScreen)
        assert app.screen.key == "CreditRiskModel/4"


async def test_a_run_that_registered_nothing_says_so_once_it_is_known() -> None:
    async with drilled("run", sources()) as (app, pilot, screen):
        await pilot.press("V")
        await until_has(pilot, screen, "audit")
        assert [notice.message for notice in app._notifications] == ["It registered no version."]
        assert app.screen is screen


async def test_a_version_whose_run_is_gone_says_so_where_it_is_asked_for() -> None:
    known = sources()
    gone = NotFound(f"There is no run {RUN}.", "It was deleted.")
    known.detail_sources["runs"] = DetailSource(run=gone, events=gone, entries=RunEntries((), 1, 9))
    bare = replace(LINKED, runs=LINKED.runs.map(lambda found: replace(found, runs=())))
    async with drilled("version", known, bare) as (app, pilot, _):
        await pilot.press("u")
        await pilot.pause()
        screen = app.screen
        assert isinstance(screen, RunScreen)
        await until_has(pilot, screen, "run")
        # The first view, too: nobody may take a run that was deleted for one that waits.
        assert f"There is no run {RUN}" in shown(screen)
        assert f"no longer in the newest data · Run {RUN[:8]} · ▲ not known any more" in picture(screen)
        assert "waiting" not in picture(screen)


async def test_data_shows_its_versions_entries_and_what_it_is() -> None:
    async with drilled("version", sources(), LINKED, size=(80, 24)) as (app, pilot, _):
        await pilot.press("d")
        await pilot.pause()
        screen = app.screen
        assert isinstance(screen, DataScreen)
        await until_has(pilot, screen, "versions")
        assert "CreditRiskModel v6" in shown(screen)
        await pilot.press("2")
        assert f"{ENTRY.seq}" in shown(screen)
        await pilot.press("3")
        assert DATA in shown(screen)
        assert "baseline of CreditRiskModel" in shown(screen)
        await pilot.press("1", "enter")
        await pilot.pause()
        assert isinstance(app.screen, VersionScreen)


async def test_keys_that_lead_nowhere_say_why() -> None:
    async with drilled("version", sources(), replace(snapshots.DRIFTED, models=snapshots.HEALTHY.models)) as (
        app,
        pilot,
        _,
    ):
        await pilot.press("u")
        await pilot.pause()
        assert [notice.message for notice in app._notifications] == ["Its tags name no run."]


async def test_the_data_of_a_recording_is_what_the_snapshot_says() -> None:
    async with drilled("drift", sources(), LINKED, size=(60, 20)) as (app, pilot, screen):
        assert isinstance(screen, DriftScreen)
        await pilot.press("d")
        await pilot.pause()
        assert isinstance(app.screen, DataScreen)
        assert "Data b81d0c44e2f7" in picture(app.screen)
