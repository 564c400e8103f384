"""Runs in containers: the pipeline is edited under the running stack, and each run may get a container of its own."""

from collections.abc import Iterator
from typing import Any

import pytest
from docker import DockerClient
from docker.models.containers import Container

from lab.base.catalogue import Service
from lab.base.source_code import code_version, fingerprint, sources
from lab.governance.ledger import Status
from tests.support import containers
from tests.support.containers import STACK
from tests.support.editing import SHOWN_S, EditedLab, edited, saying
from tests.support.lab import LiveLab
from tests.support.project import git
from tests.support.waiting import eventually

pytestmark = [pytest.mark.compose, pytest.mark.timeout(2400)]

RUN_LABEL, DEADLINE_S = "org.mlops-lab.run", 600.0
MEGABYTES = 1024
# What a container sees of the folder that the test edits.
GO = "/app/pipelines/go"
WAITING = f"import pathlib, time\n    while not pathlib.Path({GO!r}).exists(): time.sleep(0.1)\n    "


@pytest.fixture
def project(stack: LiveLab) -> Iterator[EditedLab]:
    """Has the asset `edited`, which says "one"; everything is as committed afterwards."""
    with edited(stack) as found:
        yield found


@pytest.fixture(scope="module")
def _isolating(stack: LiveLab) -> None:
    """The lab is told to give each run a container."""
    stack.environ |= {"RUN_ISOLATION": "container", "RUN_CONTAINER_MEMORY_MB": str(MEGABYTES)}
    stack.invoke("up", timeout=900)


@pytest.fixture
def isolated(_isolating: None, project: EditedLab) -> EditedLab:
    return project


def of_runs(engine: DockerClient) -> list[Container]:
    """The containers that runs of the lab have."""
    label = [f"{containers.LAB}={STACK}", RUN_LABEL]
    return list(engine.containers.list(all=True, filters={"label": label}, ignore_removed=True))


def running(engine: DockerClient) -> dict[str, tuple[str, str]]:
    """Id and start of each service's container."""
    found = containers.of_lab(engine, STACK)
    return {name: (one.id or "", one.attrs["State"]["StartedAt"]) for name, one in found.items()}


def test_an_edit_shows_and_runs_without_building_or_restarting_anything(
    project: EditedLab, engine: DockerClient
) -> None:
    before = running(engine)
    run_id = project.launch()
    assert project.lab.finished(run_id, DEADLINE_S) == "SUCCESS"
    assert project.said(run_id) == ["one"]
    assert running(engine) == before


def test_an_edit_that_does_not_load_leaves_the_definitions_in_service(project: EditedLab) -> None:
    shown, text = project.shown(), project.definitions.read_text()
    project.definitions.write_text(text + "def oops(:\n")
    eventually(lambda: "doesn't load" in project.lab.invoke("logs", "dagster-code").stdout, SHOWN_S, "the error")
    assert project.shown() == shown

    project.definitions.write_text(text.replace('"one"', '"mended"'))
    run_id = project.launch()
    assert project.lab.finished(run_id, DEADLINE_S) == "SUCCESS"
    assert project.said(run_id) == ["mended"]


def test_the_trail_names_the_commit_that_the_image_was_built_from_and_that_the_code_was_edited(
    project: EditedLab,
) -> None:
    project.edit("pass", governed=True)
    eventually(lambda: project.takes("governance"), SHOWN_S, "the governed asset")
    run_id = project.launch()
    assert project.lab.finished(run_id, DEADLINE_S) == "SUCCESS"
    (version,) = {entry.code_version for entry in project.lab.entries_of(run_id)}
    root = project.lab.root
    commit, lock, code = version.split()
    assert commit == f"git:{git(root, 'rev-parse', 'HEAD')}+dirty"
    assert lock == code_version(root).split()[1]
    assert code == f"code:{fingerprint(sources(root))[:12]}"


def test_a_run_has_a_container_with_limits_that_is_gone_afterwards(isolated: EditedLab, engine: DockerClient) -> None:
    isolated.edit(WAITING + saying("alone"))
    run_id = isolated.launch()
    (container,) = eventually(lambda: started(engine), DEADLINE_S, "the run's container")

    assert_harmless(container)
    output = containers.told(container, "sh", "-c", "cat /proc/[0-9]*/status")
    assert "Uid:\t0" not in output
    assert "CapEff:\t0000000000000000" in output
    assert containers.addresses(container).keys() == {"database", "storage", "tracking"}
    gate, code_server = ("run-gate.lab", 8099), ("dagster-code.lab", 3001)
    for host, port in (gate, code_server):
        program = f"import socket; socket.create_connection(({host!r}, {port}), 4)"
        assert containers.run_inside(container, "python", "-c", program)[0] != 0, f"a run reaches {host}"

    (isolated.lab.root / "pipelines" / "go").touch()
    assert isolated.lab.finished(run_id, DEADLINE_S) == "SUCCESS"
    assert isolated.said(run_id) == ["alone"]
    eventually(lambda: of_runs(engine) == [], SHOWN_S, "the container removed")


def started(engine: DockerClient) -> list[Container]:
    found = of_runs(engine)
    return [one for one in found if one.status == "running"]


def assert_harmless(container: Container) -> None:
    host: dict[str, Any] = container.attrs["HostConfig"]
    assert host["Memory"] == host["MemorySwap"] == MEGABYTES << 20
    assert host["PidsLimit"] == 256
    assert (host["ReadonlyRootfs"], host["CapDrop"], host["Privileged"]) == (True, ["ALL"], False)
    assert not [mount for mount in container.attrs["Mounts"] if "docker.sock" in mount["Source"]]
    assert not [mount for mount in container.attrs["Mounts"] if mount["Destination"].endswith(".sock")]


def test_only_the_gate_sees_the_engine(isolated: EditedLab, engine: DockerClient) -> None:
    found = engine.containers.list(filters={"label": f"{containers.LAB}={STACK}"})
    mounting = {
        one.labels[containers.SERVICE]
        for one in found
        if any(mount["Destination"].endswith(".sock") for mount in one.attrs["Mounts"])
    }
    assert mounting == {"run-gate"}
    (gate,) = (one for one in found if one.labels[containers.SERVICE] == "run-gate")
    assert set(containers.addresses(gate)) == {"runs"}
    beside = {one.labels[containers.SERVICE] for one in found if "runs" in containers.addresses(one)}
    assert beside == {"run-gate", "dagster-daemon"}


# What Python is refused is a MemoryError; memory to share counts for the container only, so the kernel kills.
REFUSED = "held = []\n        while True: held.append(bytes(4096))"
KILLED = (
    f"import mmap\n        held = mmap.mmap(-1, {2 * MEGABYTES} << 20)\n        while True: held.write(bytes(1 << 20))"
)


@pytest.mark.parametrize(
    ("eating", "reason", "end"),
    [
        (REFUSED, f"needs more than RUN_CONTAINER_MEMORY_MB={MEGABYTES} allows", Status.FAILURE),
        (KILLED, f"needed more than {MEGABYTES} MB", None),
    ],
    ids=["refused by Python", "killed by the kernel"],
)
def test_a_run_that_eats_memory_dies_alone(
    eating: str, reason: str, end: Status | None, isolated: EditedLab, engine: DockerClient
) -> None:
    before = running(engine)
    isolated.edit(WAITING + saying("unharmed"))
    other = isolated.launch()
    eventually(lambda: isolated.lab.run_status(other) == "STARTED", DEADLINE_S, "the other run")

    isolated.edit(eating, governed=True)
    eventually(lambda: isolated.takes("governance"), SHOWN_S, "the governed asset")
    eater = isolated.launch()

    assert isolated.lab.finished(eater, DEADLINE_S) == "FAILURE"
    assert reason in str(isolated.events(eater))
    statuses = [entry.status for entry in isolated.lab.entries_of(eater)]
    assert statuses == [Status.STARTED, *([end] if end else [])]
    assert isolated.lab.run_status(other) == "STARTED"
    (isolated.lab.root / "pipelines" / "go").touch()
    assert isolated.lab.finished(other, DEADLINE_S) == "SUCCESS"
    assert isolated.said(other) == ["unharmed"]
    assert running(engine) == before
    assert isolated.lab.states()[Service.DAGSTER_DAEMON].health == "up"


def test_a_run_can_be_cancelled_and_goes_on_without_its_daemon(isolated: EditedLab, engine: DockerClient) -> None:
    isolated.edit(WAITING + saying("never"))
    run_id = isolated.launch()
    eventually(lambda: isolated.lab.run_status(run_id) == "STARTED", DEADLINE_S, "the run under way")
    containers.of_lab(engine, STACK)[Service.DAGSTER_DAEMON].restart(timeout=30)
    eventually(
        lambda: containers.health(containers.of_lab(engine, STACK)[Service.DAGSTER_DAEMON]) == "healthy", DEADLINE_S
    )
    assert isolated.lab.run_status(run_id) == "STARTED"

    isolated.lab.graphql("mutation($id: String!) {terminateRun(runId: $id) {__typename}}", id=run_id)

    assert isolated.lab.finished(run_id, DEADLINE_S) == "CANCELED"
    eventually(lambda: of_runs(engine) == [], SHOWN_S, "the container removed")


def test_going_back_to_processes_takes_the_gate_away(isolated: EditedLab, engine: DockerClient) -> None:
    lab = isolated.lab
    lab.environ["RUN_ISOLATION"] = "process"
    lab.invoke("up", timeout=900)
    assert not [name for name in containers.everything(engine, STACK) if "run-gate" in name]
    run_id = isolated.launch()
    assert lab.finished(run_id, DEADLINE_S) == "SUCCESS"
