"""Which labs of this machine show, by their processes' mark and their containers' labels; and who listens on a port."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from lab.base.errors import LabError
from lab.config import LabConfig
from lab.runtime.compose import engine
from lab.runtime.compose.containers import LAB_LABEL, QUICK_S, Containers, understood
from lab.runtime.compose.ownership import home_of
from lab.runtime.lab_marker import COMPOSE, recorded_runtime
from lab.runtime.native import orphan_processes
from lab.runtime.native.orphan_processes import home_of_process

if TYPE_CHECKING:
    from docker import DockerClient


def listening(config: LabConfig) -> Sequence[tuple[str, str, int]]:
    """What listens of this lab: who, address and TCP port. Raises LabError when the engine doesn't say."""
    if recorded_runtime(config.home) == COMPOSE:
        found = Containers(config.name).list()
        return [(name, *port) for name, container in found.items() for port in container.ports]
    return [one for process in orphan_processes.owned(config.home) for one in _of_process(process)]


def _of_process(process: psutil.Process) -> Sequence[tuple[str, str, int]]:
    try:
        connections = process.net_connections("inet")
        name = process.name()
    except psutil.Error:
        return ()
    return [(name, one.laddr.ip, one.laddr.port) for one in connections if one.status == psutil.CONN_LISTEN]


def home_at(port: int) -> Path | None:
    """The home of the lab that listens on `port` here; None where no lab does, or it is another user's."""
    for process in listeners(port):
        if home := home_of_process(process):
            return home
    return next((home_of(row["Labels"]) for row in _containers() if port in _published(row)), None)


def homes() -> set[Path]:
    """Of every lab that runs here, or that has containers."""
    running = (home_of_process(process) for process in psutil.process_iter())
    return {home for home in (*running, *(home_of(row["Labels"]) for row in _containers())) if home}


def listeners(port: int) -> Iterator[psutil.Process]:
    """The processes that listen on `port` here, as far as this user may know."""
    for pid in sorted(listening_pids().get(port, ())):
        with suppress(psutil.Error):
            yield psutil.Process(pid)


def listening_pids() -> dict[int, set[int]]:
    """Who listens here, by port, as far as this user may know. One look at every open file of every process."""
    found: dict[int, set[int]] = {}
    with suppress(psutil.Error):
        for one in psutil.net_connections("tcp"):
            if one.status == psutil.CONN_LISTEN and one.laddr and one.pid:
                found.setdefault(one.laddr.port, set()).add(one.pid)
    return found


def _containers() -> list[Any]:
    """Every lab's, as the engine lists them; none where there is no engine."""
    if not engine.answers():
        return []
    try:
        client: DockerClient = engine.engine(QUICK_S)
        with understood("listing containers"):
            return list(client.api.containers(all=True, filters={"label": [LAB_LABEL]}))
    except LabError:
        return []


def _published(row: Any) -> set[int]:
    return {int(one["PublicPort"]) for one in row["Ports"] if one.get("PublicPort")}
