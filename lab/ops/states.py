"""One service's state, out of what is known of its process and what its probe found."""

from lab.core.config import LabConfig
from lab.core.processes import ProcessFact
from lab.core.services import BY_NAME, Service
from lab.core.snapshot import Health, ServiceState
from lab.ops.probes import ProbeResult

# Until then a process that doesn't answer is starting, not down.
_YOUNG_S = 30.0


def service_state(
    config: LabConfig, service: Service, fact: ProcessFact | None, result: ProbeResult | None
) -> ServiceState:
    """One service, from its process (None when nothing is known of it) and its probe (None when it wasn't asked)."""
    spec = BY_NAME[service]
    health, reason, remedy = _verdict(fact, result)
    return ServiceState(
        name=service,
        title=spec.title,
        health=health,
        url=config.url(service),
        reason=reason,
        remedy=remedy,
        latency_s=result.latency_s if result else None,
        uptime_s=fact.uptime_s if fact else None,
        restarts=fact.restarts if fact else None,
        memory_bytes=fact.memory_bytes if fact else None,
        pid=fact.pid if fact else None,
        optional=spec.optional,
    )


def _verdict(fact: ProcessFact | None, result: ProbeResult | None) -> tuple[Health, str, str]:
    if fact and fact.state == "absent" and (result is None or result.health is Health.DOWN):
        return Health.ABSENT, fact.reason or "not installed", fact.remedy
    if result is None:
        return Health.DOWN, (fact.reason if fact else "") or "not asked yet", (fact.remedy if fact else "")
    if result.health is not Health.DOWN or fact is None:
        return result.health, result.reason, result.remedy
    if fact.state in {"stopped", "failed"}:
        return Health.DOWN, fact.reason or f"its process is {fact.state}", fact.remedy or "Type `invoke up`."
    young = fact.uptime_s is not None and fact.uptime_s < _YOUNG_S
    health = Health.STARTING if fact.state == "starting" or (fact.state == "running" and young) else Health.DOWN
    return health, result.reason, result.remedy
