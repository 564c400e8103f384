"""The one lock between processes."""

import subprocess
import sys
from pathlib import Path

import pytest

from lab.base.errors import LabError
from lab.base.file_lock import held, is_at, take, taken

ROOT = Path(__file__).resolve().parents[2]
HOLDER = """
import sys
from pathlib import Path
from lab.base.file_lock import held
with held(Path(sys.argv[1]), 5):
    print("held", flush=True)
    sys.stdin.read()
"""


def holder(path: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, path], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout
    assert process.stdout.readline() == "held\n"
    return process


def test_another_process_waits_for_it_until_its_deadline_and_is_told_why(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with holder(path) as process, path.open() as file:
        assert not taken(file)
        with pytest.raises(OSError, match=r"another process has had it for 0\.1 s"):
            take(file, 0.1)
        with pytest.raises(LabError, match="busy"), held(path, 0.0, lambda: LabError("busy")):
            pytest.fail("two have the lock")
        process.kill()
        process.wait()
        take(file, 30)


def test_the_lock_goes_with_its_block(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with held(path, 0.0):
        assert path.stat().st_mode & 0o777 == 0o600
    with held(path, 0.0), path.open() as file:
        assert not taken(file)


def test_a_file_that_was_replaced_or_removed_is_another_one(tmp_path: Path) -> None:
    path, other = tmp_path / "lock", tmp_path / "other"
    path.touch()
    with path.open() as file:
        assert is_at(file, path)
        assert is_at(file.fileno(), path)
        other.touch()
        other.replace(path)
        assert not is_at(file, path)
        path.unlink()
        assert not is_at(file, path)


def test_nothing_else_locks_files() -> None:
    folders = ("lab", "pipelines", "exporters")
    users = {
        path.name for name in folders for path in (ROOT / name).rglob("*.py") if "import fcntl" in path.read_text()
    }
    assert users == {"file_lock.py"}
