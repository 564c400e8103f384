"""A lab that is hurt comes back, by itself or with `invoke up`, and has lost nothing."""

import os
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from lab.base.catalogue import Service
from lab.base.runs import STEPS
from lab.observe.snapshot import Health
from lab.runtime.layout import Layout
from tests.support.lab import LiveLab
from tests.support.launching import launch, run_tags
from tests.support.recovery import BACK_S, all_up, large_file, nothing_lost, open_step
from tests.support.waiting import eventually

pytestmark = [pytest.mark.lab, pytest.mark.timeout(900)]


def kill(*processes: psutil.Process) -> None:
    """kill -9 of all of them, and waits until they are gone."""
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(processes, timeout=10)


def supervisor(lab: LiveLab) -> psutil.Process:
    return psutil.Process(int((Layout(lab.home).run / "supervisor.pid").read_text()))


def test_every_service_that_is_killed_comes_back_by_itself(trained: LiveLab) -> None:
    with nothing_lost(trained):
        for service, pid in trained.pids().items():
            kill(psutil.Process(pid))
            eventually(lambda s=service, old=pid: is_back(trained, s, old), BACK_S, f"{service} back")
    assert trained.json("demo-run")["succeeded"]


def is_back(lab: LiveLab, service: Service, old_pid: int) -> bool:
    # Asked how all of them are only when there is a new one.
    return lab.pids().get(service, old_pid) != old_pid and lab.states()[service].health is Health.UP


def test_a_store_that_found_its_data_again_rests(trained: LiveLab) -> None:
    """One that spins wakes up two thousand times a second."""
    trained.invoke("restart", "object-store")
    store = psutil.Process(trained.pids()[Service.OBJECT_STORE])
    before, looked_s = wake_ups(store), 5
    time.sleep(looked_s)
    assert wake_ups(store) - before < 1000 * looked_s


def wake_ups(process: psutil.Process) -> int:
    """How often its threads waited for something since they began."""
    found = [path.read_text() for path in Path(f"/proc/{process.pid}/task").glob("*/status")]
    return sum(int(text.split("\nvoluntary_ctxt_switches:")[1].split()[0]) for text in found)


def test_a_killed_child_of_a_service_is_replaced(trained: LiveLab) -> None:
    daemon = psutil.Process(trained.pids()[Service.DAGSTER_DAEMON])
    server = psutil.Process(trained.pids()[Service.POSTGRES])
    with nothing_lost(trained):
        kill(*daemon.children(recursive=True))
        kill(eventually(lambda: idle_child(server), 60, "a connection that is idle"))
        eventually(lambda: all_up(trained), BACK_S, "every service up")
        # Dagster learns from its first question that PostgreSQL has dropped its connections.
        eventually(lambda: trained.json("demo-run")["succeeded"], BACK_S, "a run that succeeds", (AssertionError,))


def idle_child(server: psutil.Process) -> psutil.Process | None:
    """A child of PostgreSQL that waits for its client's next question."""
    for child in server.children():
        with suppress(psutil.NoSuchProcess):
            if "idle" in " ".join(child.cmdline()):
                return child
    return None


def test_up_recovers_from_a_killed_supervisor(trained: LiveLab) -> None:
    with nothing_lost(trained):
        kill(supervisor(trained))

        done = trained.invoke("up")

        assert "is up after" in done.stdout


def test_up_recovers_from_everything_killed_at_once_and_a_foreign_program_under_postgres_old_pid(
    trained: LiveLab,
) -> None:
    with nothing_lost(trained):
        pid_file = Layout(trained.home).postgres / "postmaster.pid"
        # Some may still have time to tidy up between the first that is killed and the last.
        lines = pid_file.read_text().splitlines()
        kill(*trained.processes())
        # As after a reboot: the pid file is from before, and somebody else has the number now.
        pid_file.write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")

        trained.invoke("up")

    assert trained.json("demo-run")["succeeded"]


def test_a_run_whose_process_is_killed_ends_as_failed_and_its_step_as_unfinished(
    trained: LiveLab, tmp_path: Path
) -> None:
    run_id = launch(trained, {"ops": {STEPS[0]: {"config": {"data_path": str(large_file(tmp_path))}}}})
    worker = psutil.Process(
        int(eventually(lambda: run_tags(trained, run_id)["lab/worker_pid"], 120, "its pid", (KeyError,)))
    )
    started = stopped_in_a_step(trained, run_id, worker)
    worker.send_signal(signal.SIGKILL)

    assert trained.finished(run_id) == "FAILURE"
    found = trained.verified()
    assert found.intact
    assert (run_id, started) in {(entry.run_id, entry.action) for entry in found.unfinished}
    proofs = trained.json("verify-governance", "--only", "ledger")
    said = [proof["evidence"] for proof in proofs if "never ended" in proof["name"]]
    assert any(f"{started} of run {run_id[:8]}" in evidence for evidence in said), said
    told = trained.command(str(Path(sys.executable).with_name("mlops-lab")), "audit", "close").stdout
    assert f"{started} of run {run_id[:8]}" in told
    assert trained.verified().unfinished == ()
    assert trained.json("demo-run")["succeeded"]


def stopped_in_a_step(lab: LiveLab, run_id: str, worker: psutil.Process) -> str:
    """Stops the run's process while a step is under way, and says which."""

    def stopped() -> str | None:
        worker.suspend()
        if not (step := open_step(lab, run_id)):
            worker.resume()
        return step

    return eventually(stopped, 120, "a step under way")
