"""Whoever trains can't loosen what their versions are judged by: tried for real, on the sandbox's trail."""

import asyncio
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path

from lab.base.errors import LabError, PolicyDenied
from lab.base.model_versions import ApprovalState
from lab.governance.cases.approve import Outcome
from lab.governance.cases.set_criteria import CriteriaApproval
from lab.governance.cases.signing import Signing
from lab.governance.cases.trail import entry_by_actor
from lab.governance.checks.proof import Check, Found, listed
from lab.governance.checks.sandbox import ENGINEER, OFFICER, PEOPLE, Sandbox
from lab.governance.checks.subject import Probe
from lab.governance.ledger import Entry, Status
from lab.governance.rules.approval_states import PROBE
from lab.governance.rules.criteria import TIERS, Criteria
from lab.governance.rules.policy import Action, Actor, Environment, Policy
from lab.models.groups import NONE
from lab.models.listing import CONTRACT_FILE
from lab.models.model_folder import Model

# Numbers that no version of a lab has: those of the registrations that are played on the sandbox.
_PLAYED = 900_000
# The gates that judge by criteria.
_JUDGING = ("criteria", "fairness", "drift", "metric")


class CriteriaProofs:
    """Attempts to be judged by less; `sandboxed` gives the trail that they are made on."""

    def __init__(self, sandboxed: Callable[[], Awaitable[Sandbox]], probe: Probe) -> None:
        self._sandboxed, self._probe = sandboxed, probe

    def checks(self) -> Iterator[Check]:
        yield Check("criteria: a contract that asks for less is refused", self._looser)
        yield Check("criteria: who trains can't put them in force", self._unproved)
        yield Check("criteria: a contract edited between approval and promotion changes nothing", self._edited)

    async def _looser(self) -> Found:
        """Each of a wider margin, a lighter tier, an exemption, less protection and less fairness than is in force."""
        sandbox, (registered, ended) = await self._sandboxed(), await self._registration()
        asked, model = await self._asked(), self._probe.model.contract.name
        await self._put_in_force()
        same = _gate(await sandbox.act(Action.APPROVE, model, await self._probe.version(), OFFICER))
        if not same[0]:
            return False, f"criteria that were signed don't count: {same[1]}"
        seen, wrong = [], []
        for number, (expected, criteria) in enumerate(_looser_than(asked, self._probe.clients.config.policy), _PLAYED):
            await asyncio.to_thread(_registered, sandbox, registered, ended, str(number), criteria)
            passed, detail = _gate(await sandbox.act(Action.APPROVE, model, str(number), OFFICER))
            said = detail.split(". Sign")[0]
            seen.append(said)
            if passed or expected not in said:
                wrong.append(f"{expected}: the gate was {'open' if passed else 'closed for something else'}: {said}")
        return listed(wrong, "; ".join(seen))

    async def _put_in_force(self) -> None:
        """What the contract asks for, signed by somebody who may."""
        sandbox, policy = await self._sandboxed(), self._probe.clients.config.policy
        for name, role in PEOPLE.items():
            if name != PROBE and policy.decide(Actor(name, role, Environment.PROD), Action.CRITERIA).allowed:
                signing = Signing(sandbox.keys[name], home=sandbox.config.home)
                approval = CriteriaApproval(sandbox.config, self._probe.model, signing, sandbox.store)
                await asyncio.to_thread(approval.put_in_force, f"{PROBE} needs something in force")
                return
        raise LabError("The policy lets nobody set criteria in prod.", "Look at POLICY_PATH: the action is criteria.")

    async def _unproved(self) -> Found:
        """What nobody signed doesn't count outside dev, and who builds is refused whatever they sign."""
        sandbox, asked = await self._sandboxed(), await self._asked()
        wide = replace(asked, margins={**asked.margins, "auc": "0.9"})
        actor = Actor(OFFICER, PEOPLE[OFFICER], Environment.PROD)
        details = {"criteria": wide.as_details(), "model": self._probe.model.contract.name}
        forged = entry_by_actor(sandbox.config, Action.CRITERIA, Status.SUCCESS, details, actor)
        problem = (await asyncio.to_thread(sandbox.append, forged))[1]
        if not problem:
            return False, "criteria that nobody signed count in prod"
        signing = Signing(sandbox.keys[ENGINEER], home=sandbox.config.home)
        approval = CriteriaApproval(sandbox.config, self._probe.model, signing, sandbox.store)
        try:
            await asyncio.to_thread(approval.put_in_force, "tries whether this is refused")
        except PolicyDenied as err:
            return True, f"unsigned: {problem}; signed by who trains: {err.message}"
        return False, "an ml-engineer put criteria in force"

    async def _edited(self) -> Found:
        """The same gates of an approved promotion before and behind an edit of the contract, which asks for less."""
        sandbox, model = await self._sandboxed(), self._probe.model
        await self._approve()
        before = await self._promotion(sandbox)
        with tempfile.TemporaryDirectory() as folder:
            there = Path(folder) / "pipelines" / model.slug
            there.mkdir(parents=True)
            (there / CONTRACT_FILE).write_text(_asking_less(model), encoding="utf-8")
            after = await self._promotion(replace(sandbox, config=replace(sandbox.config, root=Path(folder))))
        if not before["state"][0]:
            return False, f"the approval on the sandbox doesn't count: {before['state'][1]}"
        seen = f"criteria of a promotion before and after: {after['criteria'][1].split('. Sign')[0]}"
        return listed(
            [f"{name}: {before[name][1]} → {after[name][1]}" for name in _JUDGING if before[name] != after[name]], seen
        )

    async def _approve(self) -> None:
        """Approves the probe for staging in the sandbox's trail, where nobody did."""
        sandbox, key = await self._sandboxed(), (self._probe.model.contract.name, await self._probe.version())
        record = (await asyncio.to_thread(sandbox.history)).records[key]
        if record.state is ApprovalState.PENDING_STAGING:
            await asyncio.to_thread(lambda: sandbox.append(sandbox.approval(record, OFFICER)))

    async def _promotion(self, sandbox: Sandbox) -> dict[str, tuple[bool, str]]:
        """What the gates say of promoting the probe, each whether it is open, and what it saw."""
        name, version = self._probe.model.contract.name, await self._probe.version()
        outcome = await sandbox.act(Action.PROMOTE, name, version, ENGINEER)
        return {gate.name: (gate.passed, gate.detail) for gate in outcome.gates}

    async def _asked(self) -> Criteria:
        sandbox, version = await self._sandboxed(), await self._probe.version()
        record = (await asyncio.to_thread(sandbox.history)).records[self._probe.model.contract.name, version]
        if record.criteria is None:
            raise LabError(
                f"The registration of version {version} holds no criteria.", "Type `invoke up` and try again."
            )
        return record.criteria

    async def _registration(self) -> tuple[Entry, Entry]:
        """The probe's request to be registered, and the entry that ended it."""
        entries = (await self._probe.trained()).entries
        ended = next(entry for entry in reversed(entries) if entry.model_version)
        return next(entry for entry in entries if entry.seq == ended.details["request_seq"]), ended


def _looser_than(asked: Criteria, policy: Policy) -> Iterator[tuple[str, Criteria]]:
    """Criteria that ask for less, each with what the gate must say of it."""
    yield "margin auc 0.9", replace(asked, margins={**asked.margins, "auc": "0.9"})
    yield "probe is protected and used", replace(asked, exempt={**asked.exempt, "probe": "because it is tried"})
    if asked.tier != TIERS[0]:
        yield f"risk tier {TIERS[0]}", replace(asked, tier=TIERS[0])
    for name in asked.protected[:1]:
        yield f"{name} isn't protected", replace(asked, protected=asked.protected[1:])
    if asked.drift:
        yield "drift is a PSI above 9", replace(asked, drift=replace(asked.drift, psi="9"))
    if asked.protected and asked.fairness and asked.fairness.measure != NONE:
        fair = asked.fairness
        yield "groups are compared by none", replace(asked, fairness=replace(fair, measure=NONE))
        few = f"groups of fewer than {fair.least + 1} rows aren't judged"
        yield few, replace(asked, fairness=replace(fair, least=fair.least + 1))
        margin = policy.fairness.get(fair.measure, {}).get(asked.tier, "")
        wide = "100%" if margin.endswith("%") else "1000"
        if margin not in {"", wide}:
            yield f"groups may be {wide} apart", replace(asked, fairness=replace(fair, margin=wide))


def _asking_less(model: Model) -> str:
    """The model's contract as whoever trains might edit it."""
    import yaml

    raw = yaml.safe_load((model.folder / CONTRACT_FILE).read_text(encoding="utf-8"))
    less = {"margins": {model.contract.decisive: "0.9"}, "risk_tier": TIERS[0], "fairness": {"measure": NONE}}
    return yaml.safe_dump(raw | less, allow_unicode=True)


def _registered(sandbox: Sandbox, request: Entry, ended: Entry, number: str, criteria: Criteria) -> None:
    """Plays that a version was registered whose contract asked for `criteria`."""
    run = f"{number}{request.details['mlflow_run_id']}"[:32]
    details = {**request.details, "criteria": criteria.as_details(), "mlflow_run_id": run}
    sealed = sandbox.write(replace(request, details=details))
    told = {**ended.details, "request_seq": sealed.seq, "mlflow_run_id": run}
    sandbox.write(replace(ended, model_version=number, details=told))


def _gate(outcome: Outcome) -> tuple[bool, str]:
    """Whether the gate of the criteria was open, and what it saw."""
    found = next(gate for gate in outcome.gates if gate.name == "criteria")
    return found.passed, found.detail
