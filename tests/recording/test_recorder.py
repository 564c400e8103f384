"""Recording a lab: as a command until it is told to stop, and from the screen."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lab import cli
from lab.base.errors import LabError
from lab.observe.polling import Connection
from lab.observe.snapshot import Snapshot
from lab.recording.playback import Recording
from lab.recording.recorder import ScreenRecording, default_path, parse_duration, record
from lab.screen.messages import SnapshotTaken
from lab.views import title_line
from tests.screen import recordings, snapshots
from tests.screen.fakes import Playing, app_on, shown
from tests.support.ports import never_started
from tests.support.waiting import eventually

ROOT = Path(cli.__file__).parents[1]


def on(observer: Playing) -> Connection:
    return Connection(observer, snapshots.WAITING)


def held(path: Path) -> list[Snapshot]:
    with Recording(path, empty_is_fine=True) as recording:
        return [recording.snapshot(index) for index in range(recording.count)]


class Ending(Playing):
    """Ends the recording when it has given everything, as a person does."""

    async def tick(self, previous: Snapshot) -> Snapshot:
        if not self._given:
            signal.raise_signal(signal.SIGTERM)
        return await super().tick(previous)


def test_records_what_the_lab_answers_until_it_is_ended(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = list(recordings.day(3))
    observer = Ending(*given)
    path = tmp_path / "lab.jsonl.gz"
    assert record(lambda: on(observer), path, 0.01, 900.0) == 0
    assert held(path) == given
    assert observer.closed
    said = capsys.readouterr().err
    assert said.startswith(f"recording to {path} for 15m00s; Ctrl-C ends it\n")
    assert re.search(rf"^recorded 3 snapshots, \d+K, to {path}$", said, re.MULTILINE)


def test_records_until_the_time_is_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "lab.jsonl.gz"
    assert record(lambda: on(Playing(*recordings.day(3))), path, 0.01, 0.5) == 0
    assert len(held(path)) <= 3
    assert re.search(rf"^recorded \d snapshots?, \S+, to {path}$", capsys.readouterr().err, re.MULTILINE)


def test_goes_on_after_a_poll_that_failed_and_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = list(recordings.day(2))
    observer = Ending(given[0], LabError("no answer"), given[1])
    assert record(lambda: on(observer), tmp_path / "lab", 0.01, 900.0) == 0
    assert held(tmp_path / "lab") == given
    assert "▲ no answer" in capsys.readouterr().err


def test_settings_that_are_wrong_are_an_error_at_once(tmp_path: Path) -> None:
    def refuse() -> Connection:
        raise LabError("ENVIRONMENT is wrong.")

    with pytest.raises(LabError, match="ENVIRONMENT is wrong"):
        record(refuse, tmp_path / "lab", 0.01, 60.0)


DURATIONS = {"90": 90, "90s": 90, "15m": 900, "1.5h": 5400, "7d": 604_800, " 2H ": 7200}


@pytest.mark.parametrize("text", DURATIONS)
def test_a_duration(text: str) -> None:
    assert parse_duration(text) == DURATIONS[text]


@pytest.mark.parametrize("text", ["", "0", "0s", "m", "-1s", "1w", "1h30m", "nan", "inf", "1e3"])
def test_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="is no duration; say 90s, 15m, 8h or 7d"):
        parse_duration(text)


@pytest.fixture
def nowhere(tmp_path: Path) -> dict[str, str]:
    return never_started(tmp_path)


@contextmanager
def recorder(environ: dict[str, str], path: Path, *arguments: str) -> Iterator["subprocess.Popen[str]"]:
    """`mlops-lab record`, which has begun to listen to signals."""
    command = [sys.executable, "-m", "lab.cli", "record", str(path), "--refresh", "0.5", *arguments]
    with subprocess.Popen(command, cwd=ROOT, env=environ, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr
            assert process.stderr.readline() == f"recording to {path}; Ctrl-C ends it\n"
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda s: s.name)
def test_the_command_ends_cleanly_when_it_is_told_to(
    nowhere: dict[str, str], tmp_path: Path, number: signal.Signals
) -> None:
    path = tmp_path / "lab.jsonl.gz"
    with recorder(nowhere, path) as process:
        # The last handler that is set; SIGINT has one from the beginning, which is Python's own.
        eventually(lambda: handles(process.pid, signal.SIGTERM), 60)
        process.send_signal(number)
        assert process.wait(60) == 0
        assert process.stderr
        rest = process.stderr.read()
    assert f"to {path}" in rest
    assert "Traceback" not in rest
    with Recording(path, empty_is_fine=True) as recording:
        assert recording.lost_bytes == 0


def handles(pid: int, number: signal.Signals) -> bool:
    """Whether a process has set a handler of its own: asyncio wakes up by one."""
    mask = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("SigCgt"))
    return bool(int(mask.split()[1], 16) >> (number - 1) & 1)


def test_a_killed_recorder_leaves_a_file_that_opens_and_goes_on(nowhere: dict[str, str], tmp_path: Path) -> None:
    path = tmp_path / "lab.jsonl.gz"
    with recorder(nowhere, path) as process:
        eventually(lambda: path.stat().st_size > 0, 60)
        process.kill()
        assert process.wait(60) == -signal.SIGKILL
    assert held(path) == []
    recordings.made(path, recordings.day(2))
    assert len(held(path)) == 2


def test_the_screen_records_what_it_shows(tmp_path: Path) -> None:
    given = list(recordings.day(4))
    recording = ScreenRecording()
    recording.take(given[0])
    recording.start(tmp_path / "lab", every_s=1.0)
    assert recording.path == tmp_path / "lab"
    for snapshot in given[1:]:
        recording.take(snapshot)
    assert recording.stop().startswith("Recorded 3 snapshots, ")
    assert recording.path is None
    assert recording.stop() == ""
    assert held(tmp_path / "lab") == given[1:]


def test_a_recording_that_can_not_go_on_never_takes_the_screen_with_it(tmp_path: Path) -> None:
    recording = ScreenRecording()
    recording.start(tmp_path / "lab")
    assert recording._recorder
    recording._recorder._file.close()
    recording._recorder._file = Path(os.devnull).open("rb", buffering=0)  # noqa: SIM115 - the recording closes it
    for snapshot in recordings.day(40):
        recording.take(snapshot)
    assert recording.path is None
    assert "Can't write" in recording.trouble


def test_a_file_is_named_after_the_lab_and_the_moment(tmp_path: Path) -> None:
    now = datetime(2026, 11, 23, 14, 30, 5, tzinfo=UTC)
    assert default_path(snapshots.HEALTHY, now, tmp_path) == tmp_path / "mlops-lab-20261123-143005.jsonl.gz"


async def test_the_palette_records_the_screen_and_the_header_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    first, second = list(recordings.day(2, step_s=60.0))
    observer = Playing(first)
    app = app_on(observer)
    async with app.run_test(size=(160, 40)) as pilot:
        await shown(app, pilot, first)
        command = next(c for c in app.get_system_commands(app.screen) if c.title == "Record")
        command.callback()
        await pilot.pause()
        path = tmp_path / "mlops-lab-20261123-143005.jsonl.gz"
        assert app.view.recording == str(path)
        assert "● recording" in "".join(span.text for span in title_line(app.view, 160))
        app.post_message(SnapshotTaken(second))
        await shown(app, pilot, second)
        titles = {c.title: c for c in app.get_system_commands(app.screen)}
        assert "Record" not in titles
        titles["Stop recording"].callback()
        await pilot.pause()
        assert app.view.recording == ""
    assert held(path) == [second]


async def test_leaving_the_screen_ends_its_recording(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    first, second = list(recordings.day(2, step_s=60.0))
    app = app_on(Playing(first))
    async with app.run_test() as pilot:
        await shown(app, pilot, first)
        app.action_record()
        app.post_message(SnapshotTaken(second))
        await shown(app, pilot, second)
        await pilot.press("q")
    (path,) = tmp_path.glob("*.jsonl.gz")
    assert held(path) == [second]


async def test_a_folder_that_can_not_be_written_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mlops-lab-20261123-143005.jsonl.gz").mkdir()
    app = app_on(Playing(snapshots.HEALTHY))
    async with app.run_test() as pilot:
        await shown(app, pilot, snapshots.HEALTHY)
        app.action_record()
        await pilot.pause()
        assert app.view.recording == ""
        assert ["is no file" in n.message for n in app._notifications] == [True]
