"""What the screen remembers beyond one snapshot: probe latencies, for sparklines."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from lab.core.snapshot import Health, Snapshot

KEPT = 120


@dataclass(frozen=True)
class Probe:
    """One deep probe: when (epoch seconds), how it went, how long it took (seconds; None without an answer)."""

    at: float
    health: Health
    latency_s: float | None
    reason: str = ""


@dataclass(frozen=True)
class History:
    """The newest probes by service, oldest first; its size is bounded."""

    probes: Mapping[str, tuple[Probe, ...]] = field(default_factory=dict)
    seen_at: float | None = None

    def with_snapshot(self, snapshot: Snapshot) -> "History":
        """The history including `snapshot`; a repeated reading adds nothing."""
        services = snapshot.services
        if services.value is None or services.fetched_at is None or services.fetched_at == self.seen_at:
            return self
        at = services.fetched_at
        probes = {
            s.name: (*self.of(s.name), Probe(at, s.health, s.latency_s, s.reason))[-KEPT:] for s in services.value
        }
        return History(probes, at)

    def of(self, service: str) -> tuple[Probe, ...]:
        return self.probes.get(service, ())
