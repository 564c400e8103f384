"""Alerts as Prometheus evaluates them, and the targets it scrapes."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Alert:
    """One alert; `state` is `pending` or `firing`, `active_at` epoch seconds.

    `value` is what its rule's expression gave, as text; `runbook` where it says what to do.
    """

    name: str
    state: str
    severity: str
    summary: str
    active_at: float
    labels: Mapping[str, str] = field(default_factory=dict)
    value: str = ""
    description: str = ""
    runbook: str = ""


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
