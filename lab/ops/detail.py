"""Where the screen's drill-downs ask: each kind of thing has a desk of its own, opened while somebody looks at one."""

from collections.abc import Callable, Mapping
from typing import Any

from lab.base.errors import NotFound
from lab.config import LabConfig
from lab.runtime.runtime import Runtime


def open_desk(config: LabConfig, runtime: Callable[[], Runtime], kind: str) -> Any:
    """The desk for `kind`: services, runs, models, audit, drift or alerts. Raises NotFound for any other."""
    desks: Mapping[str, Callable[[], Any]] = {
        "services": lambda: _logs(runtime),
        "runs": lambda: _runs(config),
        "models": lambda: _versions(config),
        "audit": lambda: _entries(config),
        "drift": lambda: _drift(config),
        "alerts": lambda: _alerts(config, runtime),
    }
    if kind not in desks:
        raise NotFound(f"Nothing more is known of {kind}.")
    return desks[kind]()


def _logs(runtime: Callable[[], Runtime]) -> Any:
    from lab.ops.detail_logs import LogDesk

    return LogDesk(runtime)


def _versions(config: LabConfig) -> Any:
    from lab.ops.detail_version import VersionDesk

    return VersionDesk(config)


def _drift(config: LabConfig) -> Any:
    from lab.ops.detail_drift import DriftDesk

    return DriftDesk(config)


def _alerts(config: LabConfig, runtime: Callable[[], Runtime]) -> Any:
    from lab.ops.detail_alert import AlertDesk

    return AlertDesk(config, runtime)


def _entries(config: LabConfig) -> Any:
    from lab.ops.detail_entry import EntryDesk

    return EntryDesk(config)


def _runs(config: LabConfig) -> Any:
    from lab.ops.detail_run import RunDesk

    return RunDesk(config)
