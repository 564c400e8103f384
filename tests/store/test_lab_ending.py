"""A test run that is interrupted, or killed, leaves no command of its labs at work."""

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from tests.support.lab import ROOT, LiveLab
from tests.support.waiting import eventually

# A command that waits for its turn, as a second `up` does.
WAITING = [sys.executable, "-c", "import signal; signal.pause()"]
RUN = """
import pathlib, subprocess, sys
from tests.support.lab import LiveLab
with LiveLab.prepared(pathlib.Path(sys.argv[1]), "killed-lab") as lab:
    waiting = subprocess.Popen(sys.argv[2:], env=lab.environ, start_new_session=True)
    print(waiting.pid, flush=True)
    sys.stdin.read()
"""


def ends(pid: int) -> bool:
    """Waits for the end of a command; ends it itself when that doesn't come."""

    def ended() -> bool:
        return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE

    try:
        return eventually(ended, 60, "the end of the command", ignore=(psutil.Error,))
    finally:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def test_an_interrupted_test_ends_the_commands_of_its_lab(tmp_path: Path) -> None:
    begun: list[subprocess.Popen[bytes]] = []
    with pytest.raises(KeyboardInterrupt):
        interrupted(tmp_path, begun)
    assert ends(begun[0].pid)
    begun[0].wait(timeout=60)


def interrupted(folder: Path, begun: "list[subprocess.Popen[bytes]]") -> None:
    with LiveLab.prepared(folder, "interrupted-lab") as lab:
        begun.append(subprocess.Popen(WAITING, env=lab.environ, start_new_session=True))
        raise KeyboardInterrupt


def test_a_killed_test_run_does_so_too(tmp_path: Path) -> None:
    argv = [sys.executable, "-c", RUN, str(tmp_path), *WAITING]
    with subprocess.Popen(argv, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout
        pid = int(run.stdout.readline())
        run.kill()
    assert ends(pid)
