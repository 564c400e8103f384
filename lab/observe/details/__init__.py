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
    from lab.observe.details.log_source import LogDesk

    return LogDesk(runtime)


def _versions(config: LabConfig) -> Any:
    from lab.observe.details.version_source import VersionDesk

    return VersionDesk(config)


def _drift(config: LabConfig) -> Any:
    from lab.observe.details.drift_source import DriftDesk

    return DriftDesk(config)


def _alerts(config: LabConfig, runtime: Callable[[], Runtime]) -> Any:
    from lab.observe.details.alert_source import AlertDesk

    return AlertDesk(config, runtime)


def _entries(config: LabConfig) -> Any:
    from lab.observe.details.entry_source import EntryDesk

    return EntryDesk(config)


def _runs(config: LabConfig) -> Any:
    from lab.observe.details.run_source import RunDesk

    return RunDesk(config)
