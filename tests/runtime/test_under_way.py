"""That a lab is being started is known from the process that does it, and no longer than that lives."""

import json
import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from lab.base.catalogue import BEING_STARTED, NEVER_STARTED, ProcessFact, Service
from lab.runtime import under_way

DOWN = ProcessFact("stopped", reason="stopped: Not started", remedy="Type `invoke up`.")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The home of a lab that was started once."""
    (tmp_path / "lab.json").write_text("{}")
    return tmp_path


def started_by(pid: int, home: Path, *services: str) -> None:
    began = psutil.Process(pid).create_time()
    (home / "starting.json").write_text(json.dumps({"pid": pid, "began": began, "services": services}))


def test_what_another_process_starts_waits_for_its_turn(home: Path) -> None:
    started_by(os.getppid(), home, "mlflow", "dagster")
    awaited = under_way.awaited(home)
    assert awaited == {Service.MLFLOW, Service.DAGSTER}
    told = under_way.explained(DOWN, Service.MLFLOW, awaited)
    assert (told.awaited, told.reason, told.remedy) == (True, BEING_STARTED, "")
    assert under_way.explained(ProcessFact("running"), Service.MLFLOW, awaited).awaited
    assert under_way.explained(DOWN, Service.POSTGRES, awaited) == DOWN
    for fact in (ProcessFact("failed"), ProcessFact("absent"), ProcessFact("stopped", deliberate=True)):
        assert under_way.explained(fact, Service.MLFLOW, awaited) == fact


def test_a_command_that_is_gone_starts_nothing(home: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
    started_by(ended.pid, home, "mlflow")
    assert under_way.awaited(home) == {Service.MLFLOW}
    ended.kill()
    ended.wait()
    assert under_way.awaited(home) == frozenset()
    # Nor does another process that has got its number meanwhile.
    (home / "starting.json").write_text(json.dumps({"pid": os.getppid(), "began": 1.0, "services": ["mlflow"]}))
    assert under_way.awaited(home) == frozenset()


def test_whoever_starts_it_judges_by_itself_and_takes_its_word_back(home: Path) -> None:
    under_way.begin(home, (Service.MLFLOW,))
    assert json.loads((home / "starting.json").read_text())["services"] == ["mlflow"]
    assert under_way.awaited(home) == frozenset()
    under_way.end(home)
    assert not (home / "starting.json").exists()
    started_by(os.getppid(), home, "mlflow")
    under_way.end(home)
    assert (home / "starting.json").exists()


def test_a_lab_without_its_mark_was_never_started(tmp_path: Path) -> None:
    assert under_way.awaited(tmp_path) is None
    assert under_way.explained(DOWN, Service.MLFLOW, None).reason == NEVER_STARTED
    assert under_way.explained(ProcessFact("running"), Service.MLFLOW, None) == ProcessFact("running")


@pytest.mark.parametrize("body", ["", "[]", "{", '{"pid": 3}', '{"pid": 1, "began": 0, "services": ["nothing"]}'])
def test_a_file_that_can_not_be_read_says_nothing(home: Path, body: str) -> None:
    (home / "starting.json").write_text(body)
    assert under_way.awaited(home) == frozenset()
