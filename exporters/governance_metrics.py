"""The audit trail and the model registry as metrics."""

import logging
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from prometheus_client.metrics_core import Metric

from exporters.approval_metrics import waiting_since
from exporters.backup_metrics import BackupCollector
from exporters.bucket_metrics import BucketCollector, BucketWatch
from exporters.entry_validator import EntryValidator, EntryValidityCollector
from exporters.exporter_config import ExporterConfig
from exporters.poller import Poller
from exporters.reconcile_metrics import ReconcileCollector, ReconcileStatus, ReconcileWatch
from exporters.serve import Exporter, LabCollector, counters, gauge, gauges, main, series
from exporters.trail_metrics import LedgerStatus, TrailWatch
from exporters.watched import Bucket, EventLoopThread
from lab.base.catalogue import Service
from lab.base.errors import LabError
from lab.base.model_versions import ApprovalState, ModelVersion
from lab.governance.ledger.published_heads import PublishedHeads, to_parts
from lab.governance.rules.policy_file import read_policy
from lab.governance.rules.registry_findings import Registry
from lab.models.listing import names_in
from lab.services.bucket_lock import audit_promise
from lab.services.http import Http
from lab.services.mlflow import Mlflow

LEDGER_INTERVAL_S = 10.0
REGISTRY_INTERVAL_S = 15.0
RECONCILE_INTERVAL_S = 20.0
BUCKET_INTERVAL_S = 15.0
REGISTRY_DEADLINE_S = 10.0
# Counts are over this many of the newest versions, so that a look costs the same however long the lab has lived.
WINDOW = 200
NO_STATE = "other"

log = logging.getLogger("exporter.governance")


@dataclass(frozen=True)
class RegistryStatus:
    """The registered versions of `models` at the last good look, and whether the newest look was good."""

    up: bool = False
    versions: Sequence[ModelVersion] = ()
    models: Sequence[str] = ()
    looks: int = 0
    error: str = ""
    known: bool = False


class RegistryWatch:
    """Looks at the registry; a failure keeps what was known."""

    def __init__(self, fetch: Callable[[], Sequence[ModelVersion]], models: Callable[[], Collection[str]]) -> None:
        self._fetch, self._models = fetch, models
        self._status = RegistryStatus()

    @property
    def status(self) -> RegistryStatus:
        return self._status

    def refresh(self) -> None:
        """One look."""
        before, looks = self._status, self._status.looks + 1
        try:
            models = sorted(self._models())
            versions = [one for one in self._fetch() if one.name in models]
            self._status = RegistryStatus(True, versions, models, looks, known=True)
        except LabError as err:
            self._status = replace(before, up=False, looks=looks, error=str(err))
        if self._status.error != before.error:
            level = logging.WARNING if self._status.error else logging.INFO
            log.log(level, "event=registry error=%r", self._status.error)


S = TypeVar("S", LedgerStatus, RegistryStatus, ReconcileStatus)


class LedgerWatch:
    """Follows the trail from a poller thread; made without touching the store, which may not be there yet."""

    def __init__(self, trail: Callable[[], TrailWatch]) -> None:
        self._make = trail
        self._trail: TrailWatch | None = None

    @property
    def status(self) -> LedgerStatus:
        return self._trail.status if self._trail else LedgerStatus()

    def refresh(self) -> None:
        """One round, and log lines for what is new."""
        before = self.status
        self._trail = self._trail or self._make()
        self._trail.refresh()
        now = self.status
        if now.error != before.error:
            log.log(logging.WARNING if now.error else logging.INFO, "event=ledger error=%r", now.error)
        for fault in now.faults[len(before.faults) :]:
            log.error("event=ledger-fault seq=%d problem=%r", fault.seq, fault.problem)


class GovernanceCollector(LabCollector):
    """The newest status of trail and registry as metrics; what was never read has none, because 0 would be a lie."""

    def __init__(
        self,
        ledger: Callable[[], LedgerStatus],
        registry: Callable[[], RegistryStatus],
        journal: Path | None = None,
    ) -> None:
        super().__init__()
        self._ledger, self._registry, self._journal = ledger, registry, journal

    def families(self) -> Iterable[Metric]:
        yield from _ledger(self._ledger())
        yield from _registry(self._registry())
        waiting = len(list(self._journal.glob("*.json"))) if self._journal else 0
        yield gauge("governance_entries_undelivered", "Audit entries waiting in the local journal.", waiting)


def _ledger(status: LedgerStatus) -> Iterable[Metric]:
    name = "governance_ledger_"
    yield gauge(name + "up", "1 when the audit trail could be read.", status.up)
    if not status.known:
        return
    yield gauge(name + "entries", "Number of the newest entry.", status.entries)
    yield gauge(name + "checked_entries", "How far the check from the first entry has come.", status.checked)
    yield gauge(name + "intact", "1 when no checked entry is missing, modified or out of order.", not status.faults)
    yield gauge(name + "faults", "Faults found since the exporter's start.", len(status.faults))
    text = "Entries found that the store would let somebody delete before their time."
    yield gauge("governance_entries_unlocked", text, status.exposed)
    parts = to_parts(status.head_hash)
    yield gauges(name + "head_hash", "SHA-256 of the newest entry in five numbers of 13 hex digits.", "part", parts)
    yield gauge("governance_steps_unfinished", "Steps that began and have no end in the trail.", len(status.unfinished))
    text = "Unix time of the newest entry of what the policy blocked, but for the lab's own probes; 0: nothing was."
    yield gauge("governance_last_blocked_timestamp_seconds", text, status.blocked_at)
    counts = {state: float(count) for state, count in status.by_status.items()}
    yield counters("governance_entries", "Checked entries by status.", "status", counts)


def _registry(status: RegistryStatus) -> Iterable[Metric]:
    states = Counter((version.name, _state(version)) for version in status.versions)
    by_state = {
        (model, state): float(states[model, state]) for model in status.models for state in (*ApprovalState, NO_STATE)
    }
    blocked = Counter(one.name for one in status.versions if one.tags.get("deployment_blocked") == "true")
    untagged = Counter(one.name for one in status.versions if one.missing_tags)
    name = "governance_"
    yield gauge(name + "registry_up", "1 when the model registry answers.", status.up)
    if not status.known:
        return
    labels = ("model", "approval_state")
    yield series(name + "model_versions", "Registered versions by approval state.", labels, by_state.items())
    for metric, said, counts in (
        ("versions_blocked", "Versions whose deployment is blocked.", blocked),
        ("versions_missing_tags", "Versions that lack a governance tag.", untagged),
    ):
        yield gauges(name + metric, said, "model", {model: float(counts[model]) for model in status.models})
    text = "Unix time at which the oldest version was made that waits in this state; 0: none does."
    since = waiting_since(status.versions, status.models)
    yield series(name + "approval_waiting_since_timestamp_seconds", text, labels, since.items())


def _state(version: ModelVersion) -> str:
    tag = version.tags.get("approval_state", "")
    return tag if tag in set(ApprovalState) else NO_STATE


class _Registry:
    """Asks MLflow; its client is made at the first call, so that importing it doesn't delay the start."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._made: tuple[EventLoopThread, Mlflow] | None = None

    def newest(self) -> Sequence[ModelVersion]:
        loop, client = self._client()
        return loop.call(client.tagged_versions(WINDOW), REGISTRY_DEADLINE_S)

    def everything(self) -> Registry:
        loop, client = self._client()
        return loop.call(client.registry(), REGISTRY_DEADLINE_S)

    def _client(self) -> tuple[EventLoopThread, Mlflow]:
        if self._made is None:
            self._made = EventLoopThread(), Mlflow(Http.to(Service.MLFLOW, self._url, REGISTRY_DEADLINE_S))
        return self._made


def build(config: ExporterConfig) -> Exporter:
    """The exporter of the lab that `config` describes; ready once trail and registry have been asked for."""
    bucket, mlflow = Bucket(config.audit_bucket), _Registry(config.mlflow_url)
    published = PublishedHeads.in_folder(config.witness) if config.witness else None
    prefix, days = config.audit_prefix, config.retention_days
    ledger = LedgerWatch(lambda: TrailWatch(bucket.trail(prefix), prefix, published=published, locked_days=days))
    registry = RegistryWatch(mlflow.newest, lambda: names_in(config.pipelines))
    following = Poller("ledger", LEDGER_INTERVAL_S, ledger.refresh, succeeded=lambda: ledger.status.up)
    looking = Poller("registry", REGISTRY_INTERVAL_S, registry.refresh, succeeded=lambda: registry.status.up)
    pollers = [following, looking]
    collectors: list[LabCollector] = [
        GovernanceCollector(
            lambda: _while_polled(following, ledger.status),
            lambda: _while_polled(looking, registry.status),
            config.journal,
        )
    ]
    if days:
        protection = BucketWatch(bucket.settings, audit_promise(config.audit_bucket, prefix, days, config.object_store))
        collectors.append(BucketCollector(lambda: protection.status))
        looked = Poller("bucket", BUCKET_INTERVAL_S, protection.refresh, succeeded=lambda: protection.status.up)
        pollers.append(looked)
    if config.policy:
        validator = _validator(config, config.policy, bucket)
        watch = ReconcileWatch(validator, mlflow.everything, lambda: names_in(config.pipelines))
        comparing = Poller("reconcile", RECONCILE_INTERVAL_S, watch.refresh, succeeded=lambda: watch.status.up)
        pollers.append(comparing)
        collectors += [
            EntryValidityCollector(lambda: None if comparing.trouble else validator.found),
            ReconcileCollector(lambda: _while_polled(comparing, watch.status)),
        ]
    if config.witness:
        collectors.append(BackupCollector(config.witness))
    return Exporter(
        "governance-metrics", collectors, pollers, lambda: ledger.status.rounds > 0 and registry.status.looks > 0
    )


def _while_polled(poller: Poller, status: S) -> S:
    """The status as the poller left it; not up when it no longer goes on, however good its last round was."""
    return replace(status, up=False, error=poller.trouble) if poller.trouble else status


def _validator(config: ExporterConfig, policy: Path, bucket: Bucket) -> EntryValidator:
    variables = {"ALLOWED_STAGING_ROLES": config.staging_roles, "ALLOWED_PROD_ROLES": config.prod_roles}
    prefix = config.audit_prefix
    return EntryValidator(config.lab, prefix, lambda: bucket.trail(prefix), lambda: read_policy(policy, variables))


if __name__ == "__main__":
    main(build)
