"""Finding, and taking back, what was done to the registry behind the lab's back: the audit trail is the truth."""

import asyncio
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from lab.base.catalogue import Service
from lab.base.errors import LabError, LedgerError, NotFound
from lab.base.model_versions import ModelVersion
from lab.config import LabConfig
from lab.governance.cases.trail import TrailReader, entry_by_actor, ledger
from lab.governance.ledger import Entry, EntryStore, Status
from lab.governance.rules.approval_states import ALIASES
from lab.governance.rules.history import History, Record
from lab.governance.rules.registry_findings import BLOCKED, Finding, Kind, Registry, reconcile
from lab.governance.rules.registry_tags import expected_tags, shortened
from lab.models.listing import names_in
from lab.services.http import Http
from lab.services.mlflow import Mlflow
from lab.services.s3 import PIPELINE, S3, AuditStore

_GATE = "deployment_blocked"


async def correct_registry(mlflow: Mlflow, history: History, record: Record) -> tuple[str, ...]:
    """Corrects tags of the version and the aliases that it has or should have; returns what it changed.

    What somebody did to other versions is left for reconciling to find, and so is another version under its number.

    In every moment between two requests the registry allows no more than the trail does: aliases go first and come
    last, and so does a deployment's permission. Raises ServiceUnavailable.
    """
    record, model = history.record(record.key) or record, record.model
    found = await _found(mlflow, model, record.version)
    if found is None or history.of(found) != record:
        return ()
    held = {alias: holder for holder, names in (await mlflow.aliases(model)).items() for alias in names}
    due = {alias: holder for alias in ALIASES if (holder := history.holder(model, alias))}
    superfluous = [
        alias
        for alias in ALIASES
        if held.get(alias) == record.version
        and (alias not in due or (due[alias].version == record.version and due[alias] != record))
    ]
    changes = [f"alias {alias} taken from version {held.pop(alias)}" for alias in superfluous]
    for alias in superfluous:
        await mlflow.delete_alias(model, alias)
    changes += await _set_tags(mlflow, found, record)
    for alias, holder in due.items():
        concerned = holder == record or held.get(alias) == record.version
        if concerned and alias not in superfluous and held.get(alias) != holder.version:
            await mlflow.set_alias(model, alias, holder.version)
            changes.append(f"alias {alias} → version {holder.version}")
    return tuple(changes)


async def _found(mlflow: Mlflow, model: str, number: str) -> ModelVersion | None:
    try:
        return await mlflow.version(model, number)
    except NotFound:
        return None


async def _set_tags(mlflow: Mlflow, found: ModelVersion, record: Record) -> list[str]:
    tags, changes = expected_tags(record), []
    blocking = tags[_GATE] == "true"
    for name in sorted(tags, key=lambda one: (one == _GATE) is not blocking):
        if found.tags.get(name, "") == tags[name]:
            continue
        changes.append(f"{name}: {shortened(found.tags.get(name, '')) or '–'} → {tags[name] or '–'}")
        if tags[name]:
            await mlflow.set_version_tag(record.model, record.version, name, tags[name])
        else:
            await mlflow.delete_version_tag(record.model, record.version, name)
    return changes


ACTION = "reconcile"
# An entry isn't a place for thousands of lines; the numbers are all there.
_LISTED = 50
# Of how many of the newest versions the metrics are compared, too: that is a request each.
_MEASURED = 100


@dataclass(frozen=True)
class Reconciliation:
    """What was found; `changes` were made to repair it, `left` is what is still different, `entry` says so."""

    versions: int
    findings: tuple[Finding, ...]
    left: tuple[Finding, ...]
    changes: tuple[str, ...] = ()
    entry: Entry | None = None

    @property
    def succeeded(self) -> bool:
        return not self.left


class Reconciler:
    """Compares MLflow's registry with the audit trail. Methods raise LabError."""

    def __init__(self, config: LabConfig, mlflow: Mlflow, store: EntryStore) -> None:
        self._config, self._mlflow, self._store = config, mlflow, store

    @classmethod
    def of_lab(cls, config: LabConfig) -> "Reconciler":
        """The running lab's."""
        mlflow = Mlflow(Http.to(Service.MLFLOW, config.url(Service.MLFLOW), timeout_s=15))
        return cls(config, mlflow, AuditStore(S3.of_lab(config, PIPELINE), config.audit_bucket, config.audit_prefix))

    async def look(self) -> Reconciliation:
        """Changes nothing."""
        versions, findings = await self._compare(await asyncio.to_thread(self._history))
        return Reconciliation(versions, findings, findings)

    async def repair(self) -> Reconciliation:
        """Makes the registry follow the trail wherever it can, and leaves audit entries that say so."""
        history = await asyncio.to_thread(self._history)
        versions, findings = await self._compare(history)
        if not (possible := _safest_first(findings)):
            return Reconciliation(versions, findings, findings)
        await asyncio.to_thread(self._record, Status.STARTED, "findings", list(map(str, findings)))
        changes: list[str] = []
        try:
            for finding in possible:
                await self._undo(finding)
                changes.append(_said(finding))
        except LabError:
            await asyncio.to_thread(self._record, Status.FAILURE, "changes", changes)
            raise
        entry = await asyncio.to_thread(self._record, Status.SUCCESS, "changes", changes)
        left = (await self._compare(history))[1]
        return Reconciliation(versions, findings, left, tuple(changes), entry)

    async def aclose(self) -> None:
        """Closes the connections."""
        await self._mlflow.aclose()

    def _history(self) -> History:
        state = TrailReader(self._config, self._store).read()
        if state.verification.faults:
            first = state.verification.faults[0]
            raise LedgerError(
                f"The audit trail can't be trusted, so the registry can't be compared with it: entry {first.seq}: "
                f"{first.problem}.",
                "Type `mlops-lab audit verify`.",
            )
        return state.history

    async def _compare(self, history: History) -> tuple[int, tuple[Finding, ...]]:
        registry, governed = await read_registry(self._mlflow), names_in(self._config.pipelines)
        known = history.models | governed
        return sum(one.name in known for one in registry.versions), reconcile(registry, history, governed)

    async def _undo(self, finding: Finding) -> None:
        mlflow, model, number = self._mlflow, finding.model, finding.version
        if finding.kind is Kind.STAGE:
            await mlflow.clear_stage(model, number)
        elif finding.kind is Kind.ALIAS and finding.audited:
            await mlflow.set_alias(model, finding.subject, finding.audited)
        elif finding.kind is Kind.ALIAS:
            await mlflow.delete_alias(model, finding.subject)
        elif finding.audited:
            await mlflow.set_version_tag(model, number, finding.subject, finding.audited)
        else:
            await mlflow.delete_version_tag(model, number, finding.subject)

    def _record(self, status: Status, name: str, texts: Sequence[str]) -> Entry:
        details = {name: list(texts[:_LISTED]), "count": len(texts)}
        return ledger(self._config, self._store).append(entry_by_actor(self._config, ACTION, status, details))


async def read_registry(mlflow: Mlflow) -> Registry:
    """Every version of every model, the newest with metrics. Raises ServiceUnavailable."""
    registry, measured = await asyncio.gather(mlflow.registry(), mlflow.versions(_MEASURED))
    metrics = {(one.name, one.version): one.metrics for one in measured}
    versions = (replace(one, metrics=metrics.get((one.name, one.version), {})) for one in registry.versions)
    return replace(registry, versions=tuple(versions))


def _safest_first(findings: Iterable[Finding]) -> list[Finding]:
    """What forbids comes before what allows, so that the registry never allows more than the trail on the way."""
    gone = {(one.model, one.version) for one in findings if one.kind in {Kind.GONE, Kind.REPLACED}}
    return sorted(filter(None, (_possible(one, gone) for one in findings)), key=_danger)


def _possible(finding: Finding, gone: Collection[tuple[str, str]]) -> Finding | None:
    """What can be repaired of it: an alias can't go back to a version that was deleted, but it can leave another."""
    lost = (finding.model, finding.audited) in gone or "@" in finding.audited
    if finding.kind is Kind.ALIAS and lost:
        return replace(finding, audited="") if finding.found else None
    return finding if finding.repairable else None


def _danger(finding: Finding) -> int:
    if finding.kind is Kind.ALIAS:
        return 3 if finding.audited else 0
    if finding.subject == BLOCKED:
        return 0 if finding.audited == "true" else 2
    return 1


def _said(finding: Finding) -> str:
    if finding.kind is Kind.ALIAS:
        said = f"alias {finding.subject}: version {finding.found or 'none'} → {finding.audited or 'none'}"
        return f"{finding.model}: {said}"
    what = f"{finding.kind} {finding.subject}".strip()
    values = f"{shortened(finding.found) or 'none'} → {finding.audited or 'none'}"
    return f"{finding.model}: version {finding.version}: {what}: {values}"
