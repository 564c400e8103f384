"""What a contract allows its model's code: memory and time end it, alone and with a reason; the lab's limits stay."""

import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from lab.base.errors import RunFailed
from lab.dagster_host import memory_limit
from lab.models.contract import Resources
from lab.training.limits import limited
from tests.support.project import ROOT

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="no such limit elsewhere")


def _state() -> tuple[object, ...]:
    return resource.getrlimit(resource.RLIMIT_DATA), signal.getsignal(signal.SIGALRM)


@LINUX
def test_more_memory_than_the_contract_allows_ends_the_fit_and_nothing_else() -> None:
    before = _state()
    with pytest.raises(RunFailed, match=r"resources\.memory_mb: 100 allows"), limited(Resources(memory_mb=100)):
        _ = [bytearray(10 << 20) for _ in range(300)]
    assert _state() == before
    assert len(bytearray(200 << 20)) == 200 << 20


@LINUX
def test_it_never_gets_more_than_the_lab_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    before = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (memory_limit.private() + (100 << 20), before[1]))
    try:
        # What the lab refuses is the guard's to tell.
        with pytest.raises(MemoryError), limited(Resources(memory_mb=10_000)):
            _ = [bytearray(10 << 20) for _ in range(300)]
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, before)
    monkeypatch.setenv("RUN_MEMORY_LIMIT_MB", "200")
    assert memory_limit.for_another(most_mb=500)[0] == 200 << 20
    assert memory_limit.for_another(most_mb=50)[0] == 50 << 20
    monkeypatch.delenv("RUN_MEMORY_LIMIT_MB")
    assert memory_limit.for_another(most_mb=50)[0] == 50 << 20


@LINUX
def test_without_a_number_a_run_gets_half_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    half = psutil.virtual_memory().total // 2
    given, _ = memory_limit.for_another({"RUN_MEMORY_LIMIT_MB": "auto"})
    assert 0 < given <= half
    # In a process of its own, which keeps the limit, and which would take the machine's memory without it.
    code = (
        "from lab.dagster_host import memory_limit; memory_limit.limit()\n"
        f"try:\n    held = bytearray({half + (1 << 30)})\nexcept MemoryError:\n    print(memory_limit.exceeded())"
    )
    ran = [sys.executable, "-c", code]
    done = subprocess.run(
        ran, env={"RUN_MEMORY_LIMIT_MB": "auto"}, cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert f"RUN_MEMORY_LIMIT_MB=auto, {given >> 20} MB here, allows" in done.stdout


@LINUX
def test_a_container_may_have_less_than_the_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    group = tmp_path / "memory.max"
    monkeypatch.setattr(memory_limit, "_GROUPS", (str(tmp_path / "none"), str(group)))
    for said, most in (("max", psutil.virtual_memory().total), (str(1 << 30), 1 << 30)):
        group.write_text(f"{said}\n")
        assert memory_limit.for_another({"RUN_MEMORY_LIMIT_MB": "auto"})[0] >> 20 == most >> 21


@LINUX
def test_a_run_that_is_alone_in_a_container_has_all_of_it() -> None:
    alone = {"RUN_CONTAINER_MEMORY_MB": "2048"}
    assert memory_limit.for_another({**alone, "RUN_MEMORY_LIMIT_MB": "auto"})[0] == 0
    assert memory_limit.for_another({**alone, "RUN_MEMORY_LIMIT_MB": "100"})[0] == 100 << 20


def _for_ever() -> None:
    while True:
        time.sleep(60)


def _deaf() -> None:
    """Catches what it may, and goes on."""
    for _ in range(3):
        try:
            _for_ever()
        except BaseException:
            continue
    _for_ever()


@pytest.mark.parametrize("work", [_for_ever, _deaf])
def test_what_takes_too_long_is_ended(work: Callable[[], None]) -> None:
    before, timer = _state(), signal.getitimer(signal.ITIMER_REAL)[0]
    with pytest.raises(RunFailed, match=r"within the 1 s that the contract's resources\.seconds allows"):  # noqa: SIM117 - it is about the inner one
        with limited(Resources(seconds=1)):
            work()
    assert _state() == before
    assert bool(signal.getitimer(signal.ITIMER_REAL)[0]) is bool(timer)


def test_what_ends_in_time_is_left_alone() -> None:
    before = _state()
    with limited(Resources(memory_mb=1000, seconds=60)):
        pass
    with pytest.raises(ValueError, match="its own"), limited(Resources(seconds=60)):
        raise ValueError("its own")
    assert _state() == before
