"""How far the model registry differs from the audit trail, as a metric."""

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from prometheus_client.metrics_core import Metric

from exporters.serve import LabCollector, gauge, gauges
from lab.clients import ssh
from lab.clients.audit import Trail
from lab.core.errors import LabError
from lab.core.history import Fold
from lab.core.ledger import EntryStore
from lab.core.models import ModelVersion
from lab.core.policy import Policy
from lab.core.reconcile import Finding, Kind, reconcile

# Entries taken at once, and how long one round may go on taking them.
PAGE = 500
ROUND_S = 10.0

log = logging.getLogger("exporter.governance")
# Every version of the registry, and the aliases that each has.
Registry = tuple[Sequence[ModelVersion], Mapping[str, Sequence[str]]]


@dataclass(frozen=True)
class ReconcileStatus:
    """The newest comparison. `known` is false until the whole trail was read and the registry answered."""

    known: bool = False
    up: bool = False
    findings: tuple[Finding, ...] = ()
    by_kind: Mapping[str, int] = field(default_factory=dict)
    error: str = ""


class ReconcileWatch:
    """Follows the trail from its first entry and compares what it tells with the registry; one round per call."""

    def __init__(
        self,
        lab: str,
        prefix: str,
        store: Callable[[], EntryStore],
        policy: Callable[[], Policy],
        registry: Callable[[], Registry],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._lab, self._prefix, self._store = lab, prefix, store
        self._read_policy, self._registry, self._clock = policy, registry, clock
        self._digest = ""
        self._status = ReconcileStatus()

    @property
    def status(self) -> ReconcileStatus:
        return self._status

    def refresh(self) -> None:
        """One round. When something fails, what was known stays and `up` turns false."""
        before = self._status
        try:
            self._status = self._round()
        except LabError as err:
            self._status = replace(before, up=False, error=str(err))
        if self._status.error != before.error:
            log.log(
                logging.WARNING if self._status.error else logging.INFO, "event=reconcile error=%r", self._status.error
            )
        for finding in set(self._status.findings) - set(before.findings):
            log.error("event=registry-differs kind=%s finding=%r", finding.kind, str(finding))

    def _round(self) -> ReconcileStatus:
        policy = self._read_policy()
        if policy.digest != self._digest:
            # Which entries count depends on the policy.
            self._digest, self._last = policy.digest, 0
            self._fold = Fold(self._lab, policy, ssh.verify)
            self._trail = Trail(self._store(), self._prefix, window=PAGE, from_start=True)
        if not self._catch_up():
            return replace(self._status, up=True, error="")
        versions, aliases = self._registry()
        findings = reconcile(versions, aliases, self._fold.history())
        counts = Counter(finding.kind for finding in findings)
        return ReconcileStatus(True, True, findings, {kind.value: counts[kind] for kind in Kind})

    def _catch_up(self) -> bool:
        """Takes new entries; whether the end of the trail was seen in time."""
        end = self._clock() + ROUND_S
        while True:
            view = self._trail.refresh(PAGE)
            for entry in reversed(view.entries):
                if entry.seq > self._last:
                    self._fold.see(entry)
                    self._last = entry.seq
            if self._trail.caught_up or self._clock() > end:
                return self._trail.caught_up


class ReconcileCollector(LabCollector):
    """The newest comparison as metrics; before the first one there are no findings to tell, not even 0."""

    def __init__(self, status: Callable[[], ReconcileStatus]) -> None:
        super().__init__()
        self._status = status

    def families(self) -> Iterable[Metric]:
        status = self._status()
        yield gauge("governance_reconcile_up", "1 when registry and audit trail could be compared.", status.up)
        if status.known:
            counts = {kind: float(count) for kind, count in status.by_kind.items()}
            text = "Differences between registry and audit trail."
            yield gauges("governance_reconcile_findings", text, "kind", counts)
