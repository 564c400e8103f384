"""A lab that is hurt comes back, by itself or with `invoke up`, and has lost nothing."""

import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from lab.base.catalogue import Service
from lab.base.runs import JOB
from lab.observe.snapshot import Health
from lab.runtime.layout import Layout
from tests.own_labs.conftest import Starts
from tests.support.lab import LiveLab
from tests.support.recovery import BACK_S, all_up, large_file, nothing_lost, open_step
from tests.support.waiting import eventually

pytestmark = [pytest.mark.lab, pytest.mark.timeout(900)]


@pytest.fixture(scope="module", autouse=True)
def _trained(starts: Starts) -> None:
    """There must be something to lose."""
    starts.lab.invoke("up", "demo-run")


def kill(*processes: psutil.Process) -> None:
    """kill -9 of all of them, and waits until they are gone."""
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(processes, timeout=10)


def supervisor(lab: LiveLab) -> psutil.Process:
    return psutil.Process(int((Layout(lab.home).run / "supervisor.pid").read_text()))


def test_every_service_that_is_killed_comes_back_by_itself(spare: LiveLab) -> None:
    with nothing_lost(spare):
        for service, state in spare.states().items():
            if state.pid is None:
                continue
            kill(psutil.Process(state.pid))
            eventually(lambda s=service, old=state.pid: is_back(spare, s, old), BACK_S, f"{service} back")
    assert spare.json("demo-run")["succeeded"]


def is_back(lab: LiveLab, service: Service, old_pid: int) -> bool:
    state = lab.states()[service]
    return state.health is Health.UP and state.pid not in {None, old_pid}


def test_a_killed_child_of_a_service_is_replaced(spare: LiveLab) -> None:
    daemon = psutil.Process(spare.states()[Service.DAGSTER_DAEMON].pid)
    server = psutil.Process(spare.states()[Service.POSTGRES].pid)
    with nothing_lost(spare):
        kill(*daemon.children(recursive=True))
        kill(eventually(lambda: idle_child(server), 60, "a connection that is idle"))
        eventually(lambda: all_up(spare), BACK_S, "every service up")
        # Dagster learns from its first question that PostgreSQL has dropped its connections.
        eventually(lambda: spare.json("demo-run")["succeeded"], BACK_S, "a run that succeeds", (AssertionError,))


def idle_child(server: psutil.Process) -> psutil.Process | None:
    """A child of PostgreSQL that waits for its client's next question."""
    for child in server.children():
        with suppress(psutil.NoSuchProcess):
            if "idle" in " ".join(child.cmdline()):
                return child
    return None


def test_up_recovers_from_a_killed_supervisor(spare: LiveLab) -> None:
    with nothing_lost(spare):
        kill(supervisor(spare))

        done = spare.invoke("up")

        assert "is up after" in done.stdout


def test_up_recovers_from_everything_killed_at_once_and_a_foreign_program_under_postgres_old_pid(
    spare: LiveLab,
) -> None:
    with nothing_lost(spare):
        pid_file = Layout(spare.home).postgres / "postmaster.pid"
        # Some may still have time to tidy up between the first that is killed and the last.
        lines = pid_file.read_text().splitlines()
        kill(*spare.processes())
        # As after a reboot: the pid file is from before, and somebody else has the number now.
        pid_file.write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")

        spare.invoke("up")

    assert spare.json("demo-run")["succeeded"]


def test_down_and_up_keeps_everything(spare: LiveLab) -> None:
    with nothing_lost(spare):
        assert "its data stays" in spare.invoke("down").stdout
        assert spare.processes() == []
        assert spare.invoke("status", check=False).returncode == 1
        assert "was down already" in spare.invoke("down").stdout
        spare.invoke("up")


def test_a_run_whose_process_is_killed_ends_as_failed_and_its_step_as_unfinished(
    spare: LiveLab, tmp_path: Path
) -> None:
    run_id = launch(spare, large_file(tmp_path))
    worker = psutil.Process(int(eventually(lambda: tags(spare, run_id)["lab/worker_pid"], 120, "its pid", (KeyError,))))
    started = stopped_in_a_step(spare, run_id, worker)
    worker.send_signal(signal.SIGKILL)

    assert spare.finished(run_id) == "FAILURE"
    found = spare.verified()
    assert found.intact
    assert (run_id, started) in {(entry.run_id, entry.action) for entry in found.unfinished}
    said = [proof["evidence"] for proof in spare.json("verify-governance") if "never ended" in proof["name"]]
    assert any(f"{started} of run {run_id[:8]}" in evidence for evidence in said), said
    told = spare.command(str(Path(sys.executable).with_name("mlops-lab")), "audit", "close").stdout
    assert f"{started} of run {run_id[:8]}" in told
    assert spare.verified().unfinished == ()
    assert spare.json("demo-run")["succeeded"]


def stopped_in_a_step(lab: LiveLab, run_id: str, worker: psutil.Process) -> str:
    """Stops the run's process while a step is under way, and says which."""

    def stopped() -> str | None:
        worker.suspend()
        if not (step := open_step(lab, run_id)):
            worker.resume()
        return step

    return eventually(stopped, 120, "a step under way")


def launch(lab: LiveLab, data: Path) -> str:
    mutation = """mutation($p: ExecutionParams!) {
      launchRun(executionParams: $p) {... on LaunchRunSuccess {run {runId}} ... on PythonError {message}}}"""
    selector = {"repositoryLocationName": "pipelines", "repositoryName": "__repository__", "jobName": JOB}
    config: dict[str, Any] = {"ops": {"ingest_data": {"config": {"data_path": str(data)}}}}
    answer = lab.graphql(mutation, p={"selector": selector, "runConfigData": config})
    return str(answer["launchRun"]["run"]["runId"])


def tags(lab: LiveLab, run_id: str) -> dict[str, str]:
    query = "query($id: ID!) {runOrError(runId: $id) {... on Run {tags {key value}}}}"
    found = lab.graphql(query, id=run_id)["runOrError"]["tags"]
    return {tag["key"]: tag["value"] for tag in found}
