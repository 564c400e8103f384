"""The test command's parts: all of them run, a failure in one fails all, and each cleans up when it is asked to end."""

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests import parts
from tests.support.waiting import eventually

CONFIGURATION = "[pytest]\nmarkers =\n    lab\n    compose\n    timeout\n"
# What pytest must be told in the project's own conftest, too.
CONFTEST = "import signal\n\ndef pytest_configure():\n    signal.signal(signal.SIGTERM, signal.default_int_handler)\n"
QUICK = """
import pytest

@pytest.mark.compose
def test_of_containers(): pass

@pytest.mark.lab
def test_of_a_lab(): pass

def test_of_the_rest(): assert {passes}
"""
SLOW = """
import pathlib, pytest, time

@pytest.fixture
def kept(request):
    file = pathlib.Path(request.node.name)
    try:
        file.touch()
        yield
        time.sleep(0.5)
    finally:
        file.unlink()

@pytest.mark.compose
def test_of_containers(kept): time.sleep(100)

@pytest.mark.lab
def test_of_a_lab(kept): time.sleep(100)
"""


def started(folder: Path, tests: str) -> subprocess.Popen[str]:
    """The parts of a project that has these tests."""
    (folder / "tests" / "tui").mkdir(parents=True)
    shutil.copy(parts.__file__, folder / "tests")
    files = {"pytest.ini": CONFIGURATION, "conftest.py": CONFTEST, "tests/test_it.py": tests}
    for name, text in {**files, "tests/tui/test_screen.py": "def test_of_the_screen(): pass\n"}.items():
        (folder / name).write_text(text)
    argv = [sys.executable, "-m", "tests.parts"]
    return subprocess.Popen(argv, cwd=folder, stdout=subprocess.PIPE, text=True, process_group=0)


@pytest.mark.parametrize(("passes", "code"), [(True, 0), (False, 1)])
def test_every_part_runs_and_one_that_fails_is_enough(passes: bool, code: int, tmp_path: Path) -> None:
    with started(tmp_path, QUICK.format(passes=passes)) as run:
        output, _ = run.communicate()

    assert run.returncode == code, output
    for name in parts.PARTS:
        expected = "1 passed" if passes or name != "rest" else "1 failed"
        assert [line for line in output.splitlines() if line.lstrip().startswith(f"{name} |") and expected in line]
        assert f"{name}: " in output


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_parts_that_are_asked_to_end_clean_up(number: signal.Signals, tmp_path: Path) -> None:
    files = [tmp_path / "test_of_containers", tmp_path / "test_of_a_lab"]
    with started(tmp_path, SLOW) as run:
        eventually(lambda: any(file.exists() for file in files), what="a test under way")
        run.send_signal(number)
        # A second one is one too many: it must not end the cleaning up.
        run.send_signal(number)
        output, _ = run.communicate()

    assert run.returncode == 2, output
    assert not [file for file in files if file.exists()], output
