"""What Prometheus and Alertmanager tell beside the alerts of now: when one fired, silences, targets, samples."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Firing:
    """One time that an alert fired; times are epoch seconds, and it still fires while `resolved_at` is None."""

    name: str
    severity: str
    fired_at: float
    resolved_at: float | None
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class KnownSilence:
    """A silence as Alertmanager lists it: `state` is `active`, `pending` or `expired`, times are epoch seconds.

    `matchers` are as people write them, `alertname="ServiceDown"`.
    """

    id: str
    state: str
    begins_at: float
    ends_at: float
    author: str
    comment: str
    matchers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Target:
    """One scrape target; `health` is `up`, `down` or `unknown`."""

    job: str
    url: str
    health: str
    error: str = ""


@dataclass(frozen=True)
class Series:
    """One series, as a query is answered: epoch seconds, and a value for each, which may be no number or infinite."""

    labels: Mapping[str, str] = field(default_factory=dict)
    times: tuple[float, ...] = ()
    values: tuple[float, ...] = ()
