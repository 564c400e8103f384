"""What only one kind of drill-down does: ways from thing to thing, histograms, gates, copies."""

from dataclasses import replace

import pytest

from lab.base.runs import RunStatus
from lab.observe.details.run_source import Events
from lab.observe.snapshot import Slice
from lab.screen.screens.entry_screen import EntryScreen
from lab.screen.screens.main_screen import MainScreen
from lab.screen.screens.run_screen import RunScreen
from tests.screen import detail_sources, snapshots
from tests.screen.detail_sources import Answer, DetailSource, all_sources
from tests.screen.drilling import drilled, picture, shown, until_has


async def test_a_running_run_moves_on_with_what_is_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lab.screen.screens.run_screen._LIVE_S", 3600.0)
    done = replace(
        detail_sources.RUNNING, status=RunStatus.SUCCESS, ended_at=snapshots.NOW, steps=detail_sources.RUN.steps
    )
    known = all_sources()
    known.detail_sources["runs"] = DetailSource(
        run=Answer(detail_sources.run_detail(detail_sources.RUNNING), detail_sources.run_detail(done)),
        events=Answer(Events(detail_sources.EVENTS[:2]), Events(detail_sources.EVENTS, 0, True)),
        entries=Answer(),
    )
    async with drilled("run", known, way="2 j enter") as (_, pilot, screen):
        assert isinstance(screen, RunScreen)
        await until_has(pilot, screen, "run", "events")
        assert "running" in picture(screen)
        assert len(screen._events.feed) == 2
        await pilot.press("r")
        while screen.run.status is not RunStatus.SUCCESS or len(screen._events.feed) < len(detail_sources.EVENTS):
            await pilot.pause(0.01)
        await pilot.pause()
        assert "✓ success" in picture(screen)


async def test_enter_on_a_step_shows_its_events() -> None:
    async with drilled("run") as (_, pilot, screen):
        await until_has(pilot, screen, "run", "events")
        await pilot.press("enter")
        await pilot.pause()
        assert screen.page.id == "events"
        assert "STEP_SUCCESS" in shown(screen)
        assert "RUN_START" not in shown(screen)
        await pilot.press("escape")
        assert "RUN_START" in shown(screen)


async def test_enter_on_a_runs_entry_opens_it_and_u_leads_back_to_its_run() -> None:
    async with drilled("run") as (app, pilot, screen):
        await pilot.press("5")
        await until_has(pilot, screen, "audit")
        await pilot.press("enter")
        await pilot.pause()
        assert isinstance(app.screen, EntryScreen)
        assert app.screen.key == str(detail_sources.trail_of(detail_sources.RUN.run_id)[0].seq)
        # The run is open already: it comes up again.
        await pilot.press("u")
        await pilot.pause()
        assert app.screen is screen
        await pilot.press("escape")
        assert isinstance(app.screen, MainScreen)


async def test_entries_among_the_newest_are_shown_until_the_trail_answers() -> None:
    known = all_sources()
    known.detail_sources["runs"] = DetailSource(
        run=detail_sources.run_detail(detail_sources.RUNNING), events=Answer(), entries=Answer()
    )
    async with drilled("run", known, way="2 j enter") as (_, pilot, screen):
        await pilot.press("5")
        await pilot.pause()
        assert "among the newest; looking for more" in shown(screen)
        assert "ingest_data" in shown(screen)


async def test_in_a_narrow_window_every_view_keeps_its_key_in_sight() -> None:
    async with drilled("version", size=(60, 20)) as (_, pilot, screen):
        await pilot.press("7")
        await pilot.pause()
        assert " 1  2  3  4  5  6 [7 Curves] 8 " in picture(screen)
        await pilot.click(screen._tabs, offset=(7, 0))
        await pilot.pause()
        assert screen.page.id == "lineage"
        assert " 1  2 [3 Lineage] 4  5  6  7  8 " in picture(screen)


async def test_n_and_p_walk_along_the_trail_and_stop_at_its_ends() -> None:
    async with drilled("entry") as (app, pilot, screen):
        await until_has(pilot, screen, "entry")
        newest = snapshots.TRAIL[0].seq
        assert screen.key == str(newest - 2)
        for key, seq in (("n", newest - 1), ("n", newest), ("n", newest), ("p", newest - 1)):
            await pilot.press(key)
            while getattr(screen.got("entry").value, "seq", 0) != seq:
                await pilot.pause(0.01)
            await pilot.pause()
            assert f"Audit entry #{seq}" in picture(screen)
            assert f'"seq": {seq}' in shown(screen)
        assert "There is no entry beyond this one." in {note.message for note in app._notifications}


async def test_an_entry_that_was_modified_is_red() -> None:
    known = all_sources()
    known.detail_sources["audit"] = DetailSource(entry=lambda seq: detail_sources.entry_detail(seq, broken=True))
    async with drilled("entry", known) as (_, pilot, screen):
        await until_has(pilot, screen, "entry")
        assert "✗ content" in shown(screen)
        assert "was modified" in shown(screen)


async def test_an_entry_that_proves_nothing_says_so_though_its_content_holds() -> None:
    newest = snapshots.TRAIL[0].seq
    audit = snapshots.DRIFTED.audit.map(lambda a: replace(a, uncounted=(newest,)))
    async with drilled("entry", snapshot=replace(snapshots.DRIFTED, audit=audit), way="4 enter") as (_, pilot, screen):
        await until_has(pilot, screen, "entry")
        said = shown(screen)
        assert "∅ without proof" in said
        assert "`invoke verify-governance` says why".replace("`", "") in said
        await pilot.press("p")
        while getattr(screen.got("entry").value, "seq", 0) != newest - 1:
            await pilot.pause(0.01)
        await pilot.pause()
        assert "✓ verified" in shown(screen)
        assert f"#{newest} ∅" in shown(screen)


async def test_n_and_p_go_from_feature_to_feature() -> None:
    async with drilled("drift", size=(100, 16)) as (_, pilot, screen):
        await until_has(pilot, screen, "drift")
        await pilot.pause()
        tops = []
        for key in ("n", "n", "n", "p"):
            await pilot.press(key)
            await pilot.pause()
            tops.append(round(screen.page.text.scroll_offset.y))  # type: ignore[union-attr]
        # The last one can't come to the top, because nothing follows it.
        assert 0 < tops[0] == tops[3] < tops[1] == tops[2]


async def test_enter_on_a_feature_shows_its_histogram() -> None:
    async with drilled("drift", size=(100, 14)) as (_, pilot, screen):
        await until_has(pilot, screen, "drift")
        await pilot.press("2", "j", "enter")
        await pilot.pause()
        await pilot.pause()
        assert screen.page.id == "histograms"
        assert "▲ purpose" in picture(screen).splitlines()[4]


async def test_histograms_grow_with_the_window() -> None:
    async with drilled("drift", size=(80, 24)) as (_, pilot, screen):
        await until_has(pilot, screen, "drift")
        narrow = max(map(len, picture(screen).splitlines()))
        bars = shown(screen).count("━")
        await pilot.resize_terminal(160, 40)
        await pilot.pause()
        await pilot.pause()
        assert max(map(len, picture(screen).splitlines())) > narrow
        assert shown(screen).count("━") > 1.5 * bars


async def test_enter_on_a_picture_opens_it_in_the_browser() -> None:
    async with drilled("version") as (app, pilot, screen):
        await pilot.press("6")
        await until_has(pilot, screen, "version")
        await pilot.press("j", "enter")
        await pilot.pause()
        run = detail_sources.VERSION.run_id
        assert app.opened == [f"http://127.0.0.1:5000/#/experiments/1/runs/{run}/artifacts/plots/roc.png"]


async def test_enter_on_a_decision_opens_its_entry() -> None:
    async with drilled("version") as (app, pilot, screen):
        await pilot.press("5")
        await until_has(pilot, screen, "decisions")
        await pilot.press("j", "enter")
        await pilot.pause()
        assert isinstance(app.screen, EntryScreen)
        assert app.screen.seq == 64


async def test_gates_are_looked_at_only_when_somebody_looks_at_them() -> None:
    known = all_sources()
    details = known.detail_sources["models"]
    assert isinstance(details, DetailSource)
    async with drilled("version", known) as (_, pilot, screen):
        await until_has(pilot, screen, "version")
        assert "gates" not in [name for name, _ in details.asked]
        await pilot.press("4")
        await until_has(pilot, screen, "gates")
        assert [given for name, given in details.asked if name == "gates"] == [("promote", "CreditRiskModel", "6")]
        await pilot.press("j", "j", "enter")
        await pilot.pause()


async def test_a_version_that_is_archived_has_no_gates() -> None:
    archived = replace(snapshots.MODELS[1], tags={**snapshots.MODELS[1].tags, "approval_state": "archived"})
    snapshot = replace(snapshots.DRIFTED, models=Slice((snapshots.MODELS[0], archived), snapshots.NOW))
    async with drilled("version", snapshot=snapshot) as (_, pilot, screen):
        await pilot.press("4")
        assert "Its state is archived" in shown(screen)


async def test_y_copies_an_entry_as_json() -> None:
    async with drilled("entry") as (app, pilot, screen):
        await until_has(pilot, screen, "entry")
        await pilot.press("y")
        assert f'"seq": {screen.key}' in app.clipboard
