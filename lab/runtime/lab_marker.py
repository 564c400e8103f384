"""Which lab a home is of, with which runtime, store and ports: written at its start, so that later commands agree."""

import json
import secrets
from collections.abc import Callable
from pathlib import Path

from lab.base.errors import LabError
from lab.config import LabConfig
from lab.runtime.compose.engine import answers, compose_command
from lab.runtime.layout import Layout, write_private

NATIVE, COMPOSE = "native", "compose"
MINIO, SEAWEEDFS = "minio", "seaweedfs"


def write_mark(config: LabConfig, runtime: str, store: str, known_id: str = "") -> None:
    """Says whose folder LAB_HOME is, how the lab runs and on which ports.

    The id that is in it stays; a lab without one gets `known_id` or, where that is empty, a new random one.
    """
    marker = {
        "id": lab_id(config.home) or known_id or secrets.token_hex(16),
        "name": config.name,
        "env_file": str(config.env_file),
        "port_offset": config.port_offset,
        "runtime": runtime,
        "object_store": store,
    }
    write_private(Layout(config.home).marker, json.dumps(marker))


def lab_id(home: Path) -> str:
    """The id of the lab at `home`; empty where there is none, or one that wasn't brought up since labs have ids."""
    return str(_read(home).get("id", ""))


def recorded_offset(home: Path) -> int | None:
    """PORT_OFFSET of the lab at `home`; None where there is none."""
    found = _read(home).get("port_offset")
    return found if isinstance(found, int) else None


def recorded_runtime(home: Path) -> str:
    """The runtime of the lab at `home`; empty where there is none."""
    known = _read(home)
    # A lab without the word was made before there was a choice.
    return str(known.get("runtime") or NATIVE) if known else ""


def recorded_store(home: Path) -> str:
    """The object store that holds the lab's data; empty where there is none yet."""
    return str(_read(home).get("object_store", ""))


def refuse_other_runtime(config: LabConfig) -> None:
    """Raises LabError when the settings name another runtime than the one that has the lab's data."""
    known = recorded_runtime(config.home)
    if known and config.runtime not in {"auto", known}:
        raise LabError(
            f"The lab {config.name} runs with RUNTIME={known}, and its data is there; {config.runtime} was asked for.",
            f"Set RUNTIME={known}. To move it: `invoke backup`, `invoke nuke`, `invoke up` with "
            f"RUNTIME={config.runtime}, `invoke restore`.",
        )


def refuse_other_ports(config: LabConfig, runs: Callable[[], bool]) -> None:
    """Raises LabError when the lab runs on other ports than the settings name.

    There it would look dead, or like the lab that has these ports.
    """
    recorded = recorded_offset(config.home)
    if recorded is not None and recorded != config.port_offset and runs():
        raise LabError(
            f"This lab runs with PORT_OFFSET={recorded}, the settings say {config.port_offset}.",
            f"Set PORT_OFFSET={recorded} in {config.env_file}, or move the lab with `invoke up`.",
        )


def refuse_other_store(config: LabConfig, store: str) -> None:
    """Raises LabError when the lab's data lies in another store than the one that would be started."""
    known = recorded_store(config.home)
    if known and known != store:
        raise LabError(
            f"The data of the lab {config.name} lies in {known}; {store} was asked for.",
            f"Set OBJECT_STORE={known}. To move it: `invoke backup`, `invoke nuke`, `invoke up` with "
            f"OBJECT_STORE={store}, `invoke restore`.",
        )


def _read(home: Path) -> dict[str, object]:
    try:
        found = json.loads(Layout(home).marker.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def runtime_name(config: LabConfig) -> str:
    """The runtime that the lab has; for a new one what RUNTIME names or, with `auto`, what this machine has."""
    if known := recorded_runtime(config.home):
        return known
    if config.runtime != "auto":
        return config.runtime
    return COMPOSE if _containers_run_here() else NATIVE


def _containers_run_here() -> bool:
    if not answers():
        return False
    try:
        compose_command()
    except LabError:
        return False
    return True
