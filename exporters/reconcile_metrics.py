"""How far the model registry differs from the audit trail, as a metric."""

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from prometheus_client.metrics_core import Metric

from exporters.entry_validator import EntryValidator
from exporters.serve import LabCollector, gauge, gauges
from lab.base.errors import LabError
from lab.base.model_versions import ModelVersion
from lab.governance.rules.registry_findings import Finding, Kind, reconcile

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
    """Compares what the trail tells with the registry; one round per call."""

    def __init__(self, validator: EntryValidator, registry: Callable[[], Registry]) -> None:
        self._validator, self._registry = validator, registry
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
        history = self._validator.catch_up()
        if history is None:
            return replace(self._status, up=True, error="")
        versions, aliases = self._registry()
        findings = reconcile(versions, aliases, history)
        counts = Counter(finding.kind for finding in findings)
        return ReconcileStatus(True, True, findings, {kind.value: counts[kind] for kind in Kind})


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
