"""The doctor names what keeps the lab from starting, and what to do about it."""

import json
import os
import resource
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from lab.base.catalogue import LOOPBACK, OFFSET_STEP, Service
from lab.base.errors import LabError
from lab.config import LabConfig
from lab.models import model_folder
from lab.operations.doctor import doctor, doctor_ports
from lab.operations.doctor.doctor import examine
from lab.operations.doctor.doctor_models import examine_models
from lab.operations.doctor.doctor_ports import free_offset
from lab.operations.doctor.finding import Finding, Verdict
from lab.operations.lifecycle import refuse
from lab.runtime.binaries import Resolver
from lab.runtime.native.command_lines import OWNED_BY
from lab.wiring import load_config
from tests.support.contracts import write_model
from tests.support.counting import counting_server, opened_files
from tests.support.ports import ports_at, reserved_offset, reserved_port

Make = Callable[..., LabConfig]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    with reserved_offset() as offset:
        given = {
            "LAB_ENV_FILE": str(tmp_path / "env"),
            "LAB_HOME": str(tmp_path / "home"),
            "PORT_OFFSET": str(offset),
            "RUNTIME": "native",
        }
        yield lambda **environ: load_config({**given, **environ})


def findings(config: LabConfig, binaries: Resolver | None = None) -> dict[str, Finding]:
    """By name; of several with one name the gravest."""
    gravity = [Verdict.OK, Verdict.WARN, Verdict.FAIL]
    found = sorted(examine(config, binaries or Resolver()), key=lambda one: gravity.index(one.verdict))
    return {finding.name: finding for finding in found}


@contextmanager
def listener(address: str, port: int) -> Iterator[None]:
    with closing(socket.socket()) as holder:
        # Connections of a lab that is gone may linger on the port.
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind((address, port))
        holder.listen()
        yield


def test_a_host_with_all_that_is_needed_has_nothing_that_fails(make: Make) -> None:
    config = make()
    found = findings(config)

    assert [one for one in found.values() if one.verdict is Verdict.FAIL] == []
    assert {"python", "ports", "memory", "disk", "lab home", "model", "data set", "postgres", "weed", "docker"} <= set(
        found
    )
    refuse(tuple(found.values()))
    assert not config.home.exists()


@pytest.mark.parametrize(("service", "label"), [(Service.MLFLOW, ""), (Service.OBJECT_STORE, "console")])
def test_a_busy_port_is_named_with_its_service_its_holder_and_a_free_offset(
    make: Make, service: Service, label: str
) -> None:
    config = make()
    port = config.extra_port(service, label) if label else config.port(service)
    with listener(LOOPBACK, port):
        found = findings(config)["ports"]

    assert found.verdict is Verdict.FAIL
    assert f"{port} ({service}" in found.detail
    assert label in found.detail
    assert f"(pid {os.getpid()})" in found.detail
    offset = int(found.remedy.split("PORT_OFFSET=")[1].split()[0])
    assert port not in ports_at(offset)
    assert findings(make(PORT_OFFSET=str(offset)))["ports"].verdict is Verdict.OK


def test_the_port_of_a_service_that_up_will_do_without_may_be_taken(make: Make, tmp_path: Path) -> None:
    config, cache = make(), tmp_path / "cache"
    binaries = Resolver(cache=cache, path="")
    with listener(LOOPBACK, config.port(Service.GRAFANA)):
        before_it_was_tried = findings(config, binaries)["ports"]
        cache.mkdir()
        (cache / "grafana.failed").write_text("no way to get it")
        after_it_failed = findings(config, binaries)["ports"]
    assert before_it_was_tried.verdict is Verdict.FAIL
    assert "(grafana)" in before_it_was_tried.detail
    assert after_it_failed.verdict is Verdict.OK


def test_ports_of_a_lab_that_another_command_is_bringing_up_are_its_own(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[list[psutil.Process]] = [[], [psutil.Process()]]
    for module in (doctor, doctor_ports):
        monkeypatch.setattr(module, "owned", lambda _home: iter(looks.pop(0)))
    config = make()
    with listener(LOOPBACK, config.port(Service.MLFLOW)):
        assert findings(config)["ports"].verdict is Verdict.OK
    assert looks == []


def test_a_port_that_is_bound_on_every_address_is_busy_too(make: Make) -> None:
    config = make()
    with listener("0.0.0.0", config.port(Service.DAGSTER)):
        assert findings(config)["ports"].verdict is Verdict.FAIL


def test_a_machine_without_ssh_keygen_is_warned_of_before_somebody_must_sign(
    make: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    config = make()
    with_it = tmp_path / "ssh-keygen"
    with_it.write_text("#!/bin/sh\n")
    with_it.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert findings(config)["signing"].verdict is Verdict.OK
    with_it.unlink()
    found = findings(config)["signing"]
    assert found.verdict is Verdict.WARN
    assert "openssh-client" in found.remedy


def test_the_ports_of_a_lab_are_named_with_its_home(make: Make, tmp_path: Path) -> None:
    config, home = make(), tmp_path / "neighbour"
    with listening_for(home, config.port(Service.MLFLOW), config.port(Service.DAGSTER)):
        found = findings(config)["ports"]
    ports = f"{config.port(Service.MLFLOW)} (mlflow), {config.port(Service.DAGSTER)} (dagster)"
    assert found.detail == f"taken: {ports} by the lab at {home}"


def test_an_offset_is_offered_that_no_lab_known_here_has_be_it_up_or_down(tmp_path: Path) -> None:
    offered = free_offset()
    home = tmp_path / "neighbour"
    home.mkdir()
    (home / "lab.json").write_text(json.dumps({"port_offset": offered + 2000}))
    # Of its ports, none that counts is open; that it is a lab's process shows where the lab is.
    with reserved_port() as port, listening_for(home, port):
        another = free_offset()
    assert offered % OFFSET_STEP == another % OFFSET_STEP == 0
    assert not {*ports_at(another)} & {*ports_at(offered + 2000)}


@contextmanager
def listening_for(home: Path, *ports: int) -> Iterator[None]:
    """A process of the lab at `home` that listens on these ports."""
    program = (
        "import socket, sys\n"
        "held = [socket.create_server(('127.0.0.1', int(port))) for port in sys.argv[1:]]\n"
        "print('ready', flush=True); sys.stdin.read()"
    )
    argv = [sys.executable, "-c", program, *map(str, ports)]
    with subprocess.Popen(
        argv, env={**os.environ, OWNED_BY: str(home)}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        try:
            yield
        finally:
            process.kill()


def test_a_free_offset_has_every_port_free() -> None:
    for port in ports_at(free_offset()):
        with closing(socket.socket()) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((LOOPBACK, port))


@pytest.mark.parametrize("path", ["absent.csv", "."])
def test_a_missing_data_set_is_named(make: Make, tmp_path: Path, path: str) -> None:
    found = findings(make(DATA_PATH=str(tmp_path / path)))["data set"]

    assert found.verdict is Verdict.FAIL
    assert str(tmp_path) in found.detail
    assert "DATA_PATH" in found.remedy


def test_a_contract_that_is_wrong_is_named_with_its_line(make: Make, tmp_path: Path) -> None:
    contract = tmp_path / "pipelines" / "credit_risk" / "model.yaml"
    contract.parent.mkdir(parents=True)
    contract.write_text("version: 1\nname: 1\n")
    found = findings(replace(make(), root=tmp_path))

    assert found["model"].verdict is Verdict.FAIL
    assert f"{contract}, line 2: name" in found["model"].detail
    assert "data set" not in found


def test_a_second_model_that_is_broken_is_a_warning_and_keeps_nothing_from_starting(make: Make, tmp_path: Path) -> None:
    data = tmp_path / "data.csv"
    data.write_text("months,left\n1,no\n")
    write_model(tmp_path / "pipelines", "fraud", "Fraud", default="true", data=str(data))
    write_model(tmp_path / "pipelines", "broken", text="version: 1\nname: 1\n")
    write_model(tmp_path / "pipelines", "lost", "Lost", data=str(tmp_path / "absent.csv"))
    found = tuple(examine_models(replace(make(), root=tmp_path), whole=True))
    assert [(one.name, one.verdict) for one in found] == [
        ("model", Verdict.WARN),
        ("model", Verdict.OK),
        ("data set", Verdict.OK),
        ("model", Verdict.OK),
        ("data set", Verdict.WARN),
    ]
    assert "broken: " in found[0].detail
    assert "line 2: name" in found[0].detail
    assert "absent.csv" in found[-1].detail
    refuse(found)


def test_a_model_whose_code_does_not_compile_is_a_warning_that_says_where(make: Make, tmp_path: Path) -> None:
    data = tmp_path / "data.csv"
    data.write_text("months,left\n1,no\n")
    write_model(tmp_path / "pipelines", "fraud", "Fraud", default="true", data=str(data))
    (tmp_path / "pipelines" / "fraud" / "train.py").write_text("def fit(frame, parameters, seed):\n    return (\n")
    found = next(examine_models(replace(make(), root=tmp_path), whole=True))
    assert found.verdict is Verdict.WARN
    assert "Fraud can't be trained: " in found.detail
    assert "train.py, line 2: " in found.detail


def test_a_lab_without_any_model_says_how_to_make_one(make: Make, tmp_path: Path) -> None:
    [found] = examine_models(replace(make(), root=tmp_path), whole=True)
    assert (found.verdict, "there is no model" in found.detail) == (Verdict.FAIL, True)
    assert found.remedy


def test_settings_that_others_may_read_are_named(make: Make) -> None:
    path = make().env_file
    assert "settings" not in findings(make())
    path.write_text("LAB_NAME=x\n")
    path.chmod(0o644)
    found = findings(make())["settings"]
    assert (found.verdict, found.remedy) == (Verdict.WARN, f"Type `chmod 600 {path}`.")
    path.chmod(0o600)
    assert findings(make())["settings"].verdict is Verdict.OK


def test_a_home_that_holds_somebodys_files_is_refused(make: Make, tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "thesis.txt").write_text("x")

    found = findings(make())["lab home"]

    assert found.verdict is Verdict.FAIL
    assert "LAB_HOME" in found.remedy


def test_a_home_below_a_file_is_refused(make: Make, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")

    found = findings(make(LAB_HOME=str(tmp_path / "file" / "lab")))["lab home"]

    assert found.verdict is Verdict.FAIL
    assert str(tmp_path / "file") in found.detail


def test_too_little_disk_and_memory_are_named_with_what_is_needed(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "NEEDED_DISK", 1 << 60)
    monkeypatch.setattr(doctor, "NEEDED_MEMORY", 1 << 60)

    found = findings(make())

    for name in ("disk", "memory"):
        assert found[name].verdict is Verdict.FAIL
        assert f"{(1 << 60) >> 30} GB needed" in found[name].detail
        assert found[name].remedy


class Bare(Resolver):
    """A machine on which nothing was installed."""

    def postgres_folder(self) -> Path:
        raise LabError("PostgreSQL's binaries are missing.", "Type `uv sync`.")


def test_missing_binaries_fail_where_they_are_needed_and_warn_where_they_are_not(make: Make, tmp_path: Path) -> None:
    found = findings(make(), Bare(cache=tmp_path / "cache", path=str(tmp_path)))

    assert found["postgres"].verdict is Verdict.FAIL
    assert found["postgres"].remedy == "Type `uv sync`."
    for name in ("prometheus", "alertmanager", "grafana"):
        assert found[name].verdict is Verdict.WARN
        assert found[name].remedy


def test_every_failure_is_in_the_refusal_with_its_remedy() -> None:
    bad = (
        Finding("disk", Verdict.FAIL, "full", "Free some."),
        Finding("grafana", Verdict.WARN, "absent", "Install it."),
        Finding("ports", Verdict.FAIL, "5000 taken", "Set PORT_OFFSET=7."),
    )
    with pytest.raises(LabError) as caught:
        refuse(bad)

    said = str(caught.value)
    assert all(words in said for words in ("disk: full", "Free some.", "5000 taken", "Set PORT_OFFSET=7."))
    assert "grafana" not in said


def test_a_limit_of_open_files_below_what_servers_need_is_said_before_the_start(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = make()
    monkeypatch.setattr(resource, "getrlimit", lambda _: (256, 256))
    found = findings(config)["open files"]
    assert (found.verdict, found.detail) == (Verdict.FAIL, "each process may have 256, 1024 needed")
    assert "ulimit -Hn 1024" in found.remedy
    monkeypatch.setattr(resource, "getrlimit", lambda _: (256, resource.RLIM_INFINITY))
    assert findings(config)["open files"].verdict is Verdict.OK


def test_however_many_ports_the_lab_holds_the_machines_processes_are_looked_at_once(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[str] = []
    look = psutil.net_connections
    monkeypatch.setattr(psutil, "net_connections", lambda kind: looks.append(kind) or look(kind))
    config = make()
    held = [listener(LOOPBACK, config.port(one)) for one in (Service.MLFLOW, Service.DAGSTER, Service.PROMETHEUS)]
    with held[0], held[1], held[2]:
        [found] = doctor_ports.native_ports(config, {os.getpid()}, Resolver())
    assert (found.verdict, looks) == (Verdict.OK, ["tcp"])


def test_before_a_start_nothing_is_asked_and_no_data_are_read_for_each_model(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged: list[Path] = []
    judge = model_folder.parse_contract
    monkeypatch.setattr(
        model_folder, "parse_contract", lambda raw, node, path: (judged.append(path), judge(raw, node, path))[1]
    )
    data = tmp_path / "data.csv"
    data.write_text("months,left\n1,no\n")
    for place in range(7):
        folder = write_model(tmp_path / "pipelines", f"copy_{place}", f"Copy{place}", data=str(data))
        (folder / "pyproject.toml").write_text("")
        (folder / "uv.lock").write_text("")
    write_model(tmp_path / "pipelines", "fraud", "Fraud", default="true", data=str(data))
    config = replace(make(), root=tmp_path)
    with counting_server(config.port(Service.MLFLOW)) as asked, opened_files() as opened:
        found = examine(config, Resolver(), whole=False)
    assert asked == []
    assert (opened["data.csv"], opened["uv.lock"], opened["model.yaml"]) == (1, 0, 8)
    # Judging takes a hundred times as long as reading.
    assert [path.parent.name for path in judged] == ["fraud"]
    assert {one.name for one in found if one.verdict is not Verdict.FAIL} >= {"disk", "lab home", "data set"}
