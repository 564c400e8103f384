"""Drill-downs: what each shows, every key of theirs, and what happens when their desk fails, hangs or is late."""

import asyncio
from dataclasses import replace

import pytest
from textual.events import Key
from textual.widgets import Input

from lab.core.errors import NotFound, ServiceUnavailable
from lab.core.loglevel import Level
from lab.core.runs import RunStatus
from lab.core.snapshot import RunsView, Slice
from lab.ops.detail_logs import LogLine
from lab.ops.detail_run import Events
from lab.tui.screens.detail import DetailScreen
from lab.tui.screens.entry import EntryScreen
from lab.tui.screens.help import HelpScreen
from lab.tui.screens.main import MainScreen
from lab.tui.screens.run import RunScreen
from lab.tui.screens.service import ServiceScreen
from lab.tui.widgets.feedpage import FeedPage
from lab.tui.widgets.page import TablePage
from tests.tui import desks, snapshots
from tests.tui.desks import Answer, Desk, Desks, LogsDesk, all_desks
from tests.tui.drilling import WAYS, drilled, picture, shown, until_has
from tests.tui.fakes import NotingApp

# Kind, key of the view, the wants it needs, what it must say.
VIEWS = [
    ("service", "1", ["logs"], ["mlflow.server: started", "slow [query] of 2.1 s", "▼ following", "6 of 6"]),
    ("service", "2", [], ["no answer within 2 s", "1 of 1 not up"]),
    ("service", "3", [], ["state", "down", "Probes since"]),
    ("run", "1", ["run"], ["ingest_data", "register_with_governance", "4 of 4 done"]),
    ("run", "2", ["events"], ["STEP_FAILURE", "MLflow didn't answer", "check has_valid_values", "[red]has_valid"]),
    ("run", "3", ["run"], ["data_path:", "/data/credit.csv"]),
    ("run", "4", ["run"], [desks.RUN.run_id, "lab/trigger", "dagster/code_location"]),
    ("run", "5", ["audit"], ["train_model", "among #30 to #42", "success"]),
    ("version", "1", ["version"], ["auc", "0.7834", "0.7801", "▲ +0.0033", "champion v5"]),
    ("version", "2", ["version"], ["approval_state", "approved_staging", "✓ complete"]),
    ("version", "3", ["version"], ["LogisticRegression", snapshots.BASELINE, "seed"]),
    ("version", "4", ["gates"], ["✓ open", "✗ closed", "tagged [drifted]", "promote: ✗ 1 closed"]),
    ("version", "5", ["decisions"], ["looks good to me", "metrics hold", "refused", "searched #60 to #90"]),
    ("version", "6", ["version"], ["plots/roc.png", "27K", "opens in the browser"]),
    ("entry", "1", ["entry"], ['"previous_hash"', "✓ verified", "not signed", "link back"]),
    ("entry", "2", ["entry"], ["Canonical JSON", '"seq":', "recomputed"]),
    ("alert", "1", ["runbook"], ["invoke seed --reset", "What to type.", "in docs/runbooks.md"]),
    ("alert", "2", [], ["firing", "warning", "value", "5m10s"]),
    ("alert", "3", ["silences"], ["known [planted] drift", 'alertname="Synth', "expired", "1 active"]),
    ("drift", "1", ["drift"], ["✗ credit_amount", "≤ 1,364", "radio [tv]", "1,000 rows against 1,000"]),
    ("drift", "2", ["drift"], ["credit_amount", "purpose", "drifted", "≤ 1,364"]),
    ("drift", "3", ["drift"], ["planted", snapshots.CURRENT]),
]


@pytest.mark.parametrize("kind", WAYS)
async def test_every_view_says_what_was_fetched(kind: str) -> None:
    async with drilled(kind) as (_, pilot, screen):
        for key, wants, words in (view[1:] for view in VIEWS if view[0] == kind):
            await pilot.press(key)
            await until_has(pilot, screen, *wants)
            said = shown(screen)
            assert [word for word in words if word not in said] == [], said


@pytest.mark.parametrize("kind", WAYS)
async def test_escape_goes_back_and_closes_the_desk(kind: str) -> None:
    known = all_desks()
    async with drilled(kind, known) as (app, pilot, _):
        while not known.opened:
            await pilot.pause(0.01)
        await pilot.press("escape")
        assert isinstance(app.screen, MainScreen)
        desk = known.desks[known.opened[0]]
        assert isinstance(desk, Desk)
        await desk.closed.wait()


@pytest.mark.parametrize("kind", WAYS)
async def test_tab_and_numbers_go_round_the_views(kind: str) -> None:
    async with drilled(kind, size=(80, 24)) as (_, pilot, screen):
        names = screen.names
        seen = []
        for _ in names:
            seen.append(str(screen.page.id))
            await pilot.press("tab")
        assert seen == names
        await pilot.press("shift+tab")
        assert screen.page.id == names[-1]
        for number, name in enumerate(names, 1):
            await pilot.press(str(number))
            assert screen.page.id == name
            assert f"[{number} {name.capitalize()}]" in picture(screen)
        await pilot.press("1", "9")
        assert screen.page.id == names[0]


async def test_a_click_on_a_views_name_chooses_it() -> None:
    async with drilled("run") as (_, pilot, screen):
        await pilot.click(screen._tabs, offset=(14, 0))
        await pilot.pause()
        assert screen.page.id == "events"


REASON = "Dagster doesn't listen [red]at http://127.0.0.1:3000. Type `invoke logs dagster`."


# A version and a run are in the snapshot, whatever happens to their sources.
KNOWN_ANYWAY = {("run", "1"), ("run", "4"), ("version", "1"), ("version", "2")}


@pytest.mark.parametrize("kind", WAYS)
async def test_a_view_whose_source_fails_says_why(kind: str) -> None:
    names = "run events entries version gates decisions entry drift runbook silences more"
    failing = Desk(**{name: ServiceUnavailable(REASON) for name in names.split()})
    async with drilled(kind, Desks(**dict.fromkeys(all_desks().desks, failing))) as (_, pilot, screen):
        for key, wants in (view[1:3] for view in VIEWS if view[0] == kind and view[2]):
            await pilot.press(key)
            await until_has(pilot, screen, *wants)
            said = shown(screen)
            if (kind, key) in KNOWN_ANYWAY:
                assert screen.page.has_class("-ok") or screen.page.has_class("-stale")
            else:
                assert screen.page.has_class("-failed")
                assert "✗ no answer yet" in said
                assert REASON in said


async def test_a_desk_that_can_not_be_opened_is_explained() -> None:
    known = Desks(**dict.fromkeys(all_desks().desks, NotFound("There is no lab here.", "Type `invoke up`.")))
    async with drilled("drift", known) as (_, pilot, screen):
        await until_has(pilot, screen, "drift")
        assert "There is no lab here. Type `invoke up`." in shown(screen)


async def test_a_mistake_in_a_desk_is_a_failed_view_and_no_traceback() -> None:
    known = all_desks()
    known.desks["drift"] = Desk(drift=KeyError("[bold]counts[/]"))
    async with drilled("drift", known) as (_, pilot, screen):
        await until_has(pilot, screen, "drift")
        assert "The data set couldn't be read: KeyError: '[bold]counts[/]'." in shown(screen)


async def test_a_view_waits_while_its_desk_says_nothing_and_keys_work() -> None:
    known = Desks(**{kind: Desk(run=Answer(), events=Answer(), entries=Answer()) for kind in all_desks().desks})
    async with drilled("run", known) as (app, pilot, screen):
        await pilot.press("2")
        assert screen.page.has_class("-waiting")
        assert "waiting for the first answer" in shown(screen)
        await pilot.press("escape")
        assert isinstance(app.screen, MainScreen)


async def test_a_view_that_stops_answering_keeps_what_it_had_with_its_age() -> None:
    known = all_desks()
    known.desks["drift"] = Desk(drift=Answer(desks.DRIFT, ServiceUnavailable("gone away")))
    async with drilled("drift", known) as (_, pilot, screen):
        await until_has(pilot, screen, "drift")
        await pilot.press("r")
        while not screen.got("drift").error:
            await pilot.pause(0.01)
        await pilot.pause()
        assert screen.page.has_class("-stale")
        assert "stale now · gone away" in shown(screen)
        assert "credit_amount" in shown(screen)


async def test_without_a_desk_a_recording_says_so_and_shows_what_it_has() -> None:
    observer_app = None
    async with drilled("run") as (app, pilot, screen):
        app.open_desk = None
        await pilot.press("escape", "2", "enter")
        await pilot.pause()
        assert isinstance(app.screen, RunScreen)
        observer_app = app.screen
        await pilot.press("2")
        assert "isn't part of a recording" in shown(observer_app)
        assert screen is not observer_app


@pytest.mark.parametrize(("kind", "words"), [("entry", '"previous_hash"'), ("drift", "0.812"), ("alert", "isn't part")])
async def test_what_a_recording_has_is_shown(kind: str, words: str) -> None:
    async with drilled(kind) as (app, pilot, _):
        app.open_desk = None
        await pilot.press("escape", "enter")
        await pilot.pause()
        assert isinstance(app.screen, DetailScreen)
        # Where nobody is asked, nothing that comes later draws it.
        assert words in shown(app.screen)


async def test_what_is_gone_from_the_newest_data_stays_and_says_so() -> None:
    async with drilled("run") as (app, pilot, screen):
        app._show(replace(app.view, snapshot=replace(snapshots.HEALTHY, runs=Slice(RunsView(()), snapshots.NOW))))
        await pilot.pause()
        assert "no longer in the newest data" in picture(screen)
        assert "train_model" in shown(screen)


async def test_a_running_run_moves_on_with_what_is_fetched() -> None:
    done = replace(desks.RUNNING, status=RunStatus.SUCCESS, ended_at=snapshots.NOW, steps=desks.RUN.steps)
    known = all_desks()
    known.desks["runs"] = Desk(
        run=Answer(desks.run_detail(desks.RUNNING), desks.run_detail(done)),
        events=Answer(Events(desks.EVENTS[:2]), Events(desks.EVENTS, 0, True)),
        entries=Answer(),
    )
    async with drilled("run", known, way="2 j enter") as (_, pilot, screen):
        assert isinstance(screen, RunScreen)
        await until_has(pilot, screen, "run", "events")
        assert "running" in picture(screen)
        assert len(screen._events.feed) == 2
        await pilot.press("r")
        while screen.run.status is not RunStatus.SUCCESS or len(screen._events.feed) < len(desks.EVENTS):
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


async def test_enter_on_a_runs_entry_opens_it_and_u_opens_its_run() -> None:
    async with drilled("run") as (app, pilot, screen):
        await pilot.press("5")
        await until_has(pilot, screen, "audit")
        await pilot.press("enter")
        await pilot.pause()
        assert isinstance(app.screen, EntryScreen)
        assert app.screen.key == str(desks.trail_of(desks.RUN.run_id)[0].seq)
        await pilot.press("u")
        await pilot.pause()
        assert isinstance(app.screen, RunScreen)
        await pilot.press("escape", "escape")
        assert app.screen is screen


async def test_entries_among_the_newest_are_shown_until_the_trail_answers() -> None:
    known = all_desks()
    known.desks["runs"] = Desk(run=desks.run_detail(desks.RUNNING), events=Answer(), entries=Answer())
    async with drilled("run", known, way="2 j enter") as (_, pilot, screen):
        await pilot.press("5")
        await pilot.pause()
        assert "among the newest; looking for more" in shown(screen)
        assert "ingest_data" in shown(screen)


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
    known = all_desks()
    known.desks["audit"] = Desk(entry=lambda seq: desks.entry_detail(seq, broken=True))
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


WANTED = {
    ("run", "R"): ("relaunch", desks.RUN.run_id),
    ("version", "a"): ("approve", "6"),
    ("version", "P"): ("promote", "6"),
    ("version", "x"): ("reject", "6"),
    ("version", "X"): ("archive", "6"),
    ("service", "R"): ("restart", "mlflow"),
    ("alert", "s"): (
        "silence",
        "alert/SyntheticDataDriftDetected/alertname=SyntheticDataDriftDetected,severity=warning",
    ),
}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """What the app is asked to do; it does nothing of it."""
    found: list[tuple[str, str]] = []
    monkeypatch.setattr(NotingApp, "want", lambda _, name, target="": found.append((name, target)))
    return found


@pytest.mark.parametrize("kind", ["run", "version", "service", "alert"])
async def test_keys_that_change_something_ask_the_app(kind: str, asked: list[tuple[str, str]]) -> None:
    async with drilled(kind) as (_, pilot, _screen):
        for key in (key for one, key in WANTED if one == kind):
            await pilot.press(key)
            await pilot.pause()
            assert asked.pop() == WANTED[kind, key]


@pytest.mark.parametrize("kind", ["run", "version", "service", "alert"])
async def test_a_read_only_screen_has_no_key_that_changes_something(kind: str, asked: list[tuple[str, str]]) -> None:
    async with drilled(kind, readonly=True) as (app, pilot, _screen):
        changing = [key for one, key in WANTED if one == kind]
        await pilot.press(*changing)
        await pilot.press("question_mark")
        await pilot.pause()
        assert asked == []
        assert isinstance(app.screen, HelpScreen)
        keys = [entry[0] for title, group in app.screen._groups if title == "On this screen" for entry in group]
        assert not set(keys) & set(changing)


PAGES = {
    "service": ("", "http://127.0.0.1:5000"),
    "run": ("", f"http://127.0.0.1:3000/runs/{desks.RUN.run_id}"),
    "version": ("", "http://127.0.0.1:5000/#/models/CreditRiskModel/versions/6"),
    "alert": ("", "http://127.0.0.1:9090/alerts"),
}


@pytest.mark.parametrize("kind", PAGES)
async def test_o_opens_the_things_page(kind: str) -> None:
    async with drilled(kind) as (app, pilot, _):
        await pilot.press("o")
        assert app.opened == [PAGES[kind][1]]


async def test_enter_on_a_picture_opens_it_in_the_browser() -> None:
    async with drilled("version") as (app, pilot, screen):
        await pilot.press("6")
        await until_has(pilot, screen, "version")
        await pilot.press("j", "enter")
        await pilot.pause()
        run = desks.VERSION.run_id
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
    known = all_desks()
    desk = known.desks["models"]
    assert isinstance(desk, Desk)
    async with drilled("version", known) as (_, pilot, screen):
        await until_has(pilot, screen, "version")
        assert "gates" not in [name for name, _ in desk.asked]
        await pilot.press("4")
        await until_has(pilot, screen, "gates")
        assert [given for name, given in desk.asked if name == "gates"] == [("promote", "6")]
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


def feed_of(screen: DetailScreen) -> FeedPage:
    assert isinstance(screen.page, FeedPage)
    return screen.page


async def more(pilot: object, desk: LogsDesk, screen: DetailScreen, *texts: str, level: Level = Level.INFO) -> None:
    """New lines come, and are there when this returns."""
    feed = feed_of(screen).feed
    before = len(feed) + feed.waiting
    await desk.news.put(tuple(LogLine("mlflow", text, level) for text in texts))
    while len(feed) + feed.waiting < before + len(texts):
        await pilot.pause(0.01)  # type: ignore[attr-defined]
    await pilot.pause()  # type: ignore[attr-defined]


async def test_logs_follow_stop_and_go_to_their_end() -> None:
    known = all_desks()
    desk = known.desks["services"]
    assert isinstance(desk, LogsDesk)
    async with drilled("service", known, size=(80, 14)) as (_, pilot, screen):
        await until_has(pilot, screen, "logs")
        text = feed_of(screen).text
        await more(pilot, desk, screen, *(f"line {number}" for number in range(50)))
        assert round(text.scroll_offset.y) == text.max_scroll_y > 0
        await pilot.press("k", "k")
        await pilot.pause()
        assert "following" not in shown(screen)
        place = round(text.scroll_offset.y)
        await more(pilot, desk, screen, "another")
        assert round(text.scroll_offset.y) == place
        await pilot.press("G")
        await pilot.pause()
        assert "▼ following" in shown(screen)
        assert "another" in picture(screen)
        await pilot.press("f")
        assert "following" not in shown(screen)
        await pilot.press("f")
        assert "▼ following" in shown(screen)


async def test_a_paused_log_holds_new_lines_back() -> None:
    known = all_desks()
    desk = known.desks["services"]
    assert isinstance(desk, LogsDesk)
    async with drilled("service", known) as (_, pilot, screen):
        await until_has(pilot, screen, "logs")
        await pilot.press("p")
        await more(pilot, desk, screen, "later one", "later two")
        assert "later" not in shown(screen)
        assert "‖ paused, 2 waiting" in shown(screen)
        await pilot.press("p")
        assert "later one" in shown(screen)
        assert "paused" not in shown(screen)


async def test_v_shows_a_level_and_above() -> None:
    async with drilled("service") as (_, pilot, screen):
        await until_has(pilot, screen, "logs")
        seen = []
        for _ in range(4):
            seen.append((len(feed_of(screen).text.lines), "and above" in shown(screen)))
            await pilot.press("v")
        assert seen == [(6, False), (5, True), (4, True), (3, True)]
        assert len(feed_of(screen).text.lines) == 6


async def test_slash_searches_the_log_and_escape_shows_all_again() -> None:
    async with drilled("service") as (app, pilot, screen):
        await until_has(pilot, screen, "logs")
        await pilot.press("slash", *"trace", "enter")
        assert "Traceback" in shown(screen)
        assert "started" not in shown(screen)
        assert "/trace" in shown(screen)
        await pilot.press("slash")
        assert screen.query_one(Input).value == "trace"
        await pilot.press("escape")
        assert "started" in shown(screen)
        await pilot.press("escape")
        assert isinstance(app.screen, MainScreen)


async def test_keys_typed_into_the_search_are_text() -> None:
    async with drilled("service") as (_, pilot, screen):
        await until_has(pilot, screen, "logs")
        await pilot.press("slash", *"mfp12R")
        assert screen.query_one(Input).value == "mfp12R"
        assert screen.page.id == "logs"


async def test_keys_typed_right_behind_the_slash_are_searched_for() -> None:
    async with drilled("service") as (app, pilot, screen):
        await until_has(pilot, screen, "logs")
        for key, character in (("slash", "/"), ("m", "m"), ("f", "f")):
            app.post_message(Key(key, character))
        await pilot.pause()
        assert screen.query_one(Input).value == "mf"


async def test_m_merges_the_logs_of_all_services() -> None:
    known = all_desks()
    desk = known.desks["services"]
    assert isinstance(desk, LogsDesk)
    async with drilled("service", known) as (_, pilot, screen):
        assert isinstance(screen, ServiceScreen)
        await until_has(pilot, screen, "logs")
        await pilot.press("m")
        while len(feed_of(screen).feed) < len(desks.MERGED):
            await pilot.pause(0.01)
        await pilot.pause()
        assert "Logs of all services" in shown(screen)
        assert "postgres           2026" in shown(screen)
        assert desk.asked[-1][1] == ("",)
        await pilot.press("m")
        while len(feed_of(screen).feed) != len(desks.LOG):
            await pilot.pause(0.01)
        await pilot.pause()
        assert "postgres" not in shown(screen)


async def test_lines_of_the_source_before_come_too_late() -> None:
    class Late(LogsDesk):
        release = asyncio.Event()

        async def more(self, source: str) -> object:  # type: ignore[override]
            found = await super().more(source)
            if not source and found.number == 0:
                await self.release.wait()
            return found

    known = all_desks()
    known.desks["services"] = desk = Late()
    async with drilled("service", known) as (_, pilot, screen):
        await until_has(pilot, screen, "logs")
        await pilot.press("m", "m")
        desk.release.set()
        while feed_of(screen).feed.shown == []:
            await pilot.pause(0.01)
        await pilot.pause()
        assert "postgres" not in shown(screen)


async def test_w_breaks_long_lines_and_arrows_move_sideways() -> None:
    known = all_desks()
    known.desks["services"] = LogsDesk(mlflow=(LogLine("mlflow", "start " + "x" * 90 + " the-end", Level.INFO),))
    async with drilled("service", known, size=(60, 20)) as (_, pilot, screen):
        await until_has(pilot, screen, "logs")
        assert "the-end" not in picture(screen)
        await pilot.press(*["right"] * 12)
        assert "the-end" in picture(screen)
        assert "start" not in picture(screen)
        await pilot.press("w")
        await pilot.pause()
        assert "the-end" in picture(screen)
        assert "start" in picture(screen)


async def test_an_empty_log_says_so() -> None:
    known = all_desks()
    known.desks["services"] = LogsDesk(mlflow=())
    async with drilled("service", known) as (_, pilot, screen):
        await until_has(pilot, screen, "logs")
        assert "No line in the log yet." in shown(screen)
        assert screen.page.has_class("-empty")


async def test_mouse_wheel_stops_following() -> None:
    known = all_desks()
    known.desks["services"] = LogsDesk(mlflow=tuple(LogLine("mlflow", f"{n}", Level.INFO) for n in range(200)))
    async with drilled("service", known, size=(80, 20)) as (_, pilot, screen):
        await until_has(pilot, screen, "logs")
        text = feed_of(screen).text
        assert text.following
        text.on_mouse_scroll_up()
        await pilot.pause()
        assert not text.following
        assert "following" not in shown(screen)


async def test_question_mark_lists_the_keys_of_the_view() -> None:
    async with drilled("service") as (app, pilot, _):
        await pilot.press("question_mark")
        await pilot.pause()
        assert isinstance(app.screen, HelpScreen)
        text = "\n".join(" ".join(entry) for _, keys in app.screen._groups for entry in keys)
        for word in ("Follow", "Pause", "Level", "Wrap", "Search", "All services", "Next view", "Back", "Refresh"):
            assert word in text


async def test_a_table_filters_and_escape_first_shows_all_rows() -> None:
    async with drilled("run") as (app, pilot, screen):
        await until_has(pilot, screen, "run")
        await pilot.press("slash", *"train", "enter")
        page = screen.page
        assert isinstance(page, TablePage)
        assert "1 of 4" in str(page.border_subtitle)
        await pilot.press("escape")
        assert "1 of 4" not in str(page.border_subtitle)
        assert app.screen is screen
        await pilot.press("escape")
        assert isinstance(app.screen, MainScreen)


async def test_a_long_view_scrolls_by_keys() -> None:
    async with drilled("entry", size=(80, 20)) as (_, pilot, screen):
        await until_has(pilot, screen, "entry")
        text = screen.page.text  # type: ignore[union-attr]
        for key, place in (("j", 1), ("j", 2), ("k", 1), ("G", text.max_scroll_y), ("g", 0)):
            await pilot.press(key)
            await pilot.pause()
            assert round(text.scroll_offset.y) == place, key
        assert text.max_scroll_y > 2
