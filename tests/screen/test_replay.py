"""A recording on the screen: how it moves, what its keys do, and how it looks."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from textual import events
from textual.pilot import Pilot
from textual.widgets import Input

from lab.recording.playback import Recording
from lab.screen.replay.moments import parse_moment
from lab.screen.replay.player import LONGEST_WAIT_S, REMEMBERED, SPEEDS, Player
from lab.screen.replay.replay_app import ReplayApp, ReplayScreen
from lab.screen.replay.replay_widgets import GoTo, Timeline
from lab.screen.replay.timeline import AHEAD, HERE, NOTHING, PLAYED, status_line, track, track_line
from lab.screen.screens.help_screen import HelpScreen
from lab.views.cells import Tone
from tests.screen import recordings
from tests.screen.recordings import START, STEP_S

COUNT = 300
HOUR = 3600.0


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten minutes; then, after an hour in which nothing was recorded, two minutes more."""
    path = recordings.made(tmp_path_factory.mktemp("replay") / "lab.jsonl.gz", recordings.day(COUNT))
    return recordings.made(path, recordings.day(60, START + HOUR))


@pytest.fixture
def play() -> Iterator[Callable[[Path], Player]]:
    """Opens recordings for the length of a test."""
    with ExitStack() as opened:
        yield lambda path: Player(opened.enter_context(Recording(path)), UTC)


@pytest.fixture
def player(file: Path, play: Callable[[Path], Player]) -> Player:
    return play(file)


def words(line: tuple[object, ...]) -> str:
    return "".join(span.text for span in line)  # type: ignore[attr-defined]


class TestPlayer:
    def test_begins_paused_at_the_first_snapshot(self, player: Player) -> None:
        assert (player.index, player.position, player.playing) == (0, START, False)
        assert player.snapshot().taken_at == START

    def test_plays_as_fast_as_it_is_told(self, player: Player) -> None:
        player.toggle()
        player.advance(4.1)
        assert player.index == 2
        player.faster(3)
        assert player.speed == 10.0
        player.advance(1.0)
        assert player.position == pytest.approx(START + 14.1)
        assert player.index == 7

    def test_shows_the_time_between_two_snapshots(self, player: Player) -> None:
        player.toggle()
        player.advance(1.5)
        assert (player.index, player.now.timestamp()) == (0, START + 1.5)

    def test_jumps_over_a_time_in_which_nothing_was_recorded(self, player: Player) -> None:
        player.go(COUNT - 1)
        player.toggle()
        player.advance(0.1)
        assert player.index == COUNT
        assert player.position == START + HOUR

    def test_waits_for_a_snapshot_that_is_near(self, player: Player) -> None:
        player.toggle()
        player.advance(0.1)
        assert player.index == 0
        assert STEP_S - 0.1 <= LONGEST_WAIT_S

    def test_stops_at_the_end_and_plays_from_the_beginning_again(self, player: Player) -> None:
        player.go(COUNT + 58)
        player.toggle()
        player.advance(10.0)
        assert player.at_end
        player.advance(0.1)
        assert not player.playing
        player.toggle()
        assert (player.index, player.playing) == (0, True)

    def test_a_step_pauses_and_stays_inside(self, player: Player) -> None:
        player.toggle()
        player.step(-1)
        assert (player.index, player.playing) == (0, False)
        player.step(10_000)
        assert player.index == COUNT + 59

    def test_a_jump_moves_by_time_and_by_one_snapshot_at_least(self, player: Player) -> None:
        player.jump(60.0)
        assert player.position == START + 60
        player.jump(-30.0)
        assert player.position == START + 30
        player.go(COUNT - 1)
        player.jump(60.0)
        assert player.position == START + HOUR
        player.jump(-60.0)
        assert player.index == COUNT - 1

    def test_finds_the_next_change_and_the_one_before(self, player: Player) -> None:
        assert player.to_mark(-1) is None
        first = player.to_mark(1)
        assert first is not None
        assert (first.text, player.position - START) == ("MLflow down", 200.0)
        second = player.to_mark(1)
        assert second is not None
        assert (second.text, player.position - START) == ("MLflow up", 400.0)
        before = player.to_mark(-1)
        assert before is not None
        assert player.position - START == 200.0

    def test_keeps_the_probes_before_a_place_wherever_one_came_from(self, player: Player) -> None:
        player.go(200)
        fresh = player.history().of("dagster")
        assert len(fresh) == REMEMBERED
        assert fresh[-1].at == START + 200 * STEP_S
        player.go(190)
        player.history()
        for index in range(191, 201):
            player.go(index)
            stepped = player.history().of("dagster")
        assert stepped[-REMEMBERED:] == fresh

    def test_where_the_file_is_damaged_the_last_good_snapshot_stays_and_it_says_so(
        self, file: Path, tmp_path: Path, play: Callable[[Path], Player]
    ) -> None:
        with Recording(file) as whole:
            begin = whole._offsets[4]
        body = bytearray(file.read_bytes())
        body[begin + 200 : begin + 220] = bytes(20)
        torn = tmp_path / "torn"
        torn.write_bytes(body)
        player = play(torn)
        player.go(119)
        good = player.snapshot()
        assert player.trouble == ""
        player.step(1)
        assert player.snapshot() is good
        assert "damaged" in player.trouble
        player.go(240)
        assert player.snapshot().taken_at == START + 240 * STEP_S
        assert player.trouble == ""


def clock(text: str, day: int = 23) -> float:
    return datetime.fromisoformat(f"2026-11-{day}T{text}").replace(tzinfo=UTC).timestamp()


MOMENTS = {
    "14:35": clock("14:35:00"),
    "15:31:07": clock("15:31:07"),
    " 14:35 ": clock("14:35:00"),
    "11-23 14:33": clock("14:33:00"),
    "11-24": clock("00:00:00", 24),
    "2026-11-23 14:33:30": clock("14:33:30"),
    "2026-11-23T14:33:30": clock("14:33:30"),
    "2026-11-25": clock("00:00:00", 25),
    "+10m": START + 600,
    "-30s": START - 30,
    "+1.5h": START + 5400,
    "0%": START,
    "50 %": START + (HOUR + 118) / 2,
    "100%": START + HOUR + 118,
    "900%": START + HOUR + 118,
}


@pytest.mark.parametrize("typed", MOMENTS)
def test_a_moment_may_be_typed_in_many_ways(player: Player, typed: str) -> None:
    assert parse_moment(typed, player) == pytest.approx(MOMENTS[typed])


def test_a_time_of_day_is_one_that_was_recorded(tmp_path: Path, play: Callable[[Path], Player]) -> None:
    over_midnight = clock("23:58:00", 22)
    path = recordings.made(tmp_path / "night", recordings.day(200, over_midnight))
    player = play(path)
    assert parse_moment("00:01", player) == clock("00:01:00")
    player.go(199)
    assert parse_moment("23:59", player) == clock("23:59:00", 22)


def test_a_moment_is_in_the_zone_of_the_screen(file: Path) -> None:
    with Recording(file) as recording:
        player = Player(recording, timezone(timedelta(hours=2)))
        assert parse_moment("16:35", player) == clock("14:35:00")


@pytest.mark.parametrize("typed", ["", "soon", "25:00", "13-01", "+", "+0m", "-x", "%", "12:3x", "2026-02-30"])
def test_what_is_no_moment_is_explained(player: Player, typed: str) -> None:
    with pytest.raises(ValueError, match=r"say 90s|say 14:30"):
        parse_moment(typed, player)


class TestTimeline:
    def test_shows_where_there_is_data_where_one_is_and_the_worst_of_each_place(self, player: Player) -> None:
        player.go(130)
        text = words(track_line(track(player, 60), player.position))
        assert len(text) == 60
        assert text[0] == PLAYED
        assert text.index(HERE) == 4
        assert text.count("✗") == 2
        assert "●" in text
        assert set(text[11:58]) == {NOTHING}
        assert AHEAD in text
        assert text[-1] == "●"

    def test_a_place_on_it_is_a_moment(self, player: Player) -> None:
        found = track(player, 50)
        assert found.moment_of(0) == START
        assert found.moment_of(49) == player.recording.end
        assert found.moment_of(-3) == START
        for cell in range(50):
            assert found.cell_of(found.moment_of(cell)) == cell

    @pytest.mark.parametrize("width", [1, 20, 80, 200])
    def test_fits_any_width(self, player: Player, width: int) -> None:
        player.go(150)
        assert len(words(status_line(player, width))) == width
        assert len(words(track_line(track(player, width), player.position))) == width

    def test_one_snapshot_is_a_recording_too(self, tmp_path: Path, play: Callable[[Path], Player]) -> None:
        player = play(recordings.made(tmp_path / "one", recordings.day(1)))
        assert words(track_line(track(player, 10), player.position))[0] == HERE
        player.jump(10.0)
        assert player.index == 0

    def test_says_what_changed_last(self, player: Player) -> None:
        player.go(210)
        text = words(status_line(player, 200))
        assert "‖ paused 1×" in text
        assert "Mon Nov 23 14:37:05" in text
        assert "211/360" in text
        assert "● MLflow up 20s ago" in text
        player.go(110)
        assert "✗ MLflow down 20s ago" in words(status_line(player, 200))

    def test_says_when_the_end_of_the_file_is_torn(
        self, file: Path, tmp_path: Path, play: Callable[[Path], Player]
    ) -> None:
        torn = tmp_path / "torn"
        torn.write_bytes(file.read_bytes()[:-5])
        player = play(torn)
        assert "at the end unreadable" in words(status_line(player, 200))


@asynccontextmanager
async def replaying(file: Path, size: tuple[int, int] = (120, 40)) -> AsyncIterator[tuple[ReplayApp, Pilot[None]]]:
    with Recording(file) as recording:
        app = ReplayApp(recording, UTC)
        async with app.run_test(size=size) as pilot:
            await pilot.pause()
            yield app, pilot


def shown(app: ReplayApp) -> float:
    return app.view.snapshot.taken_at - START


KEYS: dict[str, tuple[list[str], float]] = {
    "right steps": (["right", "right"], 4.0),
    "left steps back": (["right", "right", "left"], 2.0),
    "shift+right goes on a minute": (["shift+right"], 60.0),
    "shift+left goes back a minute": (["shift+right", "shift+right", "shift+left"], 60.0),
    "ctrl+right goes on an hour": (["ctrl+right"], 3600.0),
    "ctrl+left goes back an hour": (["end", "ctrl+left"], 118.0),
    "end": (["end"], HOUR + 118),
    "home": (["end", "home"], 0.0),
    "full stop finds a change": ([".", "."], 400.0),
    "comma finds the one before": ([".", ".", ","], 200.0),
    "g goes to a time": (["g", *"14:35", "enter"], 294.0),
    "g goes to a share": (["g", *"10%", "enter"], 370.0),
    "g and escape go nowhere": (["g", *"50%", "escape"], 0.0),
}


@pytest.mark.parametrize("name", KEYS)
async def test_key(file: Path, name: str) -> None:
    keys, expected = KEYS[name]
    async with replaying(file) as (app, pilot):
        await pilot.press(*keys)
        await pilot.pause()
        assert shown(app) == expected
        assert not app.screen.query(GoTo)


async def test_space_plays_and_pauses(file: Path) -> None:
    async with replaying(file) as (app, pilot):
        await pilot.press("space")
        assert app.player.playing
        while shown(app) == 0.0:
            await pilot.pause(0.05)
        await pilot.press("space")
        assert not app.player.playing
        before = app.player.position
        await pilot.pause(0.3)
        assert app.player.position == before


async def test_brackets_change_the_speed_within_bounds(file: Path) -> None:
    async with replaying(file) as (app, pilot):
        await pilot.press("]", "]", "[")
        assert app.player.speed == 2.0
        await pilot.press(*"[" * len(SPEEDS))
        assert app.player.speed == SPEEDS[0]
        await pilot.press(*"]" * (2 * len(SPEEDS)))
        assert app.player.speed == SPEEDS[-1]


async def test_the_panels_show_the_recorded_moment(file: Path) -> None:
    async with replaying(file) as (app, pilot):
        await pilot.press("g", *"14:34", "enter")
        await pilot.pause()
        assert "drifted" in app.export_screenshot()
        assert app.view.now == datetime(2026, 11, 23, 14, 34, tzinfo=UTC)
        assert app.view.snapshot == recordings_at(app.player)


def recordings_at(player: Player) -> object:
    return player.recording.snapshot(player.index)


async def test_a_wrong_moment_is_explained_and_can_be_corrected(file: Path) -> None:
    async with replaying(file) as (app, pilot):
        await pilot.press("g", *"soon", "enter")
        await pilot.pause()
        assert app.screen.query(GoTo)
        assert any("is no moment" in n.message for n in app._notifications)
        await pilot.press(*["backspace"] * 4, *"+1m", "enter")
        await pilot.pause()
        assert shown(app) == 60.0


async def test_what_is_typed_right_after_g_is_not_lost(file: Path) -> None:
    async with replaying(file) as (app, pilot):
        for character in "g+1m":
            app.post_message(events.Key(character, character))
        app.post_message(events.Key("enter", "\r"))
        while shown(app) != 60.0 or app.screen.query(GoTo):
            await pilot.pause(0.05)


async def test_a_click_and_a_drag_on_the_timeline_go_there(file: Path) -> None:
    async with replaying(file) as (app, pilot):
        timeline = app.screen.query_one(Timeline)
        width = timeline.content_size.width
        await pilot.click(timeline, offset=(1 + width - 1, 1))
        await pilot.pause()
        assert shown(app) == HOUR + 118
        await pilot.mouse_down(timeline, offset=(1 + width // 2, 1))
        await pilot.hover(timeline, offset=(1, 1))
        await pilot.mouse_up(timeline, offset=(1, 1))
        await pilot.pause()
        assert shown(app) < HOUR


async def test_keys_of_the_panels_still_work_and_text_can_be_typed_into_a_filter(file: Path) -> None:
    async with replaying(file) as (app, pilot):
        await pilot.press("2", "j", "/", *"g.[ ]")
        assert isinstance(app.focused, Input)
        assert app.focused.value == "g.[ ]"
        assert app.player.index == 0


async def test_nothing_that_changes_a_lab_is_offered(file: Path) -> None:
    async with replaying(file) as (app, _):
        assert app.view.readonly
        titles = {command.title for command in app.get_system_commands(app.screen)}
        assert titles >= {"Play or pause", "Next change", "Quit"}
        assert not {
            t for t in titles if any(word in t.lower() for word in ("run", "seed", "drift", "refresh", "repair"))
        }


async def test_a_replay_asks_no_lab(file: Path) -> None:
    async with replaying(file) as (app, pilot):
        await pilot.press("r", "R", "right")
        await pilot.pause()
        assert app.view.trouble == ""
        assert len(app.workers) == 0
        assert app.open_details is None


async def test_question_mark_lists_the_keys_that_work(file: Path) -> None:
    async with replaying(file) as (app, pilot):
        await pilot.press("question_mark")
        await pilot.pause()
        assert isinstance(app.screen, HelpScreen)
        listed = [" ".join(words(line).split()) for line in (*app.screen._here(), *app.screen._elsewhere())]
        for line in ("space Play/pause", "[ Slower", ", Change before", "g Go to", "q ^c Quit", "⇧→ A minute on"):
            assert any(one.startswith(line) for one in listed), (line, listed)
        assert not [one for one in listed if "Refresh" in one]
        for taken in ("home", "end", "g"):
            assert sum(taken in one.split()[:2] for one in listed if one) == 1, (taken, listed)


async def test_a_row_opens_in_full_at_the_recorded_moment(file: Path) -> None:
    async with replaying(file) as (app, pilot):
        await pilot.press("g", *"14:34", "enter", "1", "j", "j", "enter")
        await pilot.pause()
        assert not isinstance(app.screen, ReplayScreen)
        await pilot.press("right", "space", "escape")
        await pilot.pause()
        assert isinstance(app.screen, ReplayScreen)
        assert not app.player.playing
        assert shown(app) == 234.0


def test_marks_are_told_apart_without_colour() -> None:
    from lab.screen.replay.timeline import GLYPHS

    assert len({*GLYPHS.values(), HERE, PLAYED, AHEAD, NOTHING}) == len(GLYPHS) + 4
    assert set(GLYPHS) == {Tone.BAD, Tone.WARN, Tone.OK, Tone.ACCENT, Tone.MUTED}


SIZES = ((80, 24), (120, 40), (200, 60))


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_replay_screen(snap_compare: Callable[..., bool], file: Path, size: tuple[int, int]) -> None:
    with Recording(file) as recording:
        keys = [".", "shift+right", "]"]
        assert snap_compare(ReplayApp(recording, UTC), terminal_size=size, press=keys)


def test_going_to_a_moment_looks_like_a_line_of_text(snap_compare: Callable[..., bool], file: Path) -> None:
    with Recording(file) as recording:
        assert snap_compare(ReplayApp(recording, UTC), terminal_size=(80, 24), press=["g", *"14:35"])
