"""Which runtime a lab has or would get."""

from lab.base.errors import LabError
from lab.config import LabConfig
from lab.runtime.engine import answers, compose_command
from lab.runtime.record import COMPOSE, NATIVE, recorded_runtime


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
