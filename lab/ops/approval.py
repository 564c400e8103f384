"""Approve, reject, promote, archive: gates, then a signed audit entry, then the registry, in this order.

A crash in between leaves an entry that the registry doesn't show yet; reconciling finds and repairs that.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from lab.clients.http import Http
from lab.clients.mlflow import Mlflow
from lab.clients.s3 import PIPELINE, READER, S3, AuditStore
from lab.core.approval import CHAMPION, Move, Statement, acted_in, checked_reason, checked_version, must_be_signed
from lab.core.config import LabConfig
from lab.core.dataset import dataset_key
from lab.core.errors import LabError, NotFound
from lab.core.history import History
from lab.core.ledger import Entry, EntryStore, Status
from lab.core.models import MODEL_NAME, ModelVersion
from lab.core.policy import Action
from lab.core.services import Service
from lab.ops.entries import entry_by_actor
from lab.ops.gates import Case, Gate, examine, move_of
from lab.ops.mirror import mirror
from lab.ops.signing import Signing, claimant, signature_problem
from lab.ops.trail import TrailReader, ledger, published_heads
from lab.ops.tryout import Trial, try_model

# How many of the newest versions are asked for the hashes of entries that they carry.
_PUBLISHING_VERSIONS = 200


@dataclass(frozen=True)
class Outcome:
    """How an action went. `entry` is what the audit trail says of it, None after a dry run."""

    action: str
    version: str
    allowed: bool
    gates: tuple[Gate, ...]
    dry_run: bool = False
    from_state: str = ""
    to_state: str = ""
    entry: Entry | None = None
    changes: tuple[str, ...] = ()

    @property
    def succeeded(self) -> bool:
        return self.allowed


@dataclass(frozen=True)
class Tools:
    """What an action needs of the lab. `data_hash` gives the SHA-256 of a stored data set by its audited hash;
    `try_model` takes a version, the audited digest of its files and its data set's hash.
    """

    mlflow: Mlflow
    store: EntryStore
    data_hash: Callable[[str], str]
    try_model: Callable[[str, str, str], Trial]

    @classmethod
    def of_lab(cls, config: LabConfig) -> "Tools":
        """The running lab's."""
        reader = S3.of_lab(config, READER, timeout_s=15)
        return cls(
            Mlflow(Http.to(Service.MLFLOW, config.url(Service.MLFLOW), timeout_s=15)),
            AuditStore(S3.of_lab(config, PIPELINE), config.audit_bucket, config.audit_prefix),
            lambda digest: reader.sha256(config.data_bucket, dataset_key(digest)),
            partial(try_model, config),
        )


@dataclass(frozen=True)
class Approver:
    """Acts on model versions for whoever holds the signing key. Methods raise LabError."""

    config: LabConfig
    signing: Signing
    tools: Tools
    # Says what is waited for, as for the touch of a hardware key.
    note: Callable[[str], None] = field(default=lambda _: None)

    async def act(self, action: Action, version: str, reason: str, dry_run: bool = False) -> Outcome:
        """One action on one version. A refusal is an outcome and an audit entry; LabError: nothing was decided."""
        reason = checked_reason(reason)
        reader, case = await self._look(action, checked_version(version))
        gates = examine(case)
        if action is Action.PROMOTE and (dry_run or all(gate.passed for gate in gates)):
            gates += await self._costly_gates(case)
        allowed = all(gate.passed for gate in gates)
        move = move_of(case)
        outcome = Outcome(action, case.version, allowed, gates, dry_run, *_states(case, move))
        if dry_run:
            return outcome
        if not allowed or isinstance(move, str):
            return await asyncio.to_thread(self._refuse, case, reason, outcome)
        entry, gate = await asyncio.to_thread(self._signed, case, move, reason)
        outcome = replace(outcome, gates=(*gates, gate), allowed=gate.passed)
        if not gate.passed:
            return await asyncio.to_thread(self._refuse, case, reason, outcome)
        sealed, history = await asyncio.to_thread(self._record, reader, case, entry)
        return replace(outcome, entry=sealed, changes=await self._mirror(history, sealed))

    async def aclose(self) -> None:
        """Closes the connections."""
        await self.tools.mlflow.aclose()

    async def _look(self, action: Action, version: str) -> tuple[TrailReader, Case]:
        mlflow = self.tools.mlflow
        tagged, aliases = await asyncio.gather(mlflow.tagged_versions(_PUBLISHING_VERSIONS), mlflow.aliases())
        found = await self._version(version)
        reader = TrailReader(self.config, self.tools.store)
        trail = await asyncio.to_thread(reader.read, [head for one in tagged for head in published_heads(one)])
        record = trail.history.records.get(version)
        if record is None and found is None:
            raise NotFound(
                f"There is no version {version} of {MODEL_NAME}.", "Type `mlops-lab` to see which there are."
            )
        champion = await self._version(trail.history.aliases.get(CHAMPION, ""))
        environment = acted_in(record.state) if record else self.config.actor.environment
        signed = must_be_signed(self.config.policy, action, environment, record.owner if record else "")
        who = await asyncio.to_thread(
            claimant, self.config, self.signing, trail.history.identities, action, environment, signed
        )
        return reader, Case(action, version, who, self.config.policy, trail, found, champion, aliases)

    async def _version(self, version: str) -> ModelVersion | None:
        try:
            return await self.tools.mlflow.version(version) if version else None
        except NotFound:
            return None

    async def _costly_gates(self, case: Case) -> tuple[Gate, ...]:
        """What takes seconds: reading the data set and using the model."""
        digest, hashed = (case.record.model_digest, case.record.data_hash) if case.record else ("", "")
        data, trial = await asyncio.gather(
            asyncio.to_thread(self._data_gate, case),
            asyncio.to_thread(self.tools.try_model, case.version, digest, hashed),
        )
        return data, Gate("model", trial.works, trial.detail)

    def _data_gate(self, case: Case) -> Gate:
        audited = case.record.data_hash if case.record else ""
        tag = case.found.tags.get("data_hash", "") if case.found else ""
        try:
            stored = self.tools.data_hash(audited) if audited else ""
        except NotFound:
            stored = ""
        detail = f"audited {audited[:12] or 'none'}, tagged {tag[:12] or 'none'}, stored {stored[:12] or 'none'}"
        return Gate("data", bool(audited) and audited == tag == stored, detail)

    def _refuse(self, case: Case, reason: str, outcome: Outcome) -> Outcome:
        failed = {gate.name: gate.detail[:1000] for gate in outcome.gates if not gate.passed}
        key = case.claimant.signer.key.fingerprint if case.claimant.signer else ""
        details = {"reason": reason, "gates": failed, "key": key}
        entry = self._entry(case, Status.REFUSED, details)
        return replace(outcome, entry=ledger(self.config, self.tools.store).append(entry))

    def _signed(self, case: Case, move: Move, reason: str) -> tuple[Entry, Gate]:
        """The entry with its statement and signature, and whether the signature proves what it should."""
        entry = self._entry(case, move.status, {})
        message = _statement(self.config.name, case, move, entry, reason)
        details: dict[str, Any] = {"statement": message.as_details(), "reason": reason}
        signer = case.claimant.signer
        if signer is None:
            return replace(entry, details=details), Gate("signature", True, "not required, none made")
        key = self.signing.path(self.config)
        self.note(f"signing as {signer.name} ({entry.role}) with {key}")
        armored = self.signing.sign(message.body(), key)
        problem = signature_problem(message.body(), armored, entry, case.trail.history.identities)
        details |= {"signature": armored, "signer": signer.name, "key": signer.key.fingerprint}
        proof = f"made by {signer.name} with {signer.key.fingerprint}"
        return replace(entry, details=details), Gate("signature", not problem, problem or proof)

    def _record(self, reader: TrailReader, case: Case, entry: Entry) -> tuple[Entry, History]:
        """Appends the entry and makes sure that it counts. Raises LabError when somebody else acted in between."""
        sealed = ledger(self.config, self.tools.store).append(entry)
        history = reader.follow(sealed.seq)
        problem = next((one.problem for one in history.ignored if one.seq == sealed.seq), "")
        if problem:
            raise LabError(
                f"Version {case.version} was acted on by somebody else at the same time: entry {sealed.seq} {problem}.",
                "The registry is as the other one left it; look at it, then try again.",
            )
        return sealed, history

    async def _mirror(self, history: History, sealed: Entry) -> tuple[str, ...]:
        try:
            return await mirror(self.tools.mlflow, history, sealed.model_version)
        except LabError as err:
            raise LabError(
                f"Audit entry {sealed.seq} holds, but the registry doesn't show it yet: {err.message}",
                "Type `invoke reconcile --repair` when MLflow answers again.",
            ) from None

    def _entry(self, case: Case, status: Status, details: dict[str, Any]) -> Entry:
        actor = case.claimant.actor
        acting = replace(self.config, actor=actor)
        return entry_by_actor(acting, case.action, status, details, model_version=case.version)


def _statement(lab: str, case: Case, move: Move, entry: Entry, reason: str) -> Statement:
    record = case.record
    if record is None:
        raise NotFound(f"Version {case.version} isn't in the audit trail.")
    return Statement(
        lab=lab,
        action=case.action.value,
        model=MODEL_NAME,
        version=case.version,
        from_state=record.state.value,
        to_state=move.to_state.value,
        environment=move.environment.value,
        actor=entry.owner,
        role=str(entry.role),
        reason=reason,
        data_hash=record.data_hash,
        prior=record.newest,
        policy_hash=entry.policy_hash,
        time=entry.time,
    )


def _states(case: Case, move: Move | str) -> tuple[str, str]:
    before = case.record.state.value if case.record else ""
    return before, before if isinstance(move, str) else move.to_state.value
