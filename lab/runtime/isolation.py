"""Runs in containers of their own, as the compose runtime has them: what stack/compose.isolation.yaml is told."""

import os
import sys
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit

from lab.base.errors import LabError
from lab.config import LabConfig
from lab.runtime.compose import engine

CONTAINER = "container"
# The one that starts them, and how the services of their labels begin.
GATE, RUN_PREFIX = "run-gate", "run-"
_INSIDE_A_VM = Path("/var/run/docker.sock")


def wanted(config: LabConfig) -> bool:
    """Whether each run gets a container."""
    return config.run_isolation == CONTAINER


def refuse(config: LabConfig) -> None:
    """Raises LabError where a lab without containers is to isolate runs by them."""
    if wanted(config):
        raise LabError(
            "RUN_ISOLATION=container needs RUNTIME=compose.",
            "Set RUN_ISOLATION=process; RUN_MEMORY_LIMIT_MB bounds a run's memory there, too.",
        )


def compose_files(config: LabConfig) -> Sequence[Path]:
    """The files that Compose merges."""
    stack = config.root / "stack"
    # Without a receiver no container has a way out.
    chosen = {"compose.isolation.yaml": wanted(config), "compose.alerts.yaml": config.alerts.any}
    return [stack / "compose.yaml", *(stack / name for name, there in chosen.items() if there)]


def variables(config: LabConfig, environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The variables of compose.isolation.yaml. Raises LabError for an engine whose socket isn't on this machine."""
    if not wanted(config):
        return {}
    where = urlsplit(engine.address(environ))
    if where.scheme != "unix":
        raise LabError(
            f"RUN_ISOLATION=container needs an engine with a socket on this machine, not {where.geturl()}.",
            "Set RUN_ISOLATION=process.",
        )
    # Elsewhere than on Linux containers live in a virtual machine, where the socket is at its usual place.
    linux = sys.platform == "linux"
    socket = Path(where.path) if linux else _INSIDE_A_VM
    gate = config.root / "stack" / "isolation" / "gate.py"
    return {
        "ENGINE_SOCKET": str(socket),
        "ENGINE_GID": str(socket.stat().st_gid if linux else 0),
        "RUN_CONTAINER_MEMORY_MB": str(config.run_container_memory_mb),
        "GATE_READ": sha256(gate.read_bytes()).hexdigest()[:12],
    }
