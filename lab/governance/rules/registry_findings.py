"""Comparing the registry with the audit trail: whatever somebody changed, added or removed behind the lab's back.

The trail is the truth. Aliases other than the lab's own and tags that mean nothing to governance are nobody's business.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from lab.base.model_versions import ModelVersion
from lab.base.names import in_order
from lab.governance.rules.approval_states import ALIASES
from lab.governance.rules.history import History, Record
from lab.governance.rules.policy import METRICS
from lab.governance.rules.registry_tags import expected_tags, shortened

BLOCKED = "deployment_blocked"


class Kind(StrEnum):
    """In what way the registry differs."""

    TAG = "tag"
    ALIAS = "alias"
    STAGE = "stage"
    METRIC = "metric"
    REPLACED = "replaced"
    UNAUDITED = "unaudited"
    GONE = "gone"


@dataclass(frozen=True)
class Registry:
    """What MLflow has: every version with its tags, and by model the aliases of each version that has some."""

    versions: Sequence[ModelVersion]
    aliases: Mapping[str, Mapping[str, Sequence[str]]]

    def find(self, model: str, number: str) -> ModelVersion | None:
        """The version of a model that has a number."""
        return next((one for one in self.versions if (one.name, one.version) == (model, number)), None)


@dataclass(frozen=True)
class Finding:
    """One difference. `subject` is the tag, alias or metric; `found` is the registry's value, `audited` the trail's."""

    kind: Kind
    version: str
    subject: str = ""
    found: str = ""
    audited: str = ""
    model: str = ""

    @property
    def repairable(self) -> bool:
        """Whether the registry can be made to follow the trail; for the rest somebody must find out what happened."""
        return self.kind in {Kind.TAG, Kind.ALIAS, Kind.STAGE}

    def __str__(self) -> str:
        return f"{self.model}: {self._said()}" if self.model else self._said()

    def _said(self) -> str:
        found, audited = shortened(self.found) or "none", self.audited or "none"
        match self.kind:
            case Kind.ALIAS:
                return f"alias {self.subject} is on version {found}, by the audit trail on {audited}"
            case Kind.UNAUDITED:
                return f"version {self.version} isn't in the audit trail: {found}"
            case Kind.GONE:
                return f"version {self.version}, {audited} by the audit trail, isn't in the registry"
            case Kind.STAGE:
                return f"version {self.version} is in the stage {found}, by the audit trail in {audited}"
            case Kind.REPLACED:
                return f"version {self.version} is of MLflow run {found}, by the audit trail of {audited}"
        what = f"{self.kind} {self.subject}".strip()
        return f"version {self.version}: {what} is {found!r}, by the audit trail {audited!r}"


def reconcile(registry: Registry, history: History, governed: Collection[str] = ()) -> tuple[Finding, ...]:
    """Every difference about the models that are `governed` or were ever registered here; others are nobody's business.

    Cost grows with versions.
    """
    versions: dict[str, dict[str, ModelVersion]] = {name: {} for name in history.models | set(governed)}
    for one in registry.versions:
        if one.name in versions:
            versions[one.name][one.version] = one
    numbers: dict[str, set[str]] = {name: set(there) for name, there in versions.items()}
    for record in history.every:
        numbers[record.model].add(record.version)
    found: list[Finding] = []
    for model in sorted(versions):
        there, aliases = versions[model], registry.aliases.get(model, {})
        for number in sorted(numbers[model], key=in_order):
            found += (replace(one, model=model) for one in _numbered(model, number, there.get(number), history))
        found += (replace(one, model=model) for one in _aliases(model, there, aliases, history))
    return tuple(found)


def _numbered(model: str, number: str, version: ModelVersion | None, history: History) -> Iterator[Finding]:
    """What differs about the versions that ever had this number, of which the registry can hold one."""
    known = history.numbered(model, number)
    record = history.of(version) if version else None
    replaced = known[0] if version and record is None and known and not _began(version, history) else None
    if version and record:
        yield from _differing(version, record)
    elif version:
        if replaced:
            yield Finding(Kind.REPLACED, number, found=version.run_id, audited=replaced.mlflow_run_id)
        yield from _unaudited(version, history, said=replaced is not None)
    for one in known:
        if one not in (record, replaced) and not one.put_away:
            alone = version is None and one == known[0]
            yield Finding(Kind.GONE, number if alone else one.name, audited=one.state.value)


def _differing(version: ModelVersion, record: Record) -> Iterator[Finding]:
    number = version.version
    for name, audited in expected_tags(record).items():
        if version.tags.get(name, "") != audited:
            yield Finding(Kind.TAG, number, name, version.tags.get(name, ""), audited)
    yield from _staged(version)
    for name in METRICS:
        if name in version.metrics and name in record.metrics and str(version.metrics[name]) != record.metrics[name]:
            yield Finding(Kind.METRIC, number, name, str(version.metrics[name]), record.metrics[name])


def _began(version: ModelVersion, history: History) -> bool:
    """Whether a registration of this version was asked for and never ended."""
    vouching = version.tags.get("audit_hash", "")
    runs = {str(entry.details.get("mlflow_run_id", "")) for entry in history.pending} - {""}
    return version.run_id in runs or any(vouching == entry.hash for entry in history.pending)


def _unaudited(version: ModelVersion, history: History, said: bool) -> Iterator[Finding]:
    """A version that nobody registered through the pipeline must at least not pass for deployable."""
    if not said:
        began = "its registration began and never ended"
        why = began if _began(version, history) else "it was registered past the pipeline"
        yield Finding(Kind.UNAUDITED, version.version, found=why)
    if version.tags.get(BLOCKED) != "true":
        yield Finding(Kind.TAG, version.version, BLOCKED, version.tags.get(BLOCKED, ""), "true")
    yield from _staged(version)


def _staged(version: ModelVersion) -> Iterator[Finding]:
    # The lab uses aliases only: a stage is always somebody else's doing.
    if version.stage:
        yield Finding(Kind.STAGE, version.version, found=version.stage)


def _aliases(
    model: str, there: Mapping[str, ModelVersion], aliases: Mapping[str, Sequence[str]], history: History
) -> Iterator[Finding]:
    holders = {alias: number for number, names in aliases.items() for alias in names}
    for alias in ALIASES:
        found, holder = holders.get(alias, ""), history.holder(model, alias)
        audited = holder.version if holder else ""
        # The number of a version that was deleted may be another one's by now.
        if holder and audited in there and history.of(there[audited]) != holder:
            audited = holder.name
        if found != audited:
            yield Finding(Kind.ALIAS, audited or found, alias, found, audited)
