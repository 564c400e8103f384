"""A person's own commands: where they are offered, what is asked, and that values never are more than one argument."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import nullcontext, suppress
from dataclasses import replace
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Static

from lab.observe.snapshot import Snapshot
from lab.screen.app import LabApp
from lab.screen.screens.confirm_screen import ConfirmScreen
from lab.screen.screens.output_screen import OutputScreen
from tests.screen import snapshots
from tests.screen.doing import confirming
from tests.screen.fakes import Playing
from tests.screen.owning import ECHO, app_of, command, done, notices, owning, write
from tests.screen.test_screens import settle, with_history

HOSTILE = {
    "quotes": '\'; touch /tmp/x; echo "$(id)" `id`',
    "newlines": "a\nb\r\nc",
    "sequences": "\x1b]0;title\x07\x1b[2J\x1b[31m",
    "bidi": "\u202eabc\u2066",
    "wild": "* ? ~ $HOME {owner} {{ }}",
    "empty": "",
}


def owned_by(owner: str) -> Snapshot:
    versions = tuple(replace(one, tags={**one.tags, "owner": owner}) for one in snapshots.DRIFTED.models.value or ())
    return replace(snapshots.DRIFTED, models=replace(snapshots.DRIFTED.models, value=versions))


async def printed(app: LabApp, pilot: Pilot[None]) -> list[str]:
    """What the command printed, once it has ended."""
    while not isinstance(screen := app.screen, OutputScreen) or (screen.code is None and not screen.problem):
        await pilot.pause(0.01)
    await pilot.pause()
    return ["".join(span.text for span in line) for line in screen._page.text.lines]


@pytest.mark.parametrize("value", HOSTILE.values(), ids=HOSTILE)
async def test_whatever_a_tag_holds_is_one_argument_and_steers_nothing(tmp_path: Path, value: str) -> None:
    text = command([*ECHO, "--owner={owner}", "{tag:owner}", "{version}"], panel="models")
    async with owning(write(tmp_path, text), owned_by(value)) as (app, pilot):
        await pilot.press("3", "down", "f6")
        question = await confirming(app, pilot)
        assert question.focused is question._no
        shown = str(question.query_one("#body Static", Static).content)
        assert "\x1b" not in shown
        assert "\u202e" not in shown
        await pilot.press("left", "enter")
        (line,) = await printed(app, pilot)
        version = app.chosen("models").rpartition("/")[2]
        assert json.loads(line) == [f"--owner={value}", value, version]
        assert str(app.screen.query_one(".subject", Static).content).startswith("Try it · ✓ ended")


@pytest.mark.parametrize("value", ["-rf", "--exec=sh", "a\0b"])
async def test_what_could_be_an_option_or_no_argument_is_not_run(tmp_path: Path, value: str) -> None:
    text = command([*ECHO, "{owner}"], panel="models", confirm=False)
    async with owning(write(tmp_path, text), owned_by(value)) as (app, pilot):
        await pilot.press("3", "down", "f6")
        await pilot.pause()
        assert not isinstance(app.screen, OutputScreen)
        assert "dash" in notices(app)[-1] or "zero byte" in notices(app)[-1]


async def test_after_two_dashes_a_dash_is_no_option(tmp_path: Path) -> None:
    text = command([*ECHO, "--", "{owner}"], panel="models", confirm=False)
    async with owning(write(tmp_path, text), owned_by("-rf")) as (app, pilot):
        await pilot.press("3", "down", "f6")
        assert json.loads((await printed(app, pilot))[0])[-1] == "-rf"


async def test_it_is_offered_on_its_panel_in_help_bar_and_palette_and_the_safe_answer_is_focused(
    tmp_path: Path,
) -> None:
    text = command([*ECHO, "{run_id}"], panel="runs", title="Try [it]")
    async with owning(write(tmp_path, text)) as (app, pilot):
        await pilot.press("1", "f6")
        assert not isinstance(app.screen, ConfirmScreen)
        await pilot.press("2")
        active = {key: one.binding.description for key, one in app.screen.active_bindings.items()}
        assert active["f6"] == "Try [it]"
        assert "Try [it]" in [one.title for one in app.get_system_commands(app.screen)]
        await pilot.press("f6")
        await confirming(app, pilot)
        await pilot.press("enter")
        await pilot.pause()
        assert not isinstance(app.screen, ConfirmScreen | OutputScreen)


async def test_one_about_the_whole_lab_works_on_every_panel(tmp_path: Path) -> None:
    text = command([*ECHO, "{lab}", "{environment}"], confirm=False)
    async with owning(write(tmp_path, text)) as (app, pilot):
        for panel in "15":
            await pilot.press(panel, "f6")
            assert json.loads((await printed(app, pilot))[0]) == ["mlops-lab", "staging"]
            await pilot.press("escape")


async def test_a_read_only_screen_offers_only_what_changes_nothing(tmp_path: Path) -> None:
    text = command(ECHO, confirm=False) + command(ECHO, key="f7", title="Look", changes=False, confirm=False)
    async with owning(write(tmp_path, text), readonly=True) as (app, pilot):
        titles = [one.title for one in app.get_system_commands(app.screen)]
        assert "Try it" not in titles
        assert "Look" in titles
        await pilot.press("f6")
        await pilot.pause()
        assert not isinstance(app.screen, OutputScreen)
        await pilot.press("f7")
        await printed(app, pilot)


async def test_a_screen_in_a_browser_offers_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path, command(ECHO))
    monkeypatch.setenv("TEXTUAL_DRIVER", "textual.drivers.headless_driver:HeadlessDriver")
    assert app_of(path, Playing(snapshots.HEALTHY)).user.commands == ()


async def test_a_clash_takes_the_commands_away(tmp_path: Path) -> None:
    async with owning(write(tmp_path, command(ECHO, key="z"))) as (app, pilot):
        assert "line 2: command 1.key: 'z' is the key of zoom" in notices(app)[-1]
        await pilot.press("z")
        assert app.screen.has_class("-zoomed")


async def test_leaving_ends_the_command_and_what_it_started(tmp_path: Path) -> None:
    code = "import subprocess as s, time; print(s.Popen(['sleep', '300']).pid, flush=True); time.sleep(300)"
    text = command([sys.executable, "-c", code], confirm=False)
    async with owning(write(tmp_path, text)) as (app, pilot):
        await pilot.press("f6")
        while not isinstance(screen := app.screen, OutputScreen) or not len(screen._page.feed):
            await pilot.pause(0.01)
        child = int("".join(span.text for span in screen._page.text.lines[0]))
        await pilot.press("escape")
        for _ in range(500):
            if not alive(child):
                break
            await asyncio.sleep(0.01)
        assert not alive(child)


def alive(pid: int) -> bool:
    with suppress(ProcessLookupError):
        os.kill(pid, 0)
        return not Path(f"/proc/{pid}/stat").exists() or Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    return False


async def test_output_without_end_keeps_the_screen_working_and_its_memory_bounded(tmp_path: Path) -> None:
    text = command([sys.executable, "-c", "while True: print('y' * 20)"], confirm=False)
    async with owning(write(tmp_path, text)) as (app, pilot):
        await pilot.press("f6")
        while not isinstance(screen := app.screen, OutputScreen) or len(screen._page.feed) < 5_000:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
        assert len(screen._page.feed) <= 5_000
        await pilot.press("escape")
        while app.screen is screen:
            await pilot.pause()


async def test_what_a_program_paints_is_taken_out(tmp_path: Path) -> None:
    code = r"print('\x1b[31mred\x1b[0m \x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\ a\tb \x1b[2J[bold]')"
    async with owning(write(tmp_path, command([sys.executable, "-c", code], confirm=False))) as (app, pilot):
        await pilot.press("f6")
        (line,) = await printed(app, pilot)
        assert line.startswith("red link a")
        assert "[bold]" in line
        assert "\x1b" not in line


async def test_a_program_that_is_not_there_is_said(tmp_path: Path) -> None:
    async with owning(write(tmp_path, command(["no-such-program"], confirm=False))) as (app, pilot):
        await pilot.press("f6")
        await pilot.pause()
        assert "There is no program no-such-program." in notices(app)[-1]


async def test_one_beside_the_screen_tells_how_it_ended(tmp_path: Path) -> None:
    text = command([sys.executable, "-c", "raise SystemExit(3)"], confirm=False, output="none")
    async with owning(write(tmp_path, text)) as (app, pilot):
        await pilot.press("f6")
        await done(app, pilot, "own")
        assert notices(app)[-1] == "ended with 3"


async def test_one_that_wants_the_terminal_is_told_where_there_is_none(tmp_path: Path) -> None:
    async with owning(write(tmp_path, command(ECHO, confirm=False, output="terminal"))) as (app, pilot):
        await pilot.press("f6")
        await pilot.pause()
        assert notices(app)[-1] == "There is no terminal to give to it here."


async def test_ctrl_c_ends_the_command_that_has_the_terminal_and_not_the_screen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The terminal sends the signal to both: here the command sends it to its parent and to itself."""
    code = "import os, time; os.kill(os.getppid(), 2); os.kill(os.getpid(), 2); time.sleep(60)"
    monkeypatch.setattr(LabApp, "suspend", lambda _: nullcontext())
    text = command([sys.executable, "-c", code], confirm=False, output="terminal")
    async with owning(write(tmp_path, text)) as (app, pilot):
        await pilot.press("f6")
        await pilot.pause()
        assert notices(app)[-1] == f"ended with {-signal.SIGINT}"
        assert app.is_running


PICTURED = command([*ECHO, "{owner}", "it's"], panel="models", title="Tell the owner")


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (60, 20)], ids=str)
@pytest.mark.parametrize("answer", [[], ["left", "enter"]], ids=["question", "output"])
def test_picture(
    snap_compare: Callable[..., bool],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    size: tuple[int, int],
    answer: list[str],
) -> None:
    monkeypatch.setattr("shutil.which", lambda _: "/usr/bin/tell")
    monkeypatch.setattr("lab.screen.screens.output_screen.subprocess.Popen", _python(subprocess.Popen))
    observer = Playing(*with_history(snapshots.DRIFTED))
    app = app_of(write(tmp_path, PICTURED), observer)
    app.lab.poller.pace(0.01)
    app.observer = observer  # type: ignore[attr-defined]

    async def before(pilot: Pilot[None]) -> None:
        await settle(pilot)
        await pilot.press("3", "down", "f6")
        await confirming(app, pilot)
        await pilot.press(*answer)
        if answer:
            await printed(app, pilot)

    assert snap_compare(app, terminal_size=size, run_before=before)


def _python(start: Callable[..., object]) -> Callable[..., object]:
    def started(argv: Sequence[str], **options: object) -> object:
        return start([sys.executable, *argv[1:]], **options)

    return started


async def test_one_that_failed_in_the_terminal_stays_to_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(LabApp, "suspend", lambda _: nullcontext())
    monkeypatch.setattr("builtins.input", asked.append)
    for number, said in ((3, ["ended with 3; Enter leads back to the screen"]), (0, [])):
        asked.clear()
        code = command([sys.executable, "-c", f"raise SystemExit({number})"], confirm=False, output="terminal")
        async with owning(write(tmp_path, code)) as (app, pilot):
            await pilot.press("f6")
            await pilot.pause()
            assert notices(app)[-1] == f"ended with {number}"
            assert asked == said
