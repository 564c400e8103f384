"""The screen as a person's own file has it: keys, columns, order, layout; and what is said of a file that is wrong."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC
from pathlib import Path

import pytest

from lab.recording.playback import Recording
from lab.screen import themes
from lab.screen.replay.replay_app import ReplayApp
from lab.screen.saved_layout import Layout, SavedLayout
from lab.screen.screens.help_screen import HelpScreen, groups_for
from lab.screen.screens.main_screen import MainScreen
from lab.screen.user.reading import load
from lab.screen.widgets.needs_strip import NeedsStrip
from lab.views import banner
from lab.views.activity import line as activity_line
from lab.views.activity import log
from lab.views.cells import Line
from lab.views.jobs import Job, Jobs
from lab.views.sorting import Order
from tests.screen import snapshots
from tests.screen.fakes import Playing
from tests.screen.owning import ECHO, app_of, command, done, notices, owning, write
from tests.screen.recordings import day, made
from tests.screen.test_screens import settle, with_history
from tests.screen.test_zoom import in_sight

LAYOUT = """
theme = "lab-light"
start = "runs"
[layout]
left = ["runs", "services"]
right = ["models", "drift"]
widths = [2, 1]
[panels.runs]
columns = ["owner", "run", "status"]
sort = "-took"
share = 2
[panels.services]
height = 9
[keys]
refresh = "f5"
zoom = "Z"
restart = "ctrl+r"
quit = "Q"
"""


async def test_keys_do_what_the_file_says_and_help_and_bar_say_so(tmp_path: Path) -> None:
    async with owning(write(tmp_path, LAYOUT)) as (app, pilot):
        main = app.screen
        assert isinstance(main, MainScreen)
        await pilot.press("z")
        assert not main.has_class("-zoomed")
        await pilot.press("Z")
        assert main.has_class("-zoomed")
        await pilot.press("Z", "1")
        active = {key: one.binding.description for key, one in main.active_bindings.items()}
        assert active["ctrl+r"] == "Restart"
        assert "R" not in active
        groups = dict(groups_for(main)[1])
        assert ("^r", "Restart") in groups["In services"]
        assert ("f5", "Refresh") in groups["Everywhere"]
        assert ("Q ^c", "Quit") in groups["Everywhere"]
        assert any("Key f5: ask" in one.help for one in app.get_system_commands(main))
        await pilot.press("question_mark")
        assert isinstance(app.screen, HelpScreen)
        assert notices(app) == []


def texts(*lines: Line) -> str:
    return "\n".join("".join(span.text for span in line) for line in lines)


async def test_texts_name_the_keys_of_the_file(tmp_path: Path) -> None:
    file = '[keys]\nwhat-needs-you = "f8"\nactivity = "f7"\npalette = "f2"\nrestart = "ctrl+r"\n'
    async with owning(write(tmp_path, file), snapshots.DRIFTED) as (app, pilot):
        view = app.view
        assert "f8 5 need you" in str(app.screen.query_one(NeedsStrip).render())
        await pilot.press("1", "home", "u")
        await pilot.pause()
        assert "PostgreSQL runs already; key ^r restarts it." in [one.message for one in app._notifications]
        assert "or f2 here" in texts(banner(replace(view, snapshot=snapshots.DOWN)))
        assert "f2 holds every action." in texts(*log(view))
        done = replace(view, jobs=Jobs().begun(Job(1, "seed", "Seed the data", view.epoch)))
        assert "f7 shows all" in texts(activity_line(done))


async def test_control_c_goes_on_leaving(tmp_path: Path) -> None:
    async with owning(write(tmp_path, LAYOUT)) as (app, pilot):
        await pilot.press("q")
        assert app._exit is False
        await pilot.press("ctrl+c")
        assert app._exit is True


async def test_layout_columns_and_order_are_those_of_the_file(tmp_path: Path) -> None:
    async with owning(write(tmp_path, LAYOUT)) as (app, _):
        main = app.screen
        assert isinstance(main, MainScreen)
        assert app.theme == themes.LIGHT.name
        assert main.panel_name == "runs"
        assert sorted(in_sight(app)) == ["drift", "models", "runs", "services"]  # type: ignore[arg-type]
        panels = main._panels
        assert panels["services"].size.height == 7
        assert panels["runs"].region.y < panels["services"].region.y
        assert panels["runs"].region.width == pytest.approx(80, abs=1)
        assert [column.key for column in panels["runs"].rows.shown_columns] == ["owner", "run", "status"]
        assert panels["runs"].order == Order("took", True)


async def test_a_panel_that_is_left_out_is_shown_alone_by_its_number(tmp_path: Path) -> None:
    async with owning(write(tmp_path, LAYOUT)) as (app, pilot):
        await pilot.press("4")
        await pilot.pause()
        assert in_sight(app) == ["audit"]  # type: ignore[arg-type]
        await pilot.press("2")
        await pilot.pause()
        assert len(in_sight(app)) == 4  # type: ignore[arg-type]


async def test_the_last_columns_go_first_where_there_is_no_room(tmp_path: Path) -> None:
    text = '[panels.runs]\ncolumns = ["owner", "run", "job", "role", "trigger", "environment"]'
    async with owning(write(tmp_path, text), size=(80, 24)) as (app, _):
        assert isinstance(app.screen, MainScreen)
        shown = [column.key for column in app.screen._panels["runs"].rows.shown_columns]
        assert shown == ["owner", "run"]


async def test_what_the_file_leaves_out_is_as_it_was_left(tmp_path: Path) -> None:
    memory = SavedLayout(tmp_path / "state.json")
    memory.save(Layout("nord", "audit", {"runs": Order("age"), "models": Order("age")}, True))
    async with owning(write(tmp_path, '[panels.runs]\nsort = "took"'), memory=memory) as (app, _):
        assert isinstance(app.screen, MainScreen)
        assert (app.theme, app.screen.panel_name, app.layout_kept.bell) == ("nord", "audit", True)
        assert app.screen.orders == {"runs": Order("took"), "models": Order("age")}


@pytest.mark.parametrize(
    "text",
    ["theme = ", 'theme = "none"', '[keys]\nzoom = "r"', '[keys]\nzom = "Z"'],
    ids=["no TOML", "no theme", "clash", "no name"],
)
async def test_a_file_that_is_wrong_is_said_with_its_line_and_keys_are_the_usual_ones(
    tmp_path: Path, text: str
) -> None:
    path = write(tmp_path, text)
    async with owning(path) as (app, pilot):
        (said,) = notices(app)
        assert f"{path}, line " in said
        assert app.theme == themes.DARK.name
        await pilot.press("z")
        assert app.screen.has_class("-zoomed")


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (60, 30)], ids=str)
def test_picture(snap_compare: Callable[..., bool], tmp_path: Path, size: tuple[int, int]) -> None:
    observer = Playing(*with_history(snapshots.DRIFTED))
    app = app_of(write(tmp_path, LAYOUT), observer)
    app.lab.poller.pace(0.01)
    app.observer = observer  # type: ignore[attr-defined]
    assert snap_compare(app, terminal_size=size, run_before=settle)


def test_picture_of_a_refused_file(
    snap_compare: Callable[..., bool], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path, "\n" + LAYOUT.replace('"owner"', '"ownr"'))
    observer = Playing(*with_history(snapshots.DRIFTED))
    app = app_of(Path("screen.toml"), observer)
    app.lab.poller.pace(0.01)
    app.observer = observer  # type: ignore[attr-defined]
    assert snap_compare(app, terminal_size=(80, 24), run_before=settle)


async def test_a_replay_has_the_keys_and_the_layout_and_runs_no_command(tmp_path: Path) -> None:
    path = write(tmp_path, LAYOUT + command(ECHO, key="f6", changes=False))
    with Recording(made(tmp_path / "lab.jsonl.gz", day(3))) as recording:
        app = ReplayApp(recording, UTC, load(path))
        async with app.run_test(size=(120, 40)) as pilot:
            await done(app, pilot, "user")
            main = app.screen
            assert isinstance(main, MainScreen)
            assert (main.panel_name, app.theme, app.user.commands) == ("runs", themes.LIGHT.name, ())
            assert "f6" not in main.active_bindings
            await pilot.press("Z")
            assert main.has_class("-zoomed")
            assert notices(app) == []
