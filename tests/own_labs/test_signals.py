"""Signals and closed pipes amid the commands that change a lab: each ends with its code, and nothing is half done."""

import os
import signal
import subprocess

import pytest

from lab.base.catalogue import Service
from lab.observe.snapshot import Health
from tests.support.interrupting import interrupted
from tests.support.lab import INVOKE, LiveLab

pytestmark = [pytest.mark.lab, pytest.mark.timeout(900)]


def without_reader(lab: LiveLab, *arguments: str) -> "subprocess.CompletedProcess[str]":
    reader, writer = os.pipe()
    os.close(reader)
    try:
        return subprocess.run(
            [INVOKE, *arguments], cwd=lab.root, env=lab.environ, stdin=subprocess.DEVNULL, stdout=writer,
            stderr=subprocess.PIPE, text=True, timeout=400, check=False,
        )  # fmt: skip
    finally:
        os.close(writer)


def well(lab: LiveLab) -> bool:
    return all(state.health in {Health.UP, Health.ABSENT} for state in lab.states().values())


def test_a_restart_without_a_reader_leaves_the_lab_whole(spare: LiveLab) -> None:
    done = without_reader(spare, "restart", "alertmanager")
    assert (done.returncode, done.stderr) == (141, "")
    assert well(spare)


def test_a_restart_that_is_interrupted_starts_its_service_again(spare: LiveLab) -> None:
    before = spare.pids()[Service.MLFLOW]
    code, said = interrupted(spare, signal.SIGTERM, "starting", "restart", "mlflow")
    assert code == 143, said
    assert "mlflow starts again" in said
    spare.invoke("up")
    assert well(spare)
    assert spare.pids()[Service.MLFLOW] != before


def test_a_run_goes_on_without_the_demo_run_that_launched_it(spare: LiveLab) -> None:
    code, said = interrupted(spare, signal.SIGINT, "launched", "demo-run")
    run_id = spare.run_ids()[0]
    assert code == 130, said
    assert f"run {run_id} goes on" in said
    assert spare.finished(run_id) == "SUCCESS"
