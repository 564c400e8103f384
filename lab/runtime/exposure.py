"""On which ports of this machine a lab answers."""

from collections.abc import Sequence

import psutil

from lab.config import LabConfig
from lab.runtime import sweep
from lab.runtime.record import COMPOSE, recorded_runtime


def listening(config: LabConfig) -> Sequence[tuple[str, str, int]]:
    """Who, address and TCP port. Raises LabError when the engine doesn't say."""
    if recorded_runtime(config.home) == COMPOSE:
        from lab.runtime.containers import Containers

        found = Containers(config.name).list()
        return [(name, *port) for name, container in found.items() for port in container.ports]
    return [one for process in sweep.owned(config.home) for one in _of_process(process)]


def _of_process(process: psutil.Process) -> Sequence[tuple[str, str, int]]:
    try:
        connections = process.net_connections("inet")
        name = process.name()
    except psutil.Error:
        return ()
    return [(name, one.laddr.ip, one.laddr.port) for one in connections if one.status == psutil.CONN_LISTEN]
