"""One command at a time."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from lab.base.errors import LabError
from lab.runtime.lock import HomeLock

HOLD = """
import sys
from pathlib import Path
from lab.runtime.lock import HomeLock
lock = HomeLock(Path(sys.argv[1]))
lock.acquire(lambda text: None)
print("held", flush=True)
sys.stdin.read()
"""


def holder(path: Path) -> "subprocess.Popen[str]":
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_a_second_command_says_that_it_waits_and_gives_up_at_its_deadline(tmp_path: Path) -> None:
    path, said = tmp_path / "home" / "lock", list[str]()
    with holder(path) as other:
        with pytest.raises(LabError, match="Another command"):
            HomeLock(path, deadline_s=0.3).acquire(said.append)
        other.kill()
        other.communicate()
    assert said == ["another command is at work on this lab; waiting for it"]
    HomeLock(path, deadline_s=5).acquire(said.append)


def test_a_lock_in_a_home_that_was_removed_is_no_lock(tmp_path: Path) -> None:
    path = tmp_path / "home" / "lock"
    first, second = HomeLock(path), HomeLock(path)
    first.acquire(print)
    shutil.rmtree(path.parent)
    second.acquire(print)
    with pytest.raises(LabError):
        HomeLock(path, deadline_s=0).acquire(print)
    second.release()
    HomeLock(path, deadline_s=0).acquire(print)
