"""What fired lately and what of it was resolved, as Prometheus remembers it: the inbox of a lab without receivers."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from lab.base.catalogue import Service
from lab.base.monitoring import Firing
from lab.config import LabConfig
from lab.services.http import Http
from lab.services.prometheus import Prometheus

if TYPE_CHECKING:
    import httpx

_TIMEOUT_S = 15.0


async def alert_history(
    config: LabConfig,
    hours: float,
    transport: "httpx.AsyncBaseTransport | None" = None,
    clock: Callable[[], float] = time.time,
) -> tuple[Firing, ...]:
    """Every alert that fired within the last `hours`, the newest first. Raises ServiceUnavailable."""
    prometheus = Prometheus(Http.to(Service.PROMETHEUS, config.url(Service.PROMETHEUS), _TIMEOUT_S, transport))
    try:
        now = clock()
        return await prometheus.firings(now - hours * 3600, now)
    finally:
        await prometheus.aclose()
