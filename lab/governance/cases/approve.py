"""Approve, reject, promote, archive: gates, then a signed audit entry, then the registry, in this order.

A crash in between leaves an entry that the registry doesn't show yet; reconciling finds and repairs that.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from lab.base.catalogue import Service
from lab.base.dataset import dataset_key
from lab.base.errors import LabError, NotFound
from lab.base.interruption import finished_first
from lab.base.model_versions import ModelVersion
from lab.config import LabConfig
from lab.governance.cases.gates import Case, Gate, TooLate, examine, move_of, with_remedy
from lab.governance.cases.model_smoke_test import SmokeTest, try_model
from lab.governance.cases.reconcile import correct_registry
from lab.governance.cases.signing import Signing, claimant
from lab.governance.cases.trail import TrailReader, entry_by_actor, ledger
from lab.governance.ledger import Entry, EntryStore, Status
from lab.governance.rules.approval_states import (
    CHAMPION,
    Move,
    Statement,
    acted_in,
    checked_reason,
    checked_version,
    must_be_signed,
)
from lab.governance.rules.history import History, Record
from lab.governance.rules.identities import uncounted_remedy
from lab.governance.rules.policy import Action
from lab.governance.rules.version_records import no_version
from lab.services.http import Http
from lab.services.mlflow import Mlflow
from lab.services.s3 import PIPELINE, READER, S3, AuditStore

# What takes a model out of service; how often it is tried while others decide about the same version.
SAFE = frozenset({Action.REJECT, Action.ARCHIVE})
_ATTEMPTS = 5
_CHANGED = "Somebody changed identities or policy meanwhile; look at `invoke identity-list`, then try again."


@dataclass(frozen=True)
class Outcome:
    """How an action on a version of `model` went. `entry` is what the audit trail says of it, None after a dry run."""

    action: str
    version: str
    allowed: bool
    gates: tuple[Gate, ...]
    dry_run: bool = False
    from_state: str = ""
    to_state: str = ""
    entry: Entry | None = None
    changes: tuple[str, ...] = ()
    model: str = ""

    @property
    def succeeded(self) -> bool:
        return self.allowed


@dataclass(frozen=True)
class Tools:
    """What an action needs of the lab. `data_hash` gives the SHA-256 of a stored data set by its audited hash;
    `try_model` takes a model and a version of it, the audited digest of its files, its data set's hash and the hash of
    the lock that it was trained with.
    """

    mlflow: Mlflow
    store: EntryStore
    data_hash: Callable[[str], str]
    try_model: Callable[[str, str, str, str, str], SmokeTest]

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

    async def act(self, action: Action, model: str, version: str, reason: str, dry_run: bool = False) -> Outcome:
        """One action on a model's version. A refusal is an outcome and an audit entry; LabError: nothing was decided.

        The safe direction tries again by itself when somebody else's decision was written first.
        """
        reason, version = checked_reason(reason), checked_version(version)
        for left in reversed(range(_ATTEMPTS)):
            try:
                return await self._attempt(action, model, version, reason, dry_run)
            except TooLate as late:
                if late.reached and action in SAFE:
                    return _reached(late)
                if action not in SAFE or not left:
                    raise
                self.note(f"{late.message} Trying again.")
        raise AssertionError("unreachable")

    async def _attempt(self, action: Action, model: str, version: str, reason: str, dry_run: bool) -> Outcome:
        reader, case = await self._look(action, model, version)
        gates = examine(case)
        if action is Action.PROMOTE and (dry_run or all(gate.passed for gate in gates)):
            gates += await self._costly_gates(case)
        gates = tuple(with_remedy(gate, model) for gate in gates)
        allowed = all(gate.passed for gate in gates)
        move = move_of(case)
        outcome = Outcome(action, case.version, allowed, gates, dry_run, *_states(case, move), model=model)
        if dry_run:
            return outcome
        if not allowed or isinstance(move, str):
            return await asyncio.to_thread(self._refuse, case, reason, outcome)
        entry, gate = await asyncio.to_thread(self._signed, case, move, reason)
        outcome = replace(outcome, gates=(*gates, with_remedy(gate, model)), allowed=gate.passed)
        if not gate.passed:
            return await asyncio.to_thread(self._refuse, case, reason, outcome)
        # Between entry and registry nothing may end this: what is recorded must be seen.
        with finished_first():
            sealed, history = await asyncio.to_thread(self._record, reader, case, entry, move)
            return replace(outcome, entry=sealed, changes=await self._mirror(reader, history, case.record, sealed))

    async def aclose(self) -> None:
        """Closes the connections."""
        await self.tools.mlflow.aclose()

    async def _look(self, action: Action, model: str, version: str) -> tuple[TrailReader, Case]:
        number, chosen, _ = version.partition("@")
        found, aliases = await asyncio.gather(self._version(model, number), self.tools.mlflow.aliases(model))
        reader = TrailReader(self.config, self.tools.store)
        trail = await asyncio.to_thread(reader.read)
        record = trail.history.named(model, version, found)
        if chosen and found and trail.history.of(found) != record:
            found = None
        if record is None and found is None:
            raise no_version(trail.history, model, version)
        holder = trail.history.holder(model, CHAMPION)
        champion = await self._version(model, holder.version) if holder else None
        environment = acted_in(record.state) if record else self.config.actor.environment
        signed = must_be_signed(self.config.policy, action, environment, record.owner if record else "")
        who = await asyncio.to_thread(
            claimant, self.config, self.signing, trail.history.identities, action, environment, signed
        )
        return reader, Case(action, model, version, who, self.config.policy, trail, found, champion, aliases)

    async def _version(self, model: str, version: str) -> ModelVersion | None:
        try:
            return await self.tools.mlflow.version(model, version) if version else None
        except NotFound:
            return None

    async def _costly_gates(self, case: Case) -> tuple[Gate, ...]:
        """What takes seconds: reading the data set and using the model."""
        record = case.record
        digest, hashed, lock = (record.model_digest, record.data_hash, record.lock_hash) if record else ("", "", "")
        data, tested = await asyncio.gather(
            asyncio.to_thread(self._data_gate, case),
            asyncio.to_thread(self.tools.try_model, case.model, case.number, digest, hashed, lock),
        )
        return data, Gate("model", tested.works, tested.detail)

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
        details = {"reason": reason, "gates": failed, "key": key, **_of_run(case)}
        entry = self._entry(case, Status.REFUSED, details)
        return replace(outcome, entry=ledger(self.config, self.tools.store).append(entry))

    def _signed(self, case: Case, move: Move, reason: str) -> tuple[Entry, Gate]:
        """The entry with its statement and signature, and whether the signature proves what it should."""
        details, signer = {"reason": reason, **_of_run(case)}, case.claimant.signer
        details |= {"key": signer.key.fingerprint} if signer else {}
        entry = self._entry(case, move.status, details)
        statement = _statement(self.config.name, case, move, entry, reason)
        if signer is None:
            unsigned = replace(entry, details={**entry.details, "statement": statement.as_details()})
            return unsigned, Gate("signature", True, "not required, none made")
        known = case.trail.history.identities
        signed, problem = self.signing.signed(self.config, entry, statement, known, self.note)
        proof = f"made by {signer.name} with {signer.key.fingerprint}"
        return signed, Gate("signature", not problem, problem or proof)

    def _record(self, reader: TrailReader, case: Case, entry: Entry, move: Move) -> tuple[Entry, History]:
        """Appends the entry and makes sure that it counts. Raises LabError when it doesn't, TooLate after a race."""
        sealed = ledger(self.config, self.tools.store).append(entry)
        history = reader.follow(sealed.seq)
        now = history.record(case.record.key) if case.record else None
        if now and history.came_late(sealed.seq):
            raise TooLate(case, move, now, sealed, history)
        if problem := history.problem_of(sealed.seq):
            raise LabError(
                f"Audit entry {sealed.seq} changes nothing: {problem}.",
                uncounted_remedy(problem, _CHANGED),
            )
        return sealed, history

    async def _mirror(
        self, reader: TrailReader, history: History, record: Record | None, sealed: Entry
    ) -> tuple[str, ...]:
        """Until nothing new came meanwhile: whoever decides next writes after the last look, and so behind this."""
        if record is None:
            return ()
        changes: tuple[str, ...] = ()
        try:
            for _ in range(_ATTEMPTS):
                changes += await correct_registry(self.tools.mlflow, history, record)
                known, history = history, await asyncio.to_thread(reader.catch_up)
                if history.record(record.key) == known.record(record.key) and history.holders == known.holders:
                    break
            return changes
        except LabError as err:
            raise LabError(
                f"Audit entry {sealed.seq} holds, but the registry doesn't show it yet: {err.message}",
                "Type `invoke reconcile --repair` when MLflow answers again.",
            ) from None

    def _entry(self, case: Case, status: Status, details: dict[str, Any]) -> Entry:
        return entry_by_actor(self.config, case.action, status, details, case.claimant.actor, case.number)


def _statement(lab: str, case: Case, move: Move, entry: Entry, reason: str) -> Statement:
    record = case.record
    if record is None:
        raise NotFound(f"Version {case.version} of {case.model} isn't in the audit trail.")
    return Statement(
        lab=lab,
        action=case.action.value,
        model=record.model,
        version=record.version,
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


def _reached(late: TooLate) -> Outcome:
    """What was wanted, by a decision of somebody else."""
    entry = late.now.decisions[-1]
    by = f"entry {entry.seq} by {entry.owner} was written first and did the same"
    case = late.case
    return Outcome(case.action, case.version, True, (), False, *_states(case, late.move), entry, (by,), case.model)


def _of_run(case: Case) -> dict[str, str]:
    """Model and MLflow run: with its number the version that is meant, whatever is registered later."""
    run = case.record.mlflow_run_id if case.record else ""
    return {"model": case.model} | ({"mlflow_run_id": run} if run else {})


def _states(case: Case, move: Move | str) -> tuple[str, str]:
    before = case.record.state.value if case.record else ""
    return before, before if isinstance(move, str) else move.to_state.value
