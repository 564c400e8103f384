"""What a container of the lab can't do, tried from inside each: be root, write, reach another tier, find a secret."""

import base64
import re
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import psutil
import pytest
from docker import DockerClient
from docker.models.containers import Container

from lab.base.catalogue import BY_NAME, LOOPBACK, Service
from tests.support import containers
from tests.support.containers import Target
from tests.support.lab import LiveLab

pytestmark = [pytest.mark.compose, pytest.mark.timeout(900)]

T, R = TypeVar("T"), TypeVar("R")

_S = Service
# Who may speak to whom: a container reaches those with which it shares a tier, and nobody else.
TIERS: Mapping[str, set[Service]] = {
    "database": {_S.POSTGRES, _S.MLFLOW, _S.DAGSTER_CODE, _S.DAGSTER, _S.DAGSTER_DAEMON, _S.DAGSTER_METRICS},
    "storage": {
        *(_S.OBJECT_STORE, _S.MLFLOW, _S.DAGSTER_DAEMON),
        *(_S.DRIFT_MONITOR, _S.GOVERNANCE_METRICS, _S.PROMETHEUS),
    },
    "tracking": {_S.MLFLOW, _S.DAGSTER_DAEMON, _S.GOVERNANCE_METRICS, _S.PROMETHEUS},
    "code": {_S.DAGSTER_CODE, _S.DAGSTER, _S.DAGSTER_DAEMON},
    "orchestration": {_S.DAGSTER, _S.DAGSTER_METRICS},
    "monitoring": {
        *(_S.PROMETHEUS, _S.ALERTMANAGER, _S.GRAFANA),
        *(_S.DRIFT_MONITOR, _S.DAGSTER_METRICS, _S.GOVERNANCE_METRICS),
    },
}
# Of those that a user's browser or command line speaks to; containers can't reach each other there.
EDGE = "edge"
SILENT = {_S.DAGSTER_CODE, _S.DAGSTER_DAEMON}
EXPORTERS = {_S.DRIFT_MONITOR, _S.DAGSTER_METRICS, _S.GOVERNANCE_METRICS}


@pytest.fixture(scope="module")
def running(stack: LiveLab, engine: DockerClient) -> dict[Service, Container]:
    found = containers.of_lab(engine, stack.config.name)
    assert set(found) >= {name for name, spec in BY_NAME.items() if not spec.optional}
    return found


@pytest.fixture(scope="module")
def image(stack: LiveLab) -> str:
    """An image with Python in it."""
    return f"mlops-lab/exporters:{stack.config.name}"


def at_once(ask: Callable[[T], R], subjects: Iterable[T]) -> list[R]:
    """The answers, in order: nearly all time of a connection that isn't allowed goes by waiting for its end."""
    with ThreadPoolExecutor(6) as pool:
        return list(pool.map(ask, subjects))


def status(container: Container) -> list[dict[str, str]]:
    """/proc/<pid>/status of every process in the container."""
    output = containers.told(container, "sh", "-c", "cat /proc/[0-9]*/status")
    assert "Name:" in output, f"{container.name}: {output}"
    blocks = re.split(r"(?m)^(?=Name:)", output)[1:]
    return [dict(re.findall(r"(?m)^(\w+):\s*(.*)$", block)) for block in blocks]


def test_no_process_is_root_or_could_become_it(running: dict[Service, Container]) -> None:
    for service, container in running.items():
        found = status(container)
        assert len(found) >= 2, service
        for process in found:
            who = f"{process['Name']} of {service}"
            assert "0" not in process["Uid"].split(), who
            assert "0" not in process["Gid"].split(), who
            for kind in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
                assert int(process[kind], 16) == 0, f"{kind} of {who}"
            assert process["NoNewPrivs"] == "1", who
            assert process["Seccomp"] == "2", who


def test_the_root_file_system_cannot_be_written(running: dict[Service, Container]) -> None:
    for service, container in running.items():
        for folder in ("", "/usr/bin", "/etc", "/var/lib"):
            output = containers.told(container, "sh", "-c", f": > {folder}/probe && echo written")
            assert re.search(r"[Rr]ead-only file system", output), f"{service} {folder}: {output}"


def test_what_can_be_written_is_a_volume_a_folder_of_the_lab_or_memory(running: dict[Service, Container]) -> None:
    for service, container in running.items():
        mounts = containers.told(container, "cat", "/proc/mounts").splitlines()
        writable = {
            line.split()[1]
            for line in mounts
            if "rw" in line.split()[3].split(",") and not line.split()[1].startswith(("/proc", "/dev", "/sys"))
        }
        attrs = container.attrs
        known = {mount["Destination"] for mount in attrs["Mounts"] if mount["RW"]}
        # /var/run is a link to /run.
        known |= {place.replace("/var/run/", "/run/") for place in attrs["HostConfig"]["Tmpfs"]}
        assert writable <= known, service
        sources = [Path(mount["Source"]) for mount in attrs["Mounts"] if mount["RW"] and mount["Type"] == "bind"]
        assert all(source.name in {"journal", "witness"} for source in sources), sources
        assert not [mount for mount in attrs["Mounts"] if "docker.sock" in mount["Source"]], service


def test_every_container_has_limits_and_an_init(running: dict[Service, Container]) -> None:
    for service, container in running.items():
        limits = container.attrs["HostConfig"]
        assert limits["Memory"] > 0, service
        assert limits["MemorySwap"] == limits["Memory"], service
        assert limits["NanoCpus"] > 0, service
        assert limits["PidsLimit"] > 0, service
        assert limits["Init"], service
        assert not limits["Privileged"], service
        assert limits["LogConfig"]["Config"].get("max-size"), service
        assert not any(limits[name] for name in ("PidMode", "UTSMode", "Devices", "CapAdd")), service
        assert limits["IpcMode"] in {"private", "shareable"}, service


def test_each_container_is_in_its_tiers_only(running: dict[Service, Container]) -> None:
    for service, container in running.items():
        expected = {tier for tier, members in TIERS.items() if service in members}
        expected |= set() if service in SILENT else {EDGE}
        assert set(containers.addresses(container)) == expected, service


def test_a_container_reaches_its_tiers_and_nobody_else(
    running: dict[Service, Container], engine: DockerClient, image: str
) -> None:
    where = {service: containers.addresses(container) for service, container in running.items()}
    heard = at_once(lambda container: containers.listening(engine, container, image), running.values())
    ports = dict(zip(running, heard, strict=True))
    assert ports[Service.POSTGRES] == [BY_NAME[Service.POSTGRES].port]
    assert all(ports[service] for service in running if service is not Service.DAGSTER_DAEMON)

    def reaches_what_it_may(service: Service) -> None:
        allowed: set[Target] = set()
        others: set[Target] = set()
        for peer in set(running) - {service}:
            for network, address in where[peer].items():
                shared = network in where[service] and network != EDGE
                (allowed if shared else others).update((address, port) for port in ports[peer])
        found = containers.reached(engine, running[service], image, allowed | others)
        assert found == allowed, f"{service}: too much {found - allowed}, too little {allowed - found}"

    at_once(reaches_what_it_may, running)


def test_exporters_reach_neither_postgres_nor_each_others_sources(
    running: dict[Service, Container], engine: DockerClient, image: str
) -> None:
    """Said apart from the table of tiers, which could be changed for both sides at once."""
    postgres = {(address, 5432) for address in containers.addresses(running[Service.POSTGRES]).values()}
    store = {(address, 9000) for address in containers.addresses(running[Service.OBJECT_STORE]).values()}

    def reaches_postgres(service: Service) -> set[Target]:
        return containers.reached(engine, running[service], image, postgres)

    # One asks whether it takes connections, as `pg_isready` does, and knows no password.
    others = [service for service in EXPORTERS if service is not Service.DAGSTER_METRICS]
    assert not any(at_once(reaches_postgres, others))
    assert reaches_postgres(Service.DAGSTER_METRICS)
    assert not containers.reached(engine, running[Service.DAGSTER_METRICS], image, store)
    assert containers.reached(engine, running[Service.MLFLOW], image, postgres)


def test_no_container_reaches_the_published_ports_or_what_lies_outside(
    running: dict[Service, Container], engine: DockerClient, image: str
) -> None:
    gateways = {
        one["Gateway"]
        for container in running.values()
        for one in container.attrs["NetworkSettings"]["Networks"].values()
        if one["Gateway"]
    }
    published = {
        int(binding["HostPort"])
        for container in running.values()
        for bindings in (container.attrs["HostConfig"]["PortBindings"] or {}).values()
        for binding in bindings
    }
    assert gateways
    assert published
    targets = {(gateway, port) for gateway in gateways for port in published} | outside_targets()
    reached = at_once(lambda container: containers.reached(engine, container, image, targets), running.values())
    assert not any(reached), dict(zip(running, reached, strict=True))


@pytest.fixture
def listening_here() -> Iterator[set[Target]]:
    """Something on this machine that isn't bound to loopback, at each address that the machine has."""
    with socket.create_server(("0.0.0.0", 0)) as server:
        port = server.getsockname()[1]
        own = [one.address for each in psutil.net_if_addrs().values() for one in each if one.family == socket.AF_INET]
        yield {(address, port) for address in own if address != LOOPBACK}


def test_what_listens_on_this_machine_is_reached_by_nobody_who_is_not_published(
    running: dict[Service, Container], engine: DockerClient, image: str, listening_here: set[Target]
) -> None:
    """Runs are processes of the daemon: code of the pipeline must not reach what the machine offers to its network."""
    silent = [container for service, container in running.items() if service in SILENT]
    gateways = {
        (one["Gateway"], port)
        for container in running.values()
        for one in container.attrs["NetworkSettings"]["Networks"].values()
        for _, port in listening_here
        if one["Gateway"]
    }
    assert len(silent) == len(SILENT)
    targets = listening_here | gateways
    reached = at_once(lambda container: containers.reached(engine, container, image, targets), silent)
    assert not any(reached), reached
    # The others do, by `edge`: docs/compose.md and the threat model say so.
    assert containers.reached(engine, running[Service.POSTGRES], image, targets)


def outside_targets() -> set[Target]:
    """What this machine reaches beyond itself: its name servers, as a rule."""
    lines = Path("/etc/resolv.conf").read_text().splitlines()
    servers = [line.split()[1] for line in lines if line.startswith("nameserver ")]
    found = set()
    for server in servers:
        if server.startswith("127.") or server == "::1":
            continue
        try:
            socket.create_connection((server, 53), 3).close()
            found.add((server, 53))
        except OSError:
            continue
    return found


def test_published_ports_are_on_loopback_only(stack: LiveLab, running: dict[Service, Container]) -> None:
    seen: set[int] = set()
    for service, container in running.items():
        for bindings in (container.attrs["HostConfig"]["PortBindings"] or {}).values():
            for binding in bindings:
                assert binding["HostIp"] == LOOPBACK, service
                seen.add(int(binding["HostPort"]))
        documented = set(BY_NAME[service].ports(stack.config.port_offset).values())
        assert service in SILENT or seen & documented, service
    listening = [one.laddr for one in psutil.net_connections("inet") if one.status == psutil.CONN_LISTEN]
    assert {address.ip for address in listening if address.port in seen} == {LOOPBACK}


def test_no_secret_is_in_what_inspecting_shows(
    stack: LiveLab, running: dict[Service, Container], engine: DockerClient
) -> None:
    label = {"label": f"{containers.LAB}={stack.config.name}"}
    images = [image for image in engine.images.list() if any(t.endswith(f":{stack.config.name}") for t in image.tags)]
    assert len(images) >= 3
    shown = containers.texts(
        [
            *engine.containers.list(all=True, filters=label),
            *engine.networks.list(filters=label),
            *engine.volumes.list(filters=label),
            *images,
        ]
    )
    shown += "".join(str(image.history()) for image in images)
    assert "/run/secrets/" in shown
    for name, secret in vars(stack.config.secrets).items():
        assert secret not in shown, name
        assert base64.b64encode(secret.encode()).decode() not in shown, name


def test_no_secret_is_in_a_process_environment_or_command_line(
    stack: LiveLab, running: dict[Service, Container]
) -> None:
    secrets = vars(stack.config.secrets)
    for service, container in running.items():
        script = "cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline | tr '\\0' '\\n'"
        output = containers.told(container, "sh", "-c", script)
        assert not [name for name, secret in secrets.items() if secret in output], service


def test_a_secret_is_readable_only_where_it_is_needed(running: dict[Service, Container]) -> None:
    for service, container in running.items():
        listed = containers.told(container, "sh", "-c", "ls /run/secrets 2>/dev/null; echo .").split()[:-1]
        allowed = {
            Service.POSTGRES: {"postgres-password", "pgpass-check"},
            Service.MLFLOW: {"pgpass-mlflow", "s3-mlflow"},
            Service.DAGSTER_CODE: {"pgpass-dagster"},
            Service.DAGSTER: {"pgpass-dagster"},
            Service.DAGSTER_DAEMON: {"pgpass-dagster", "s3-pipeline"},
            Service.DRIFT_MONITOR: {"s3-reader"},
            Service.GOVERNANCE_METRICS: {"s3-reader"},
            Service.DAGSTER_METRICS: set(),
            Service.PROMETHEUS: {"alertmanager-password"},
            Service.GRAFANA: {"grafana-password", "grafana-secret-key"},
            Service.ALERTMANAGER: {
                "alertmanager-config",
                "alertmanager-web",
                "alertmanager-password",
                "alertmanager-check",
            },
        }
        if service in allowed:
            assert set(listed) == allowed[service], service
        else:
            assert all("seaweedfs" in name or "minio" in name for name in listed), listed
