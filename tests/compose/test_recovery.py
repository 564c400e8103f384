"""A lab in containers that is hurt comes back, by itself or with `invoke up`, and has lost nothing."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from docker import DockerClient
from docker.errors import DockerException
from docker.models.containers import Container

from lab.base.catalogue import Service
from lab.base.runs import STEPS
from lab.governance.ledger import Status
from lab.observe.snapshot import Health
from tests.support import containers
from tests.support.lab import ROOT, LiveLab
from tests.support.recovery import all_up, large_file, nothing_lost, open_step
from tests.support.waiting import eventually

pytestmark = [pytest.mark.compose, pytest.mark.timeout(1200)]

_BACK_S = 300.0
# The folder of the engine that the tests have for themselves, as `.ci/engine` says; no other may be restarted.
_OWN_ENGINE = "LAB_TEST_ENGINE"


@pytest.fixture(scope="module", autouse=True)
def _whole_afterwards(stack: LiveLab, first_run: dict[str, Any]) -> Iterator[None]:
    """There is something to lose, and the lab is up again for whoever comes next."""
    yield
    stack.invoke("up")


@pytest.fixture
def lab(stack: LiveLab) -> LiveLab:
    """As an earlier test left it, and up: one that failed may have left it otherwise."""
    if not all_up(stack):
        stack.invoke("up")
    return stack


def running(lab: LiveLab, engine: DockerClient) -> dict[Service, Container]:
    return containers.of_lab(engine, lab.config.name)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can kill another user's process")
def test_every_container_whose_first_process_dies_comes_back_by_itself(lab: LiveLab, engine: DockerClient) -> None:
    with nothing_lost(lab, _BACK_S):
        there = running(lab, engine)
        for service, container in there.items():
            before = containers.main_process(container)
            if str(container.id) not in Path(f"/proc/{before}/cgroup").read_text():
                pytest.skip("the engine's processes aren't this machine's")
            psutil.Process(before).kill()
            eventually(
                lambda c=container, old=before: containers.main_process(c) not in {0, old}, 60, f"{service} again"
            )
        for service, container in there.items():
            eventually(lambda c=container: containers.health(c) == "healthy", _BACK_S, f"{service} healthy")
        counts = {state.name: state.restarts for state in lab.states().values() if state.health is Health.UP}
    assert all(counts.values()), counts
    assert lab.json("demo-run")["succeeded"]


def test_containers_that_were_killed_on_purpose_are_named_and_come_back_with_up(
    lab: LiveLab, engine: DockerClient
) -> None:
    """`docker kill` counts as a person's wish, which no restart policy overrules."""
    killed = running(lab, engine)
    with nothing_lost(lab, _BACK_S):
        for container in killed.values():
            container.kill()
        for service, container in killed.items():
            eventually(lambda c=container: containers.health(c) == "exited", 60, f"{service} ended")
        shown = {state["name"]: state for state in lab.json("status")}
        assert lab.invoke("status", check=False).returncode == 1
        for service in killed:
            assert shown[service]["health"] == Health.DOWN, shown[service]
            assert "invoke" in shown[service]["remedy"], shown[service]

        lab.invoke("up")

    assert lab.json("demo-run")["succeeded"]


def test_one_killed_container_does_not_take_the_others_along(lab: LiveLab, engine: DockerClient) -> None:
    with nothing_lost(lab, _BACK_S):
        before = {service: containers.main_process(one) for service, one in running(lab, engine).items()}
        running(lab, engine)[Service.MLFLOW].kill()
        eventually(lambda: Service.MLFLOW not in running(lab, engine), 60, "MLflow ended")

        lab.invoke("up")

        after = {service: containers.main_process(one) for service, one in running(lab, engine).items()}
        assert {service for service in before if before[service] != after[service]} == {Service.MLFLOW}


def test_one_service_is_stopped_and_started_and_the_others_go_on(lab: LiveLab, engine: DockerClient) -> None:
    before = {service: containers.main_process(one) for service, one in running(lab, engine).items()}
    lab.invoke("stop", Service.DRIFT_MONITOR)
    there = running(lab, engine)
    assert set(before) - set(there) == {Service.DRIFT_MONITOR}
    assert lab.states()[Service.DRIFT_MONITOR].stopped

    lab.invoke("start", Service.DRIFT_MONITOR)

    after = {service: containers.main_process(one) for service, one in running(lab, engine).items()}
    assert {service for service in before if before[service] != after[service]} == {Service.DRIFT_MONITOR}
    assert lab.states()[Service.DRIFT_MONITOR].health is Health.UP


def test_a_store_that_is_stopped_in_mid_run_leaves_no_step_unaudited_and_nothing_twice(
    lab: LiveLab, engine: DockerClient, tmp_path: Path
) -> None:
    before = set(lab.run_ids())
    with nothing_lost(lab, _BACK_S), lab.popen("demo-run", "--data", str(large_file(tmp_path)), "--json") as run:
        [run_id] = eventually(lambda: set(lab.run_ids()) - before, 120, "the run")
        hit = eventually(lambda: open_step(lab, run_id), 120, "a step under way")
        # The store goes on for seconds after it was asked to end, in which a quick run could do so, too.
        at_work = running(lab, engine)
        with containers.paused(at_work[Service.DAGSTER_DAEMON]):
            at_work[Service.OBJECT_STORE].stop(timeout=60)
        output, _ = run.communicate(timeout=400)
        assert run.returncode == 1, output
        assert lab.finished(run_id) == "FAILURE"

        lab.invoke("up")

        assert lab.json("demo-run")["succeeded"]
        entries = lab.entries_of(run_id)
        told = [(entry.action, entry.status) for entry in entries if entry.action in STEPS]
        begun = [action for action, status in told if status is Status.STARTED]
        assert begun == list(STEPS[: len(begun)])
        assert hit in begun
        ended = [action for action, status in told if status is not Status.STARTED]
        assert ended in (begun, begun[:-1])
        unfinished = {entry.action for entry in lab.verified().unfinished if entry.run_id == run_id}
        assert unfinished == set(begun) - set(ended)
        assert not list((lab.home / "journal").glob("*.json"))


def test_down_and_up_keeps_everything(lab: LiveLab, engine: DockerClient) -> None:
    with nothing_lost(lab, _BACK_S):
        assert "its data stays" in lab.invoke("down").stdout
        assert running(lab, engine) == {}
        told = lab.invoke("status", check=False)
        assert told.returncode == 1
        assert "■ stopped" in told.stdout
        assert "✗" not in told.stdout
        assert "was down already" in lab.invoke("down").stdout
        lab.invoke("up")


@pytest.mark.skipif(
    not os.environ.get(_OWN_ENGINE), reason="the engine isn't the tests' own, and must not be restarted"
)
def test_the_lab_comes_back_with_the_engine(lab: LiveLab, engine: DockerClient) -> None:
    with nothing_lost(lab, _BACK_S):
        before = {service: containers.main_process(one) for service, one in running(lab, engine).items()}
        argv = [str(ROOT / ".ci" / "engine"), "restart", os.environ[_OWN_ENGINE]]
        subprocess.run(argv, check=True, timeout=180, stdin=subprocess.DEVNULL, capture_output=True)
        eventually(engine.ping, 60, "the engine", (DockerException, OSError))
        eventually(lambda: set(running(lab, engine)) == set(before), _BACK_S, "every container", (DockerException,))
        after = {service: containers.main_process(one) for service, one in running(lab, engine).items()}
        assert not {service for service in before if before[service] == after[service]}
    assert lab.json("demo-run")["succeeded"]
