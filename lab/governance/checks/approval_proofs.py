"""(e) What must never be approved or promoted is tried for real, on a version that is a probe's own.

People with keys act on a sandbox: a copy of the version's entries in a bucket of its own. What needs no key is tried in
the lab's own trail.
"""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace

from lab.base.errors import LabError
from lab.base.model_versions import ApprovalState
from lab.governance.cases.approve import Outcome
from lab.governance.cases.signing import Signing
from lab.governance.cases.trail import TrailReader, ledger
from lab.governance.checks.proof import Check, Found, listed
from lab.governance.checks.proof_clients import ProofClients
from lab.governance.checks.sandbox import (
    ANALYST,
    ENGINEER,
    OFFICER,
    Sandbox,
    approval_entry,
    make_key,
    temporary_bucket,
)
from lab.governance.checks.subject import Probe
from lab.governance.ledger import Entry, Status
from lab.governance.rules.approval_states import PROBE
from lab.governance.rules.policy import Action, Actor, Environment, Role

STRANGER = Actor("stranger@example.com", Role.RISK_OFFICER, Environment.STAGING)


class ApprovalProofs:
    """Attempts that each must meet their own gate, leave an entry that says so, and change nothing."""

    def __init__(self, clients: ProofClients, probe: Probe, closing: ExitStack) -> None:
        self._clients, self._probe, self._closing = clients, probe, closing
        self._made: Sandbox | None = None
        self._broken: LabError | None = None
        self._counted: Entry | None = None
        self._counted_altered: list[str] = []
        self._refused_altered: list[str] = []

    def checks(self) -> Iterator[Check]:
        yield Check("approval: nobody approves their own version", self._own)
        yield Check("approval: a key that nobody knows is refused", self._unknown_key)
        yield Check("approval: a forged approval in the trail doesn't count", self._forged)
        yield Check("promotion: a blocked version is refused", self._blocked)
        yield Check("promotion: the wrong role is refused", self._wrong_role)
        yield Check("approval: a signature counts once, for one version", self._once)
        yield Check("promotion: drifted training data is refused", self._drifted)

    @property
    def _model(self) -> str:
        return self._probe.model.contract.name

    async def _own(self) -> Found:
        return self._closed(await self._try(Action.APPROVE, PROBE), "four eyes")

    async def _wrong_role(self) -> Found:
        return self._closed(await self._try(Action.PROMOTE, ANALYST), "policy")

    async def _blocked(self) -> Found:
        if self._counted:
            return False, "it was approved on the sandbox before this was tried"
        return self._closed(await self._try(Action.PROMOTE, ENGINEER), "state")

    async def _drifted(self) -> Found:
        """Of a version that was approved, so that nothing else about it stands in the way."""
        await self._approved()
        outcome = await self._try(Action.PROMOTE, ENGINEER)
        if "state" in _closed_gates(outcome):
            return False, "the approval on the sandbox doesn't count, so that drift was not what refused it"
        return self._closed(outcome, "drift")

    async def _unknown_key(self) -> Found:
        """In the lab's own trail, which then says that it was tried."""
        version = await self._probe.version()
        key = await asyncio.to_thread(make_key, self._probe.home / "stranger")
        signing = Signing(key, home=self._probe.home)
        outcome = await self._probe.act(Action.APPROVE, self._model, version, STRANGER, signing)
        passed, evidence = _judged(outcome, "identity")
        if not passed:
            return passed, evidence
        found = await self._clients.mlflow.version(self._model, version)
        state, blocked = found.tags.get("approval_state"), found.tags.get("deployment_blocked")
        if state != ApprovalState.PENDING_STAGING or blocked != "true" or found.aliases:
            return False, f"version {version} is {state} now, with aliases {', '.join(found.aliases) or 'none'}"
        return True, f"{evidence} (audit entry {outcome.entry.seq if outcome.entry else '?'})"

    async def _forged(self) -> Found:
        """With the pipeline's credential anybody can add an entry that is linked as it must be."""
        version = await self._probe.version()
        reader = TrailReader(self._clients.config, self._clients.trail)
        before = await asyncio.to_thread(reader.read)
        forged = approval_entry(self._clients.config, before.history.records[self._model, version], STRANGER)
        sealed = await asyncio.to_thread(ledger(self._clients.config, self._clients.trail).append, forged)
        after = await asyncio.to_thread(reader.follow, sealed.seq)
        problem = after.problem_of(sealed.seq)
        state = after.records[self._model, version].state
        if not problem or state is not ApprovalState.PENDING_STAGING:
            return False, f"entry {sealed.seq}, which nobody signed, made version {version} {state}"
        return True, f"entry {sealed.seq}: {problem}"

    async def _once(self) -> Found:
        """A signature under other words doesn't count; the right one does; the same once more doesn't."""
        good = await self._approved()
        again = (await self._append(good))[1]
        if not again:
            return False, "the same signed approval counted twice"
        return listed(self._counted_altered, "; ".join([*self._refused_altered, again]))

    async def _approved(self) -> Entry:
        """The officer's approval, in the sandbox's trail only; before it the same with words that weren't signed.

        Raises LabError.
        """
        if self._counted is None:
            for field, words in (("version", "999"), ("reason", "other words")):
                draft = await self._draft()
                statement = {**draft.details["statement"], field: words}
                problem = (await self._append(replace(draft, details={**draft.details, "statement": statement})))[1]
                if problem:
                    self._refused_altered.append(problem)
                else:
                    self._counted_altered.append(f"a signature counted for another {field}")
            self._counted, problem = await self._append(await self._draft())
            if problem:
                raise LabError(f"An approval that is right doesn't count: {problem}.", "Look at POLICY_PATH.")
        return self._counted

    async def _draft(self) -> Entry:
        sandbox = await self.sandboxed()
        record = (await asyncio.to_thread(sandbox.history)).records[self._model, await self._probe.version()]
        return await asyncio.to_thread(sandbox.approval, record, OFFICER)

    async def _append(self, entry: Entry) -> tuple[Entry, str]:
        return await asyncio.to_thread((await self.sandboxed()).append, entry)

    async def _try(self, action: Action, by: str) -> Outcome:
        return await (await self.sandboxed()).act(action, self._model, await self._probe.version(), by)

    def _closed(self, outcome: Outcome, gate: str) -> Found:
        """Whether this gate refused somebody whom the lab knows."""
        if "identity" in (closed := _closed_gates(outcome)):
            return False, f"the key wasn't known, so that {gate!r} wasn't tried: {closed['identity']}"
        return _judged(outcome, gate)

    async def sandboxed(self) -> Sandbox:
        """The people and their trail, made when they are first asked for. Raises LabError."""
        if self._broken:
            raise self._broken
        if self._made is None:
            await self._probe.version()
            config = self._closing.enter_context(temporary_bucket(self._clients, "sandbox"))
            entries = (await self._probe.trained()).entries
            try:
                self._made = await Sandbox.set_up(config, self._clients, self._probe.home, entries)
            except LabError as err:
                # What was half made would only be told as a trail that somebody cut.
                self._broken = err
                raise
        return self._made


def _closed_gates(outcome: Outcome) -> dict[str, str]:
    return {gate.name: gate.detail for gate in outcome.gates if not gate.passed}


def _judged(outcome: Outcome, gate: str) -> Found:
    """Whether the attempt was refused, by this gate among others, and audited."""
    closed = _closed_gates(outcome)
    if outcome.succeeded or gate not in closed:
        return False, f"{outcome.action} of version {outcome.version} passed the gate {gate!r}"
    if outcome.entry is None or outcome.entry.status is not Status.REFUSED:
        return False, f"{outcome.action} of version {outcome.version} was refused without an audit entry"
    return True, closed[gate]
