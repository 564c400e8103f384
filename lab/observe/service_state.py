"""One service's state, out of what is known of its process and what its probe found."""

from lab.base.catalogue import BY_NAME, ProcessFact, Service, ServiceSpec
from lab.config import LabConfig
from lab.observe.probes import ProbeResult
from lab.observe.snapshot import Health, ServiceState

# Until then a process that doesn't answer is starting, not down.
_YOUNG_S = 30.0


def service_state(
    config: LabConfig, service: Service, fact: ProcessFact | None, result: ProbeResult | None, once: bool = False
) -> ServiceState:
    """One service, from its process (None when nothing is known of it) and its probe (None when it wasn't asked).

    Looked at `once` there is nothing to compare with: processor time is then that since it began, on average.
    """
    spec = BY_NAME[service]
    health, reason, remedy = _verdict(spec, fact, result)
    return ServiceState(
        name=service,
        title=spec.title,
        health=health,
        url="" if fact and fact.health and not spec.published else config.url(service),
        reason=reason,
        remedy=remedy,
        latency_s=result.latency_s if result else None,
        uptime_s=fact.uptime_s if fact else None,
        restarts=fact.restarts if fact else None,
        memory_bytes=fact.memory_bytes if fact else None,
        pid=fact.pid if fact else None,
        optional=spec.optional,
        container_health=fact.health if fact else "",
        image_age_s=fact.image_age_s if fact else None,
        probed_at=result.at if result else None,
        cpu=_cpu(fact, once) if fact else None,
        measured_at=fact.measured_at if fact else None,
        stopped=bool(fact and fact.deliberate),
        awaited=bool(fact and fact.awaited),
        overdue=bool(result and result.overdue and health is Health.DEGRADED),
    )


def _cpu(fact: ProcessFact, once: bool) -> float | None:
    if fact.cpu is not None or not once or fact.cpu_s is None or not fact.uptime_s:
        return fact.cpu
    return round(fact.cpu_s / fact.uptime_s, 3)


def _verdict(spec: ServiceSpec, fact: ProcessFact | None, result: ProbeResult | None) -> tuple[Health, str, str]:
    answers = result is not None and result.health is not Health.DOWN
    if fact and fact.awaited and not (result and result.health is Health.UP):
        # Whoever brings it up waits until all that it should do is done.
        return Health.STARTING, fact.reason or (result.reason if result else ""), ""
    if fact and fact.state == "absent" and not answers:
        return Health.ABSENT, fact.reason or "not installed", fact.remedy
    if fact and fact.deliberate:
        # It may answer for a moment still, while it comes to its end.
        return Health.DOWN, fact.reason, fact.remedy
    if fact and fact.state in {"stopped", "failed"}:
        if answers and spec.port is not None:
            return (
                Health.DEGRADED,
                f"Something answers, but the lab's own process is {fact.state}.",
                "Type `invoke doctor`.",
            )
        return Health.DOWN, fact.reason or f"Its process is {fact.state}.", fact.remedy or "Type `invoke up`."
    if result is None:
        return Health.DOWN, "It wasn't asked.", ""
    young = fact is not None and fact.uptime_s is not None and fact.uptime_s < _YOUNG_S
    if not answers and fact and (fact.state == "starting" or young):
        return Health.STARTING, result.reason, result.remedy
    return result.health, result.reason, result.remedy
