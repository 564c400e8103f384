"""(e) What must never be approved or promoted is tried for real, on a version that is a probe's own."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from lab.core.approval import PROBE, Statement
from lab.core.config import LabConfig
from lab.core.history import Record
from lab.core.ledger import Entry, Status
from lab.core.models import MODEL_NAME, ApprovalState
from lab.core.policy import Action, Actor, Environment, Role
from lab.ops.approval import Outcome
from lab.ops.entries import entry_by_actor
from lab.ops.governance.bench import Bench
from lab.ops.governance.probe import Probe
from lab.ops.governance.proof import Check, Found
from lab.ops.signing import Signing
from lab.ops.trail import TrailReader, ledger

STRANGER = "stranger@example.com"


class ApprovalProofs:
    """Attempts that each must meet their own gate, leave an entry that says so, and change nothing."""

    def __init__(self, bench: Bench, probe: Probe) -> None:
        self._bench, self._probe = bench, probe
        self._promotion: Outcome | None = None

    def checks(self) -> Iterator[Check]:
        yield Check("approval: nobody approves their own version", self._own)
        yield Check("approval: a key that nobody knows is refused", self._unknown_key)
        yield Check("approval: a forged approval in the trail doesn't count", self._forged)
        yield Check("promotion: a blocked version is refused", self._blocked)
        yield Check("promotion: drifted training data is refused", self._drifted)
        yield Check("promotion: the wrong role is refused", self._wrong_role)

    async def _own(self) -> Found:
        return await self._refused(await self._act(Action.APPROVE, PROBE, Role.RISK_OFFICER), "four eyes")

    async def _unknown_key(self) -> Found:
        signing = Signing(_throw_away_key(self._probe.home), home=self._probe.home)
        return await self._refused(await self._act(Action.APPROVE, STRANGER, Role.RISK_OFFICER, signing), "identity")

    async def _blocked(self) -> Found:
        return await self._refused(await self._promoted(), "state")

    async def _drifted(self) -> Found:
        return await self._refused(await self._promoted(), "drift")

    async def _wrong_role(self) -> Found:
        return await self._refused(await self._act(Action.PROMOTE, STRANGER, Role.ANALYST), "policy")

    async def _promoted(self) -> Outcome:
        # One attempt shows both of its reasons: every gate is looked at.
        if self._promotion is None:
            self._promotion = await self._act(Action.PROMOTE, STRANGER, Role.ML_ENGINEER)
        return self._promotion

    async def _act(self, action: Action, name: str, role: Role, signing: Signing | None = None) -> Outcome:
        actor = Actor(name, role, Environment.STAGING)
        return await self._probe.act(action, await self._probe.version(), actor, signing)

    async def _refused(self, outcome: Outcome, gate: str) -> Found:
        """Whether it was refused, by this gate among others, audited, and without any effect on the registry."""
        closed = {one.name: one.detail for one in outcome.gates if not one.passed}
        if outcome.succeeded or gate not in closed:
            return False, f"{outcome.action} of version {outcome.version} passed the gate {gate!r}"
        if outcome.entry is None or outcome.entry.status is not Status.REFUSED:
            return False, f"{outcome.action} of version {outcome.version} was refused without an audit entry"
        found = await self._bench.mlflow.version(outcome.version)
        state = found.tags.get("approval_state")
        if state != ApprovalState.PENDING_STAGING or found.tags.get("deployment_blocked") != "true" or found.aliases:
            return False, f"version {outcome.version} is {state} now, with aliases {', '.join(found.aliases) or 'none'}"
        return True, f"{closed[gate]} (audit entry {outcome.entry.seq})"

    async def _forged(self) -> Found:
        """With the pipeline's credential anybody can add an entry that is linked as it must be."""
        version = await self._probe.version()
        reader = TrailReader(self._bench.config, self._bench.trail)
        before = await asyncio.to_thread(reader.read)
        forged = _approval(self._bench.config, before.history.records[version])
        sealed = await asyncio.to_thread(ledger(self._bench.config, self._bench.trail).append, forged)
        after = await asyncio.to_thread(reader.follow, sealed.seq)
        problem = next((one.problem for one in after.ignored if one.seq == sealed.seq), "")
        state = after.records[version].state
        if not problem or state is not ApprovalState.PENDING_STAGING:
            return False, f"entry {sealed.seq}, which nobody signed, made version {version} {state}"
        return True, f"entry {sealed.seq}: {problem}"


def _throw_away_key(folder: Path) -> Path:
    """The public half of a key that nobody knows; nothing is ever signed with it."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    path = folder / "stranger.pub"
    path.write_bytes(Ed25519PrivateKey.generate().public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH))
    return path


def _approval(config: LabConfig, record: Record) -> Entry:
    """An approval that is right in everything but the signature."""
    actor = Actor(STRANGER, Role.RISK_OFFICER, Environment.STAGING)
    reason = f"{PROBE} tries whether a forgery counts"
    entry = entry_by_actor(
        replace(config, actor=actor), Action.APPROVE, Status.APPROVED, {}, model_version=record.version
    )
    statement = Statement(
        lab=config.name,
        action=Action.APPROVE.value,
        model=MODEL_NAME,
        version=record.version,
        from_state=record.state.value,
        to_state=ApprovalState.APPROVED_STAGING.value,
        environment=entry.environment,
        actor=entry.owner,
        role=entry.role,
        reason=reason,
        data_hash=record.data_hash,
        prior=record.newest,
        policy_hash=entry.policy_hash,
        time=entry.time,
    )
    return replace(entry, details={"statement": statement.as_details(), "reason": reason})
