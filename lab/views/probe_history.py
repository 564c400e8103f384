"""What the screen remembers beyond one snapshot: probe latencies, for sparklines."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from lab.observe.snapshot import Health, ServiceState, Snapshot

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
        return History({s.name: self._with(s, at) for s in services.value}, at)

    def _with(self, state: ServiceState, fetched_at: float) -> tuple[Probe, ...]:
        """A service's probes; one that an earlier snapshot showed is no other probe."""
        known = self.of(state.name)
        at = fetched_at if state.probed_at is None else state.probed_at
        if known and known[-1].at == at:
            return known
        return (*known, Probe(at, state.health, state.latency_s, state.reason))[-KEPT:]

    def of(self, service: str) -> tuple[Probe, ...]:
        return self.probes.get(service, ())
