"""How far the model registry differs from the audit trail, as a metric."""

import logging
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace

from prometheus_client.metrics_core import Metric

from exporters.entry_validator import EntryValidator
from exporters.serve import LabCollector, gauge, series
from lab.base.errors import LabError
from lab.governance.rules.registry_findings import Finding, Kind, Registry, reconcile

log = logging.getLogger("exporter.governance")


@dataclass(frozen=True)
class ReconcileStatus:
    """The newest comparison; `counts` are by model and kind of finding. `known` is false until the whole trail was read
    and the registry answered.
    """

    known: bool = False
    up: bool = False
    findings: tuple[Finding, ...] = ()
    counts: Mapping[tuple[str, str], int] = field(default_factory=dict)
    error: str = ""


class ReconcileWatch:
    """Compares what the trail tells with the registry; one round per call."""

    def __init__(
        self, validator: EntryValidator, registry: Callable[[], Registry], models: Callable[[], Collection[str]]
    ) -> None:
        self._validator, self._registry, self._models = validator, registry, models
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
        models = self._models()
        findings = reconcile(self._registry(), history, models)
        counts = Counter((finding.model, finding.kind.value) for finding in findings)
        # Models that somebody registered and took away again are counted only while something is wrong with them.
        places = {(model, kind.value) for model in models for kind in Kind} | counts.keys()
        return ReconcileStatus(True, True, findings, {place: counts[place] for place in sorted(places)})


class ReconcileCollector(LabCollector):
    """The newest comparison as metrics; before the first one there are no findings to tell, not even 0."""

    def __init__(self, status: Callable[[], ReconcileStatus]) -> None:
        super().__init__()
        self._status = status

    def families(self) -> Iterable[Metric]:
        status = self._status()
        yield gauge("governance_reconcile_up", "1 when registry and audit trail could be compared.", status.up)
        if status.known:
            counts = {place: float(count) for place, count in status.counts.items()}
            text = "Differences between registry and audit trail."
            yield series("governance_reconcile_findings", text, ("model", "kind"), counts.items())
