"""The main job on a newer Debian than the one that tests run on, with its Python, as an ordinary user."""

import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import psutil
import pytest

from tests.conftest import required
from tests.support.lab import ROOT
from tests.support.other_debian import HOME, OtherDebian, give, need_other_debian, other_debian
from tests.support.ports import reserved_offset
from tests.support.project import git
from tests.support.waiting import eventually

pytestmark = [pytest.mark.lab, pytest.mark.timeout(2400)]
RELEASE, PYTHON = "trixie", "3.13"
# Each ends what is after it; what they print tells how far it came.
STEPS = ("up demo-run", "verify-governance", "check", "nuke --yes")


@pytest.fixture
def debian() -> Iterator[OtherDebian]:
    need_other_debian(required("debian"))
    # pytest's own folders are closed to other users.
    parent = Path(tempfile.mkdtemp(prefix="mlops-lab-test-"))
    parent.chmod(0o755)
    try:
        with other_debian(parent / "root", RELEASE, 600) as made:
            yield made
        assert str(parent) not in Path("/proc/self/mountinfo").read_text()
        assert [one for one in psutil.process_iter() if _below(one, parent)] == []
    finally:
        shutil.rmtree(parent)


def _below(process: psutil.Process, folder: Path) -> bool:
    """Whether a process has this folder, or one in it, as its root."""
    try:
        return Path(f"/proc/{process.pid}/root").readlink().is_relative_to(folder)
    except OSError:
        return False


def test_the_main_job_as_an_ordinary_user(debian: OtherDebian) -> None:
    project = debian.root / HOME / "mlops-lab"
    _copy(project)
    lines = [f'echo "== {step}"; ./run {step}' for step in STEPS]
    script = "; ".join(["set -e", "cd mlops-lab", "python3 --version", *lines, 'echo "== left"; ls -A .lab || true'])
    with reserved_offset() as offset:
        environ = {"LAB_NAME": "debian-lab", "PORT_OFFSET": str(offset), "RUNTIME": "native"}
        done = debian.script(script, environ, 1500)

    assert done.returncode == 0, done.stdout[-6000:]
    assert done.stdout.startswith(f"Python {PYTHON}.")
    assert re.search(r"\b(\d\d) of \1\b", done.stdout), done.stdout[-6000:]
    assert "No such file" in done.stdout.partition("== left")[2]


def _copy(folder: Path) -> None:
    """What git has of the project, and what is new in it, without a commit."""
    listed = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        capture_output=True,
        check=True,
    )
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    git(folder, "init", "-q")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "as it is")
    _remember_types(folder)
    give(folder)


def _remember_types(folder: Path) -> None:
    """What mypy knows here of the same files counts there, which it compares by their content.

    Without it, reading all packages anew takes a minute of a processor. A check may be under way here, too.
    """
    # One that can't be read just now is left out: it saves time, and decides nothing.
    unless_locked = suppress(sqlite3.OperationalError)
    for found in (ROOT / ".mypy_cache").rglob("*.db"):
        copy = folder / found.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(found)) as here, closing(sqlite3.connect(copy)) as there, unless_locked:
            here.backup(there)


def test_nothing_of_it_outlives_whoever_runs_it(tmp_path: Path) -> None:
    """Also when that process is killed and can't clean up."""
    need_other_debian(required("debian"))
    code = (
        "from tests.support.other_debian import alone\n"
        f"alone(['sh', '-c', 'mount -t tmpfs x {tmp_path}; touch {tmp_path}/there; sleep 12345.6'], 600)"
    )
    runner = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT)
    try:
        eventually(lambda: _sleepers() != [], 60, "the command's sleep")
    finally:
        runner.kill()
        runner.wait()
    eventually(lambda: _sleepers() == [], 60, "the end of the command's sleep")
    assert list(tmp_path.iterdir()) == []


def _sleepers() -> list[int]:
    found = psutil.process_iter(["cmdline"])
    return [one.pid for one in found if one.info["cmdline"] == ["sleep", "12345.6"]]
