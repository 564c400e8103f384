"""Collecting everything that is on record about a model version, and writing it down for whoever has to judge it."""

import asyncio
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from heapq import merge
from pathlib import Path

from lab.base.catalogue import Service
from lab.base.dataset import DatasetRef, dataset_key, read_rows
from lab.base.drift import Profile, compare, profile
from lab.base.drift_report import DRIFTED
from lab.base.errors import LabError, NotFound
from lab.base.model_versions import ModelVersion
from lab.config import LabConfig
from lab.governance.cases.evidence import evidence_pack
from lab.governance.cases.evidence.dossier import Data, Decision, Dossier, Excerpt
from lab.governance.cases.reconcile import read_registry
from lab.governance.cases.trail import published_heads
from lab.governance.ledger import PAGE, Entry, EntryStore, Head, Verification, VersionedStore, key_of, seq_of
from lab.governance.ledger.entry import utc_text
from lab.governance.ledger.writer import verify_trail
from lab.governance.rules.approval_states import checked_version
from lab.governance.rules.history import Fold, Record, model_of
from lab.governance.rules.identities import Identities
from lab.governance.rules.registry_findings import reconcile
from lab.governance.rules.registry_tags import RegistryClaims
from lab.governance.rules.version_records import no_version
from lab.models.model_folder import Model
from lab.services import ssh
from lab.services.http import Http
from lab.services.mlflow import Mlflow
from lab.services.s3 import READER, S3, AuditStore

PLOTS = ("roc.png", "confusion_matrix.png", "predicted_vs_actual.png", "residuals.png")
# Of what MLflow says about groups of people, which anybody who reaches it can write.
_LONGEST, _MOST = 1000, 100


@dataclass(frozen=True)
class Evidence:
    """What was written: `first` and `last` are the audit entries in it, `problems` why it can't be relied on."""

    version: str
    state: str
    folder: str
    archive: str
    files: int
    first: int
    last: int
    problems: tuple[str, ...]

    @property
    def succeeded(self) -> bool:
        return not self.problems


@dataclass
class _Reading:
    """What is kept of the trail as it passes; memory grows with runs and versions, not with entries."""

    fold: Fold
    model: str
    number: str
    claims: RegistryClaims
    first: dict[str, int] = field(default_factory=dict)
    last: dict[str, int] = field(default_factory=dict)
    known: dict[int, Identities] = field(default_factory=dict)

    def see(self, entry: Entry) -> None:
        self.fold.see(entry)
        self.claims.see(entry)
        if entry.run_id:
            self.first.setdefault(entry.run_id, entry.seq)
            self.last[entry.run_id] = entry.seq
        if entry.model_version == self.number and model_of(entry) in {self.model, ""}:
            self.last[""] = entry.seq
            self.known[entry.seq] = self.fold.history().identities

    def span(self, record: Record) -> tuple[int, int]:
        """The numbers of the first and the last entry that concern the version."""
        run = record.registered.run_id
        return self.first.get(run, record.registered.seq), max(self.last.get(run, 0), self.last.get("", 0))


class Collector:
    """Collects and writes. Methods raise LabError."""

    def __init__(
        self, config: LabConfig, mlflow: Mlflow, s3: S3, store: EntryStore, clock: Callable[[], str] = utc_text
    ) -> None:
        self._config, self._mlflow, self._s3, self._store, self._clock = config, mlflow, s3, store, clock

    @classmethod
    def of_lab(cls, config: LabConfig) -> "Collector":
        """The running lab's."""
        s3 = S3.of_lab(config, READER, timeout_s=30)
        mlflow = Mlflow(Http.to(Service.MLFLOW, config.url(Service.MLFLOW), timeout_s=30))
        return cls(config, mlflow, s3, AuditStore(s3, config.audit_bucket, config.audit_prefix))

    async def write(self, model: Model, version: str, output: Path) -> Evidence:
        """Writes a new folder and a zip below `output`."""
        dossier = await self.collect(model, version)
        made = evidence_pack.files(dossier, self._config.audit_prefix)
        moment = "".join(char for char in dossier.made_at[:19] if char not in "-:")
        folder = output / f"{dossier.record.model}-v{dossier.record.version}-{moment}Z"
        archive = await asyncio.to_thread(evidence_pack.write, made, folder)
        excerpt, state = dossier.excerpt, dossier.record.state.value
        return Evidence(
            dossier.record.version,
            state,
            str(folder),
            str(archive),
            len(made),
            excerpt.first,
            excerpt.last,
            dossier.problems,
        )

    async def collect(self, model: Model, version: str) -> Dossier:
        """Raises NotFound for a version that the audit trail doesn't know."""
        version, name = checked_version(version), model.contract.name
        number = version.partition("@")[0]
        registry = await read_registry(self._mlflow)
        fold = Fold(self._config.name, self._config.policy, ssh.verify)
        reading = _Reading(fold, name, number, RegistryClaims(one for one in registry.versions if one.name == name))
        verification = await asyncio.to_thread(self._verify, reading)
        history = reading.fold.history()
        found = registry.find(name, number)
        if (record := history.named(name, version, found)) is None:
            raise no_version(history, name, version)
        names = {record.version, record.name}
        findings = [
            one
            for one in reconcile(registry, history)
            if one.model == name and names & {one.version, one.found, one.audited}
        ]
        found = found if found and history.of(found) == record else None
        excerpt = await asyncio.to_thread(self._excerpt, reading.claims.agreed, verification, *reading.span(record))
        return Dossier(
            lab=self._config.name,
            made_at=self._clock(),
            record=record,
            aliases=history.aliases_of(record),
            found=await self._measured(found),
            decisions=tuple(Decision(one, reading.known[one.seq].signers) for one in record.decisions),
            data=await asyncio.to_thread(self._data, model, record),
            excerpt=excerpt,
            verification=verification,
            findings=tuple(findings),
            params=await self._params(record.mlflow_run_id),
            plots=await self._plots(record.mlflow_run_id),
            fairness=await self._fairness(record.mlflow_run_id),
            policy=self._policy(),
        )

    async def aclose(self) -> None:
        """Closes the connections."""
        await self._mlflow.aclose()

    def _verify(self, reading: _Reading) -> Verification:
        return verify_trail(self._store, self._config.audit_prefix, published_heads(self._config).heads(), reading.see)

    def _excerpt(self, tagged: Sequence[Head], verification: Verification, first: int, last: int) -> Excerpt:
        """From the first entry on to the first head at or behind the last one that was published outside the trail.

        `tagged` are heads in the registry's tags that the trail has.
        """
        heads = list(merge(published_heads(self._config).heads(), tagged, key=lambda head: head.seq))
        anchor = next((head for head in heads if head.seq >= last), None)
        if anchor is None and verification.head:
            anchor = Head(verification.head.seq, verification.head.hash, "the newest entry, published nowhere yet")
        end = anchor.seq if anchor else last
        bodies = tuple(_bodies(self._store, self._config.audit_prefix, first, end))
        return Excerpt(bodies, anchor, tuple(head for head in heads if first <= head.seq <= end))

    async def _measured(self, found: ModelVersion | None) -> ModelVersion | None:
        if found is None or found.metrics:
            return found
        return replace(found, metrics=(await self._mlflow.version(found.name, found.version)).metrics)

    async def _params(self, run_id: str) -> dict[str, str]:
        try:
            return dict(await self._mlflow.run_params(run_id))
        except NotFound:
            return {}

    async def _plots(self, run_id: str) -> dict[str, bytes]:
        found = {}
        for name in PLOTS:
            try:
                found[name] = await self._mlflow.artifact(run_id, f"plots/{name}")
            except NotFound:
                continue
        return found

    async def _fairness(self, run_id: str) -> tuple[str, ...]:
        try:
            return fairness_sentences(await self._mlflow.artifact(run_id, "fairness.json"))
        except NotFound:
            return ()

    def _data(self, model: Model, record: Record) -> Data:
        bucket, contract, digest = self._config.data_bucket, model.contract, record.data_hash
        try:
            stored = self._s3.sha256(bucket, dataset_key(digest))
        except NotFound:
            return Data(digest, "", contract)
        own = profile(read_rows(self._s3.lines(bucket, dataset_key(digest))), digest, *contract.profiled)
        try:
            named = self._config.baseline_data_hash if model.id.default else ""
            named = named or DatasetRef.from_json(self._s3.get(bucket, model.id.baseline_key)).sha256
            baseline = Profile.from_json(self._s3.get(bucket, model.id.profile_key(named)))
        except NotFound:
            return Data(digest, stored, contract, own)
        report = compare(baseline, read_rows(self._s3.lines(bucket, dataset_key(digest))), digest, 0.0)
        asked = record.criteria.drift if record.criteria else None
        report = report.limited(float(asked.psi) if asked else DRIFTED)
        return Data(digest, stored, contract, own, baseline, report)

    def _policy(self) -> str:
        try:
            return self._config.policy_path.read_text(encoding="utf-8")
        except OSError as err:
            raise LabError(
                f"Can't read the policy {self._config.policy_path}: {err.strerror}.",
                "Make it readable, or set POLICY_PATH.",
            ) from None


def fairness_sentences(body: bytes) -> tuple[str, ...]:
    """What the run says of groups of people, bounded; nothing for what isn't of the form that training logs."""
    try:
        raw = json.loads(body)
        said = [*(group["says"] for group in raw["groups"]), raw["caution"]]
    except (ValueError, LookupError, TypeError, RecursionError):
        return ()
    return tuple(one[:_LONGEST] for one in said[:_MOST] if isinstance(one, str))


def _bodies(store: EntryStore, prefix: str, first: int, last: int) -> Iterator[tuple[int, bytes]]:
    """The exact bytes of the entries from `first` to `last`; of one that was written over, the first ones."""
    key = key_of(prefix, first - 1)
    while key < key_of(prefix, last) and (page := _page(store, key)):
        for key, version in page:
            seq = seq_of(key)
            if seq is None or seq > last:
                continue
            body = store.read_version(key, version) if isinstance(store, VersionedStore) else store.read(key)
            yield seq, body


def _page(store: EntryStore, key: str) -> Sequence[tuple[str, str]]:
    if isinstance(store, VersionedStore):
        return [(one.key, one.first) for one in store.copies_after(key, PAGE) if one.first]
    return [(name, "") for name in store.keys_after(key, PAGE)]
