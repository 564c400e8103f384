"""Silencing an alert in Alertmanager for a while."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from lab.base.catalogue import Service
from lab.base.errors import UsageError
from lab.config import LabConfig
from lab.governance.rules.approval_states import checked_reason
from lab.services.alertmanager import Alertmanager
from lab.services.http import Http

if TYPE_CHECKING:
    import httpx

HOURS = 2.0


@dataclass(frozen=True)
class Silence:
    """A silence as Alertmanager keeps it; `until` is when it ends."""

    id: str
    labels: Mapping[str, str]
    until: datetime


async def silence(
    config: LabConfig,
    labels: Mapping[str, str],
    reason: str,
    hours: float = HOURS,
    transport: "httpx.AsyncBaseTransport | None" = None,
) -> Silence:
    """Silences the alert with these labels for `hours`, in the name of the lab's actor. Raises LabError."""
    if not labels.get("alertname"):
        raise UsageError("This is no alert: it has no name.", "Choose an alert in the panel of drift and alerts.")
    begin = datetime.now(UTC)
    end = begin + timedelta(hours=hours)
    login = ("admin", config.secrets.alertmanager)
    alertmanager = Alertmanager(Http.to(Service.ALERTMANAGER, config.url(Service.ALERTMANAGER), 5.0, transport, login))
    try:
        found = await alertmanager.silence(labels, begin, end, config.actor.owner, checked_reason(reason))
    finally:
        await alertmanager.aclose()
    return Silence(found, labels, end)
