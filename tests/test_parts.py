"""The test command's parts: all of them run, a failure in one fails all, and each cleans up when it is asked to end."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests import parts
from tests.support.waiting import eventually

MARKERS = ("timeout", "lab", "compose", "terraform", "browser")
CONFIGURATION = "\n    ".join(["[pytest]\nmarkers =", *MARKERS]) + "\naddopts = --import-mode=importlib\n"
# What pytest must be told in the project's own conftest, too.
CONFTEST = "import signal\n\ndef pytest_configure():\n    signal.signal(signal.SIGTERM, signal.default_int_handler)\n"
QUICK = "def test_it(): assert {passes}\n"
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

def test_{part}(kept): time.sleep(100)
"""
FOLDERS = {
    "containers": "compose",
    "hurt labs": "own_labs",
    "fresh labs": "fresh_labs",
    "debian": "debian",
    "labs": "live",
    "screen": "screen",
    "terraform": "terraform",
    "rest": "base",
}


def started(folder: Path, tests: Mapping[str, str], *options: str) -> subprocess.Popen[str]:
    """The parts of a project that has a test in each, those given and others that pass."""
    for name in {path for paths in parts.PARTS.values() for path in paths if not path.startswith("-")}:
        (folder / name).mkdir(parents=True)
    shutil.copy(parts.__file__, folder / "tests")
    files = {"pytest.ini": CONFIGURATION, "conftest.py": CONFTEST}
    for part, place in FOLDERS.items():
        (folder / "tests" / place).mkdir(exist_ok=True)
        files[f"tests/{place}/test_it.py"] = tests.get(part, QUICK.format(passes=True))
    for name, text in files.items():
        (folder / name).write_text(text)
    argv = [sys.executable, "-m", "tests.parts", *options]
    # The project's plugins are most of what starting a pytest costs, and these tests need none.
    environ = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    return subprocess.Popen(argv, cwd=folder, env=environ, stdout=subprocess.PIPE, text=True, process_group=0)


@pytest.mark.parametrize(("passes", "code"), [(True, 0), (False, 1)])
def test_every_part_runs_and_one_that_fails_is_enough(passes: bool, code: int, tmp_path: Path) -> None:
    with started(tmp_path, {"rest": QUICK.format(passes=passes)}) as run:
        output, _ = run.communicate()

    assert run.returncode == code, output
    for name in parts.PARTS:
        expected = "1 passed" if passes or name != "rest" else "1 failed"
        assert [line for line in output.splitlines() if line.lstrip().startswith(f"{name} |") and expected in line]
        assert f"{name}: " in output


def test_failures_are_named_again_after_everything_else(tmp_path: Path) -> None:
    with started(tmp_path, {"containers": QUICK.format(passes="1 == 2")}) as run:
        output, _ = run.communicate()

    last = output.splitlines()[-len(parts.PARTS) - 4 :]
    assert [line for line in last if "FAILED tests/compose/test_it.py::test_it - assert 1 == 2" in line], output


def test_quick_ones_are_those_that_need_no_lab(tmp_path: Path) -> None:
    marked = "import pytest\n@pytest.mark.{mark}\ndef test_marked(): assert False\n" + QUICK.format(passes=True)
    needing = {
        "labs": "lab",
        "hurt labs": "lab",
        "fresh labs": "lab",
        "debian": "lab",
        "containers": "compose",
        "terraform": "terraform",
        "screen": "browser",
    }
    with started(tmp_path, {part: marked.replace("{mark}", mark) for part, mark in needing.items()}, "--quick") as run:
        output, _ = run.communicate()

    assert run.returncode == 0, output
    assert {name for name in parts.PARTS if f"{name}: " in output} == {"rest", "screen", "terraform"}
    assert output.count("1 passed") == 3


def test_more_parts_than_cores_run_only_while_the_cores_are_not_busy() -> None:
    busy, now = 99.0, 0.0
    room = parts.Room(2, lambda: busy)

    def another(running: int, later_s: float = 0.0) -> bool:
        nonlocal now
        now += later_s
        return room.beside(running, lambda: now)

    assert another(0)
    assert another(1)
    assert not another(2)
    assert not another(2, 60.0)
    busy = 40.0
    assert not another(2, 1.0), "what was asked just now says nothing of what was begun since"
    assert another(2, 60.0)
    assert not another(3)
    assert another(3, 60.0)
    assert not another(4, 60.0), "never more than two for each core"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_parts_that_are_asked_to_end_clean_up(number: signal.Signals, tmp_path: Path) -> None:
    slow = ("labs", "containers")
    files = [tmp_path / f"test_{part}" for part in slow]
    with started(tmp_path, {part: SLOW.replace("{part}", part) for part in slow}) as run:
        eventually(lambda: any(file.exists() for file in files), what="a test under way")
        run.send_signal(number)
        # A second one is one too many: it must not end the cleaning up.
        run.send_signal(number)
        output, _ = run.communicate()

    assert run.returncode == 2, output
    assert not [file for file in files if file.exists()], output
