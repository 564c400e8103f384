"""Whatever ends the tests: no process of theirs goes on, and no port stays taken."""

import subprocess
import sys
from pathlib import Path

import httpx
import psutil
import pytest

from tests.support.aws.cycle import Started
from tests.support.waiting import eventually

pytestmark = [pytest.mark.terraform, pytest.mark.timeout(600)]
_HELD = """
import sys, time
from pathlib import Path
from tests.support.aws import emulator
with emulator.running("111111111111", Path(sys.argv[1])) as aws:
    print(aws.url, flush=True)
    time.sleep(600)
"""


def test_the_emulator_goes_with_whoever_started_it(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", _HELD, str(tmp_path / "log")], stdout=subprocess.PIPE, text=True, process_group=0
    )
    assert holder.stdout
    url = holder.stdout.readline().strip()
    assert httpx.get(f"{url}/moto-api/").status_code == 200

    holder.kill()
    holder.communicate()

    eventually(lambda: not _answers(url), deadline_s=30, what="the emulator's end")


def test_an_interrupted_cycle_leaves_no_process(terraform: None, tmp_path: Path) -> None:
    started = Started.now("dev", tmp_path)
    try:
        eventually(lambda: _provider(tmp_path), deadline_s=300, what="Terraform's provider")
    finally:
        started.end()

    assert started.process.returncode != 0
    assert _processes_in(tmp_path) == []


def _provider(folder: Path) -> bool:
    return any(name.startswith("terraform-provi") for name in _processes_in(folder))


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/moto-api/", timeout=5).is_success
    except httpx.TransportError:
        return False


def _processes_in(folder: Path) -> list[str]:
    """Names of those that work below the folder, or have it in their command."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.cwd().startswith(str(folder)) or str(folder) in " ".join(process.cmdline()):
                found.append(process.name())
        except (psutil.Error, OSError):
            continue
    return found
