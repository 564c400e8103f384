"""What the native runtime does to folders and sockets, without starting a server."""

import json
import os
import shutil
import socket
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from lab import wiring
from lab.base.catalogue import CATALOGUE, NEVER_STARTED, Service, stop_order
from lab.base.errors import LabError
from lab.config import LabConfig
from lab.governance.rules.policy import Environment
from lab.operations.deployment.saved_plan import Workplace
from lab.runtime.binaries import Resolver
from lab.runtime.lab_marker import write_mark
from lab.runtime.layout import Layout
from lab.runtime.native.command_lines import Command
from lab.runtime.native.native_runtime import NativeRuntime
from lab.runtime.native.programs import plan, write_programs
from lab.runtime.native.service_files import (
    empty_scratch,
    is_strangers,
    refuse_foreign,
    remove_dead_sockets,
)
from lab.runtime.native.supervisor import ProgramState, SupervisorHangs
from tests.support.ports import reserved_offset

notes: list[str] = []


@pytest.fixture
def config(tmp_path: Path) -> Iterator[LabConfig]:
    with reserved_offset() as offset:
        environ = {"LAB_ENV_FILE": str(tmp_path / "env"), "LAB_HOME": str(tmp_path / "home")}
        yield wiring.load_config({**environ, "PORT_OFFSET": str(offset)})


@pytest.fixture
def runtime(config: LabConfig, tmp_path: Path) -> NativeRuntime:
    return NativeRuntime(config, Resolver(cache=tmp_path / "cache"))


def made_by_a_lab(config: LabConfig) -> None:
    (config.home / "logs").mkdir(parents=True)
    (config.home / "logs" / "mlflow.log").write_text("x")
    Layout(config.home).marker.write_text(json.dumps({"name": config.name}))


def test_nuke_removes_a_labs_folder(runtime: NativeRuntime, config: LabConfig) -> None:
    made_by_a_lab(config)

    runtime.nuke(notes.append)

    assert not config.home.exists()


def test_a_nuke_that_was_interrupted_can_be_repeated(
    runtime: NativeRuntime, config: LabConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    made_by_a_lab(config)
    for name in ("a", "b", "c", "zz"):
        (config.home / name).mkdir()
    removed: list[Path] = []
    real = shutil.rmtree

    def remove(path: Path, **options: Any) -> None:
        if len(removed) == 2:
            raise KeyboardInterrupt
        removed.append(path)
        real(path, **options)

    monkeypatch.setattr(shutil, "rmtree", remove)
    with pytest.raises(KeyboardInterrupt):
        runtime.nuke(lambda _: None)
    assert config.home.exists()
    monkeypatch.undo()
    runtime.nuke(lambda _: None)
    assert not config.home.exists()


def test_nuke_of_a_lab_that_never_was_does_nothing(runtime: NativeRuntime, config: LabConfig) -> None:
    runtime.nuke(notes.append)

    assert not config.home.exists()


@pytest.mark.parametrize("action", ["nuke", "prepare"])
def test_a_folder_with_somebodys_files_is_never_taken_for_a_labs(
    runtime: NativeRuntime, config: LabConfig, action: str
) -> None:
    config.home.mkdir()
    (config.home / "thesis.txt").write_text("years of work")

    with pytest.raises(LabError, match="is not a lab's folder") as caught:
        getattr(runtime, action)(notes.append)

    assert caught.value.remedy
    assert [path.name for path in config.home.iterdir()] == ["thesis.txt"]
    assert (config.home / "thesis.txt").read_text() == "years of work"


def test_a_file_where_the_labs_folder_should_be_is_left_alone(runtime: NativeRuntime, config: LabConfig) -> None:
    config.home.write_text("not a folder")

    with pytest.raises(LabError, match="is not a lab's folder"):
        runtime.nuke(notes.append)

    assert config.home.read_text() == "not a folder"


@pytest.mark.parametrize("left", [[], ["lab.json.part"], ["lab.json", "anything"], ["env"]])
def test_what_an_interrupted_start_leaves_is_the_labs(config: LabConfig, left: list[str]) -> None:
    config.home.mkdir()
    for name in left:
        (config.home / name).write_text("")

    assert not is_strangers(config)


def test_a_home_in_which_a_deployment_was_only_looked_at_may_become_a_labs(config: LabConfig) -> None:
    with Workplace.of(config, Environment.DEV).held(notes.append):
        pass

    assert not is_strangers(config)
    assert config.home.stat().st_mode & 0o777 == 0o700


def test_scratch_is_emptied(config: LabConfig) -> None:
    layout = Layout(config.home)
    (layout.scratch / "tmpabc").mkdir(parents=True)
    (layout.scratch / "tmpabc" / "data.csv").write_text("x")

    empty_scratch(layout)

    assert list(layout.scratch.iterdir()) == []
    assert layout.scratch.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o722])
def test_a_folder_for_sockets_that_others_may_write_to_is_refused(tmp_path: Path, mode: int) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run").chmod(mode)

    with pytest.raises(LabError, match="others may write"):
        refuse_foreign(tmp_path / "run")


def test_a_folder_for_sockets_that_is_only_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir(mode=0o700)
    (tmp_path / "run").symlink_to(tmp_path / "mine")

    with pytest.raises(LabError, match="somebody else"):
        refuse_foreign(tmp_path / "run")
    refuse_foreign(tmp_path / "mine")


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a folder away")
def test_a_folder_for_sockets_of_another_user_is_refused(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir(mode=0o700)
    os.chown(tmp_path / "run", 12_345, 12_345)

    with pytest.raises(LabError, match="somebody else"):
        refuse_foreign(tmp_path / "run")


def test_only_sockets_that_nobody_listens_on_are_removed(config: LabConfig) -> None:
    dead = Path(f"/tmp/seaweedfs-s3-grpc-{config.extra_port(Service.OBJECT_STORE, 's3-grpc')}.sock")
    alive = Path(f"/tmp/seaweedfs-filer-grpc-{config.extra_port(Service.OBJECT_STORE, 'filer-grpc')}.sock")
    try:
        with closing(socket.socket(socket.AF_UNIX)) as killed, closing(socket.socket(socket.AF_UNIX)) as server:
            killed.bind(str(dead))
            server.bind(str(alive))
            server.listen()
            killed.close()

            remove_dead_sockets(config)

            assert not dead.exists()
            assert alive.exists()
    finally:
        for path in (dead, alive):
            path.unlink(missing_ok=True)


def test_services_stop_before_what_they_need() -> None:
    waves = stop_order()
    place = {service: number for number, wave in enumerate(waves) for service in wave}

    assert set(place) == set(Service)
    for spec in CATALOGUE:
        for needed in spec.needs:
            assert place[spec.name] < place[needed]


def test_of_a_lab_whose_supervisor_hangs_nothing_is_said(
    runtime: NativeRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hang() -> None:
        raise SupervisorHangs("supervisord doesn't answer.")

    monkeypatch.setattr(runtime._supervisor, "states", hang)
    with pytest.raises(SupervisorHangs):
        runtime.facts()


def test_facts_of_a_lab_that_is_down_say_so(runtime: NativeRuntime) -> None:
    facts = runtime.facts()

    assert set(facts) == set(Service)
    assert {fact.state for fact in facts.values()} <= {"stopped", "absent"}
    assert facts[Service.MLFLOW].remedy == "Type `invoke up`."
    assert facts[Service.GRAFANA].reason


def test_memory_is_read_only_where_it_is_asked_for(runtime: NativeRuntime, monkeypatch: pytest.MonkeyPatch) -> None:
    running = ProgramState("mlflow", "RUNNING", os.getpid(), time.time(), "")
    monkeypatch.setattr(runtime._supervisor, "states", lambda: {"mlflow": running})
    fact = runtime.facts()[Service.MLFLOW]
    assert (fact.pid, fact.memory_bytes, fact.cpu_s) == (os.getpid(), None, None)
    fact = runtime.facts(measured=True)[Service.MLFLOW]
    assert fact.memory_bytes
    assert fact.cpu_s


@pytest.mark.parametrize(
    ("state", "message", "said"),
    [
        ("BACKOFF", "Exited too quickly (process log may have details)", "ends right after each start"),
        ("FATAL", "Exited too quickly (process log may have details)", "given up: it ended right after each start"),
        ("FATAL", "can't find command 'mlflow'", "fatal: can't find command 'mlflow'"),
    ],
)
def test_a_program_that_will_not_stay_is_told_in_words(
    runtime: NativeRuntime, monkeypatch: pytest.MonkeyPatch, state: str, message: str, said: str
) -> None:
    monkeypatch.setattr(
        runtime._supervisor, "states", lambda: {"mlflow": ProgramState("mlflow", state, None, None, message)}
    )
    fact = runtime.facts()[Service.MLFLOW]
    assert (fact.state, fact.reason) == ("failed", said)


def test_down_of_a_lab_that_is_down_is_false(runtime: NativeRuntime) -> None:
    assert runtime.down(notes.append) is False


def test_facts_tell_who_took_the_lab_down(runtime: NativeRuntime, config: LabConfig) -> None:
    config.home.mkdir(parents=True)
    write_mark(config, "native", "seaweedfs")
    runtime.down(notes.append, "ada@example.com")
    facts = runtime.facts()
    assert facts[Service.MLFLOW].reason.startswith("taken down by ada@example.com at ")
    assert facts[Service.MLFLOW].deliberate
    assert facts[Service.GRAFANA].state == "absent"


def test_a_lab_that_is_down_has_nothing_that_would_restart(runtime: NativeRuntime, config: LabConfig) -> None:
    assert runtime.changes() == {}
    assert not config.home.exists()


def test_what_would_restart_is_what_runs_and_was_started_otherwise(
    runtime: NativeRuntime, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def state(name: str, pid: int | None) -> ProgramState:
        return ProgramState(name, "RUNNING" if pid else "STOPPED", pid, None, "")

    one = Command(["/x"], {"A": "1"}, tmp_path)
    plans = [plan(service, one, (), runtime.layout) for service in (Service.MLFLOW, Service.DAGSTER, Service.POSTGRES)]
    write_programs(plans, runtime.layout)
    other = Command(["/x"], {"A": "2"}, tmp_path)
    changed = [plan(service, other, (), runtime.layout) for service in (Service.MLFLOW, Service.DAGSTER)]
    known = {"mlflow": 1, "dagster": None, "postgres": 2, "grafana": 3, "a-service-of-old": 4}
    monkeypatch.setattr(runtime, "running", lambda: True)
    monkeypatch.setattr(runtime, "_tools", lambda _: None)
    monkeypatch.setattr(runtime, "_inputs", tuple)
    monkeypatch.setattr(runtime, "_plans", lambda *_: [*changed, plans[2]])
    monkeypatch.setattr(runtime._supervisor, "states", lambda: {name: state(name, pid) for name, pid in known.items()})

    assert runtime.changes() == {Service.MLFLOW: ("variable A",), Service.GRAFANA: ("program (it is gone)",)}


def test_a_service_that_a_person_stopped_is_told_from_one_that_failed(
    runtime: NativeRuntime, config: LabConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    states = {name: ProgramState(name, "STOPPED", None, None, "Nov 23 02:03 PM") for name in ("mlflow", "postgres")}
    config.home.mkdir(parents=True)
    monkeypatch.setattr(runtime._supervisor, "states", lambda: states)
    monkeypatch.setattr(runtime._supervisor, "stop", lambda *_: None)
    monkeypatch.setattr(runtime._supervisor, "start", lambda _: None)
    runtime.halt(Service.MLFLOW, "ada@example.com", notes.append)
    facts = runtime.facts()
    assert facts[Service.MLFLOW].deliberate
    assert facts[Service.MLFLOW].reason.startswith("stopped by ada@example.com at ")
    assert not facts[Service.POSTGRES].deliberate

    # A lab that is down is down as a whole.
    monkeypatch.setattr(runtime._supervisor, "states", dict)
    assert runtime.facts()[Service.MLFLOW].reason == NEVER_STARTED
    (config.home / "lab.json").write_text("{}")
    assert runtime.facts()[Service.MLFLOW].reason == "the lab is down"
    monkeypatch.setattr(runtime._supervisor, "states", lambda: states)
    runtime.start(Service.MLFLOW)
    assert not runtime.facts()[Service.MLFLOW].deliberate
