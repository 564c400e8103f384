"""What the screen remembers beyond one snapshot: probes, processor time and memory, for trends."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from lab.observe.snapshot import Health, ServiceState, Snapshot

KEPT = 120


class Probe(NamedTuple):
    """One deep probe: when (epoch seconds), how it went, how long it took (seconds; None without an answer)."""

    at: float
    health: Health
    latency_s: float | None
    reason: str = ""


class Usage(NamedTuple):
    """What a service used at one moment (epoch seconds): cores, and bytes; None where it isn't known."""

    at: float
    cpu: float | None
    memory: int | None


@dataclass(frozen=True)
class History:
    """The newest probes and readings by service, oldest first; its size is bounded."""

    probes: Mapping[str, tuple[Probe, ...]] = field(default_factory=dict)
    seen_at: float | None = None
    usage: Mapping[str, tuple[Usage, ...]] = field(default_factory=dict)

    def with_snapshot(self, snapshot: Snapshot) -> "History":
        """The history including `snapshot`; a repeated reading adds nothing."""
        services = snapshot.services
        if services.value is None or services.fetched_at is None or services.fetched_at == self.seen_at:
            return self
        at = services.fetched_at
        probes = {s.name: self._with(s, at) for s in services.value}
        return History(probes, at, {s.name: self._used(s) for s in services.value})

    def _used(self, state: ServiceState) -> tuple[Usage, ...]:
        """A service's readings; one that an earlier snapshot showed is no other reading."""
        known = self.usage_of(state.name)
        at = state.measured_at
        if at is None or (known and known[-1].at == at) or (state.cpu is None and state.memory_bytes is None):
            return known
        return (*known, Usage(at, state.cpu, state.memory_bytes))[-KEPT:]

    def _with(self, state: ServiceState, fetched_at: float) -> tuple[Probe, ...]:
        """A service's probes; one that an earlier snapshot showed is no other probe."""
        known = self.of(state.name)
        at = fetched_at if state.probed_at is None else state.probed_at
        if known and known[-1].at == at:
            return known
        return (*known, Probe(at, state.health, state.latency_s, state.reason))[-KEPT:]

    def usage_of(self, service: str) -> tuple[Usage, ...]:
        """What a service used."""
        return self.usage.get(service, ())

    def of(self, service: str) -> tuple[Probe, ...]:
        return self.probes.get(service, ())
