"""What all drill-downs share: views, keys, and what happens when their details fails, hangs or is late."""

import asyncio
from dataclasses import replace

import pytest

from lab.base.errors import NotFound, ServiceUnavailable
from lab.observe.snapshot import RunsView, Slice
from lab.screen.screens.detail_screen import DetailScreen
from lab.screen.screens.help_screen import HelpScreen
from lab.screen.screens.main_screen import MainScreen
from lab.screen.screens.run_screen import RunScreen
from lab.screen.widgets.page import TablePage
from tests.screen import detail_sources, snapshots
from tests.screen.detail_sources import Answer, DetailSource, DetailSources, all_sources
from tests.screen.drilling import WAYS, drilled, picture, shown, until_has
from tests.screen.fakes import NotingApp, Playing, app_on, at_once

# Kind, key of the view, the wants it needs, what it must say.
VIEWS = [
    ("service", "1", ["logs"], ["mlflow.server: started", "slow [query] of 2.1 s", "▼ following", "6 of 6"]),
    ("service", "2", [], ["no answer within 2 s", "1 of 1 not up"]),
    ("service", "3", [], ["state", "down", "Probes since"]),
    ("service", "4", [], ["PostgreSQL", "├─ MLflow", "no answer within 2 s", "└─ Governance exporter"]),
    ("service", "5", [], ["two readings make a curve"]),
    ("run", "1", ["run"], ["ingest_data", "register_with_governance", "4 of 4 done"]),
    ("run", "2", ["events"], ["STEP_FAILURE", "MLflow didn't answer", "check has_valid_values", "[red]has_valid"]),
    ("run", "3", ["run"], ["data_path:", "/data/credit.csv"]),
    ("run", "4", ["run"], [detail_sources.RUN.run_id, "lab/trigger", "dagster/code_location"]),
    ("run", "5", ["audit"], ["train_model", "among #30 to #42", "success"]),
    ("version", "1", ["version"], ["auc", "0.7834", "0.7801", "▲ +0.0033", "champion v5"]),
    ("version", "2", ["version"], ["approval_state", "approved_staging", "✓ complete"]),
    ("version", "3", ["version"], ["LogisticRegression", snapshots.BASELINE, "seed"]),
    ("version", "4", ["gates"], ["✓ open", "✗ closed", "tagged [drifted]", "promote: ✗ 1 closed"]),
    ("version", "5", ["decisions"], ["looks good to me", "metrics hold", "refused", "searched #60 to #90"]),
    ("version", "6", ["version"], ["plots/roc.png", "27K", "opens in the browser"]),
    ("version", "7", ["curves"], ["ROC, of class bad", "AUC 0.7834", "Confusion matrix", "186 of 250 right: 74.4%"]),
    (
        "version",
        "8",
        ["groups"],
        ["19 to 26", "0.105 … 0.3478", "▼ ≥ 0.0149", "2 too small", "27 to 33 [x]"],
    ),
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
async def test_escape_goes_back_and_closes_the_source(kind: str) -> None:
    known = all_sources()
    async with drilled(kind, known) as (app, pilot, _):
        while not known.opened:
            await pilot.pause(0.01)
        await pilot.press("escape")
        assert isinstance(app.screen, MainScreen)
        details = known.detail_sources[known.opened[0]]
        assert isinstance(details, DetailSource)
        await details.closed.wait()


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
    names = "run events entries version gates decisions evaluation groups entry drift runbook silences more"
    failing = DetailSource(**{name: ServiceUnavailable(REASON) for name in names.split()})
    async with drilled(kind, DetailSources(**dict.fromkeys(all_sources().detail_sources, failing))) as (
        _,
        pilot,
        screen,
    ):
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


async def test_a_source_that_can_not_be_opened_is_explained() -> None:
    known = DetailSources(
        **dict.fromkeys(all_sources().detail_sources, NotFound("There is no lab here.", "Type `invoke up`."))
    )
    async with drilled("drift", known) as (_, pilot, screen):
        await until_has(pilot, screen, "drift")
        assert "There is no lab here. Type `invoke up`." in shown(screen)


async def test_a_mistake_in_a_source_is_a_failed_view_and_no_traceback() -> None:
    known = all_sources()
    known.detail_sources["drift"] = DetailSource(drift=KeyError("[bold]counts[/]"))
    async with drilled("drift", known) as (_, pilot, screen):
        await until_has(pilot, screen, "drift")
        assert "The data set couldn't be read: KeyError: '[bold]counts[/]'." in shown(screen)


async def test_a_view_waits_while_its_source_says_nothing_and_keys_work() -> None:
    known = DetailSources(
        **{kind: DetailSource(run=Answer(), events=Answer(), entries=Answer()) for kind in all_sources().detail_sources}
    )
    async with drilled("run", known) as (app, pilot, screen):
        await pilot.press("2")
        assert screen.page.has_class("-waiting")
        assert "waiting for the first answer" in shown(screen)
        await pilot.press("escape")
        assert isinstance(app.screen, MainScreen)


async def test_a_view_that_stops_answering_keeps_what_it_had_with_its_age() -> None:
    known = all_sources()
    known.detail_sources["drift"] = DetailSource(drift=Answer(detail_sources.DRIFT, ServiceUnavailable("gone away")))
    async with drilled("drift", known) as (_, pilot, screen):
        await until_has(pilot, screen, "drift")
        await pilot.press("r")
        while not screen.got("drift").error:
            await pilot.pause(0.01)
        await pilot.pause()
        assert screen.page.has_class("-stale")
        assert "stale now · gone away" in shown(screen)
        assert "credit_amount" in shown(screen)


async def test_without_a_source_a_recording_says_so_and_shows_what_it_has() -> None:
    observer_app = None
    async with drilled("run") as (app, pilot, screen):
        app.open_details = None
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
        app.open_details = None
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


WANTED = {
    ("run", "R"): ("relaunch", detail_sources.RUN.run_id),
    ("version", "a"): ("approve", "CreditRiskModel/6"),
    ("version", "P"): ("promote", "CreditRiskModel/6"),
    ("version", "x"): ("reject", "CreditRiskModel/6"),
    ("version", "X"): ("archive", "CreditRiskModel/6"),
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
    "service": ("", "http://127.0.0.1:5000/#/experiments?workflowType=machine_learning"),
    "run": ("", f"http://127.0.0.1:3000/runs/{detail_sources.RUN.run_id}"),
    "version": ("", "http://127.0.0.1:5000/#/models/CreditRiskModel/versions/6"),
    "alert": ("", "http://127.0.0.1:9090/alerts"),
}


@pytest.mark.parametrize("kind", PAGES)
async def test_o_opens_the_things_page(kind: str) -> None:
    async with drilled(kind) as (app, pilot, _):
        await pilot.press("o")
        assert app.opened == [PAGES[kind][1]]


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


@pytest.mark.parametrize("steps", range(6))
async def test_the_app_can_be_left_while_a_drill_down_comes_up(steps: int) -> None:
    observer = Playing(snapshots.DRIFTED)
    app = app_on(observer)
    async with app.run_test() as pilot:
        await observer.ended.wait()
        await pilot.pause()
        at_once(app, "3", "enter")
        while not isinstance(app.screen, DetailScreen):
            await asyncio.sleep(0)
        # However far it has come; leaving the app raises what failed in it.
        for _ in range(steps):
            await asyncio.sleep(0)
