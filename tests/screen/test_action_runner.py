"""Actions in real processes: what they say reaches the screen, and none can hang or outlive its use."""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lab.screen.action_runner import Processes, progress_line
from tests.support.ports import NEVER_STARTED
from tests.support.waiting import eventually

NOWHERE = {"RUNTIME": "native", "PORT_OFFSET": str(NEVER_STARTED), "LAB_NAME": "nowhere"}


@pytest.fixture
def processes(tmp_path: Path) -> Processes:
    """Actions on a lab that was never started."""
    own = {**NOWHERE, "LAB_HOME": str(tmp_path / "home"), "LAB_ENV_FILE": str(tmp_path / "env")}
    return Processes({**os.environ, **own})


def fake_python(folder: Path, script: str) -> Path:
    """Takes the place of the interpreter that actions run in."""
    path = folder / "python"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


async def test_an_error_of_the_lab_comes_with_its_remedy(processes: Processes) -> None:
    result = await processes.run("reconcile", {}, lambda _: None)
    assert not result.ok
    assert "isn't up" in result.said
    assert result.next == "Type `invoke up`."


async def test_an_unknown_action_is_no_traceback(processes: Processes) -> None:
    result = await processes.run("make-coffee", {}, lambda _: None)
    assert result.said == "There is no action ['make-coffee']."


async def test_a_wrong_setting_is_explained(processes: Processes) -> None:
    result = await Processes({**processes.environ, "ENVIRONMENT": "production"}).run("reset", {}, lambda _: None)
    assert result.said.startswith("ENVIRONMENT")
    assert result.next == "Use one of: dev, staging, prod."


async def test_progress_is_told_as_it_comes(
    processes: Processes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    progress = json.dumps({"progress": {"subject": "train_model", "state": "in_progress", "seconds": None}})
    result = json.dumps({"result": {"ok": True, "said": "done", "next": "", "lines": ["a"], "data": {"n": 1}}})
    script = f"echo '{progress}'; echo 'noise'; echo '{result}'"
    monkeypatch.setattr(sys, "executable", str(fake_python(tmp_path, script)))
    lines: list[str] = []
    found = await processes.run("demo-run", {}, lines.append)
    assert lines == ["train_model in progress"]
    assert (found.ok, found.said, found.lines, found.data) == (True, "done", ("a",), {"n": 1})


async def test_an_action_that_dies_is_told_with_its_last_words(
    processes: Processes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", str(fake_python(tmp_path, "echo 'out of memory' >&2; exit 9")))
    result = await processes.run("demo-run", {}, lambda _: None)
    assert result.said == "the action ended with 9: out of memory"


async def test_a_program_that_is_missing_is_told(
    processes: Processes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "none"))
    result = await processes.run("demo-run", {}, lambda _: None)
    assert result.said == "the action can't be started: No such file or directory"


async def test_an_action_has_no_terminal_to_ask_on(
    processes: Processes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = "if (: < /dev/tty) 2>/dev/null; then echo has one >&2; else echo has none >&2; fi"
    monkeypatch.setattr(sys, "executable", str(fake_python(tmp_path, script)))
    result = await processes.run("demo-run", {}, lambda _: None)
    assert result.said.endswith("has none")


async def test_an_action_goes_on_to_its_end_when_the_screen_is_left(
    processes: Processes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go, done = tmp_path / "go", tmp_path / "done"
    os.mkfifo(go)
    ready = json.dumps({"progress": {"subject": "it", "state": "waits"}})
    script = f"trap '' PIPE; echo '{ready}'; read _ < {go}; echo late; echo late; touch {done}"
    monkeypatch.setattr(sys, "executable", str(fake_python(tmp_path, script)))
    started = asyncio.Event()
    task = asyncio.create_task(processes.run("demo-run", {}, lambda _: started.set()))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    go.write_text("now\n")
    await asyncio.to_thread(eventually, done.exists)


def test_an_action_in_the_terminal_shows_its_progress_there(
    processes: Processes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    progress = json.dumps({"progress": {"subject": "key", "state": "signing", "detail": "signing as olga"}})
    result = json.dumps({"result": {"ok": True, "said": "done", "next": "", "lines": [], "data": {}}})
    monkeypatch.setattr(sys, "executable", str(fake_python(tmp_path, f"echo '{progress}'; echo '{result}'")))
    assert processes.run_in_terminal("approve", {}).said == "done"
    assert capsys.readouterr().out == "key signing signing as olga\n"
    monkeypatch.setattr(sys, "executable", str(fake_python(tmp_path, "exit 3")))
    assert processes.run_in_terminal("approve", {}).said == "the action ended with 3, and said no more"


def test_the_reader_of_an_action_may_go_away(processes: Processes) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    argv = [sys.executable, "-m", "lab.commands.dispatch.action_process", "reconcile", "{}"]
    try:
        done = subprocess.run(
            argv, stdout=writer, stderr=subprocess.PIPE, env=processes.environ, timeout=60, check=False, text=True
        )
    finally:
        os.close(writer)
    assert (done.returncode, done.stderr) == (1, "")


@pytest.mark.parametrize(
    ("progress", "said"),
    [
        ({"subject": "mlflow", "state": "up", "detail": "", "seconds": 3.21}, "mlflow up 3.2 s"),
        ({"subject": "run", "state": "launched", "detail": "ab12", "seconds": None}, "run launched ab12"),
    ],
)
def test_progress_reads_as_a_line(progress: dict[str, object], said: str) -> None:
    assert progress_line(progress) == said
