"""Finding a lab's processes by their mark, and ending those that don't want to end."""

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil
import pytest

from lab.runtime.native.command_lines import OWNED_BY
from lab.runtime.native.orphan_processes import end_all, owned

DEAF = "import signal, sys; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); sys.stdin.read()"
WILLING = "import sys; print('ready', flush=True); sys.stdin.read()"
# Ends when it is asked to, but not before it has started another one.
BEGETTING = f"""
import signal, subprocess, sys
def beget(number, frame):
    subprocess.Popen([sys.executable, "-c", {DEAF!r}], start_new_session=True)
    sys.exit()
signal.signal(signal.SIGTERM, beget)
{WILLING}
"""


@contextmanager
def program(code: str, home: Path | None) -> Iterator["subprocess.Popen[str]"]:
    """A program that runs until it is ended, marked as one of the lab at `home`."""
    environ = {**os.environ, OWNED_BY: str(home)} if home else dict(os.environ)
    with subprocess.Popen(
        [sys.executable, "-c", code], env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        try:
            yield process
        finally:
            process.kill()


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as made:
        yield made


def test_only_processes_of_this_very_home_are_found(tmp_path: Path, stack: ExitStack) -> None:
    mine = stack.enter_context(program(WILLING, tmp_path / "lab"))
    stack.enter_context(program(WILLING, tmp_path / "lab2"))
    stack.enter_context(program(WILLING, None))

    assert [process.pid for process in owned(tmp_path / "lab")] == [mine.pid]


def test_a_process_whose_environment_comes_late_is_found(
    tmp_path: Path, stack: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = stack.enter_context(program(WILLING, tmp_path / "lab"))
    environ, cmdline, looks = psutil.Process.environ, psutil.Process.cmdline, Counter[int]()

    def late(process: psutil.Process) -> dict[str, str]:
        looks[process.pid] += 1
        return {} if process.pid == mine.pid and looks[mine.pid] < 4 else environ(process)

    monkeypatch.setattr(psutil.Process, "environ", late)
    monkeypatch.setattr(psutil.Process, "cmdline", lambda one: [] if one.pid == mine.pid else cmdline(one))

    assert [process.pid for process in owned(tmp_path / "lab")] == [mine.pid]


def test_all_are_ended_also_those_that_will_not_hear(tmp_path: Path, stack: ExitStack) -> None:
    willing, deaf = (stack.enter_context(program(code, tmp_path / "lab")) for code in (WILLING, DEAF))
    other = stack.enter_context(program(WILLING, tmp_path / "other"))

    assert end_all(tmp_path / "lab", grace_s=0.5) == 2

    assert not psutil.pid_exists(willing.pid)
    assert not psutil.pid_exists(deaf.pid)
    assert other.poll() is None


def test_what_is_started_while_all_are_ended_is_ended_too(tmp_path: Path, stack: ExitStack) -> None:
    stack.enter_context(program(BEGETTING, tmp_path / "lab"))

    assert end_all(tmp_path / "lab", grace_s=10) == 2

    assert list(owned(tmp_path / "lab")) == []


def test_a_process_that_has_ended_and_was_not_buried_is_not_found(tmp_path: Path, stack: ExitStack) -> None:
    process = stack.enter_context(program(WILLING, tmp_path / "lab"))
    os.kill(process.pid, 9)
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)

    assert psutil.Process(process.pid).status() == psutil.STATUS_ZOMBIE
    assert list(owned(tmp_path / "lab")) == []


def test_nothing_to_end_is_nothing(tmp_path: Path) -> None:
    assert end_all(tmp_path / "lab") == 0
