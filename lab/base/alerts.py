"""Alerts as Prometheus evaluates them."""

from collections.abc import Mapping
from dataclasses import dataclass, field

# The name of the alert that always fires, so that its absence tells that the path of alerts is broken.
WATCHDOG = "Watchdog"


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
