"""Alerts as Prometheus evaluates them, and the targets it scrapes."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Alert:
    """One alert; `state` is `pending` or `firing`, `active_at` epoch seconds."""

    name: str
    state: str
    severity: str
    summary: str
    active_at: float
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Target:
    """One scrape target; `health` is `up`, `down` or `unknown`."""

    job: str
    url: str
    health: str
    error: str = ""
