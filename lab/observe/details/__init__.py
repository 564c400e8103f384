"""Where the screen's drill-downs ask: each kind of thing has a source of its own."""

from collections.abc import Callable, Mapping
from typing import Protocol

from lab.base.errors import NotFound
from lab.config import LabConfig
from lab.runtime.runtime import Runtime


class DetailSource(Protocol):
    """Where a drill-down asks; it holds connections while somebody looks at one thing."""

    async def aclose(self) -> None: ...


def open_details(config: LabConfig, runtime: Callable[[], Runtime], kind: str) -> DetailSource:
    """The source for `kind`: services, runs, models, audit, drift or alerts. Raises NotFound for any other."""
    detail_sources: Mapping[str, Callable[[], DetailSource]] = {
        "services": lambda: _logs(runtime),
        "runs": lambda: _runs(config),
        "models": lambda: _versions(config),
        "audit": lambda: _entries(config),
        "drift": lambda: _drift(config),
        "alerts": lambda: _alerts(config, runtime),
    }
    if kind not in detail_sources:
        raise NotFound(f"Nothing more is known of {kind}.")
    return detail_sources[kind]()


def _logs(runtime: Callable[[], Runtime]) -> DetailSource:
    from lab.observe.details.log_source import LogSource

    return LogSource(runtime)


def _versions(config: LabConfig) -> DetailSource:
    from lab.observe.details.version_source import VersionSource
    from lab.observe.remote import login

    return VersionSource(config, login(config))


def _drift(config: LabConfig) -> DetailSource:
    from lab.observe.details.drift_source import DriftSource

    return DriftSource(config)


def _alerts(config: LabConfig, runtime: Callable[[], Runtime]) -> DetailSource:
    from lab.observe.details.alert_source import AlertSource

    return AlertSource(config, runtime)


def _entries(config: LabConfig) -> DetailSource:
    from lab.observe.details.entry_source import EntrySource

    return EntrySource(config)


def _runs(config: LabConfig) -> DetailSource:
    from lab.observe.details.run_source import RunSource
    from lab.observe.remote import login

    return RunSource(config, login(config))
