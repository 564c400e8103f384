"""Who may deploy where, who approved it, and the entries that say so."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab.base.errors import LabError, PolicyDenied
from lab.config import LabConfig
from lab.governance.cases.signing import Claimant, Signing, claimant, policy_problem
from lab.governance.cases.trail import TrailReader, entry_by_actor, ledger
from lab.governance.ledger import Entry, EntryStore, Status
from lab.governance.rules.approval_states import DeploymentStatement, checked_reason
from lab.governance.rules.deployments import APPLY, Deployments, second_person_problem
from lab.governance.rules.history import History
from lab.governance.rules.identities import uncounted_remedy
from lab.governance.rules.policy import Action, Actor, Environment, parse_role

LOCK = "lock"
# What an entry closes that ends no beginning: numbers of entries begin at 1.
NOTHING = 0


def deployment_lock(home: Path, environment: str) -> Path:
    """The file that a deployment to this environment has locked for as long as any process of it is at work."""
    return home / "deploy" / environment / LOCK


@dataclass(frozen=True)
class PlanFacts:
    """What is signed of a plan; `plan` is its hash."""

    plan: str
    planner: str
    environment: Environment
    account: str
    image_tag: str


@dataclass(frozen=True)
class DeploymentTrail:
    """The trail in which a deployment by the configured actor is recorded; without a store nothing is.

    `config` has the actor in the environment that is deployed to. Methods raise LabError.
    """

    config: LabConfig
    store: EntryStore | None

    def admit(self, stage: str) -> None:
        """Raises PolicyDenied, with an entry, when the policy doesn't let the actor deploy there."""
        decision = self.config.policy.decide(self.config.actor, Action.DEPLOY)
        if decision.allowed:
            return
        entry = self.turned_away({"stage": stage, "rule": decision.rule})
        said = f" Audit entry {entry.seq} says so." if entry else ""
        raise PolicyDenied(
            f"Blocked before anything started: {decision}.{said}",
            "Deploy as a role that the policy allows (RUN_ROLE), or have somebody do it who holds one.",
        )

    def record(self, status: Status, details: Mapping[str, Any]) -> Entry | None:
        """The entry as it was written; None where there is no trail."""
        if self.store is None:
            return None
        return ledger(self.config, self.store).append(entry_by_actor(self.config, Action.DEPLOY, status, details))

    def turned_away(self, details: Mapping[str, Any]) -> Entry | None:
        """Records what was blocked before it began; an earlier deployment that was killed stays without an end."""
        return self.record(Status.BLOCKED, {**details, "closes": NOTHING})

    def approval(self, plan: str) -> Entry | None:
        """Who approved this plan; None where the policy asks for nobody. Raises PolicyDenied, with an entry."""
        if self.store is None or not self.config.policy.signature_required(self.config.actor.environment):
            return None
        history = trusted(TrailReader(self.config, self.store))
        if problem := self._unapproved(history, plan):
            entry = self.turned_away({"stage": APPLY, "plan": plan, "reason": problem})
            environment = self.config.actor.environment
            raise PolicyDenied(
                f"Nothing was applied: {problem}. Audit entry {entry.seq if entry else '?'} says so.",
                f'Let another person look at it and type `invoke approve-deploy --env {environment} --reason "…"`; '
                f"a new plan is made by `invoke deploy --env {environment} --plan`.",
            )
        return history.deployments.approved[plan]

    def _unapproved(self, history: History, plan: str) -> str:
        known = history.deployments
        actor = self.config.actor
        if plan in known.begun:
            return f"this plan was begun already, see audit entry {known.begun[plan].seq}: an approval is for one apply"
        found = known.approved.get(plan)
        if found is None:
            return _missing(known, actor.environment, plan)
        approver = Actor(found.owner, parse_role(found.role), actor.environment)
        decision = self.config.policy.decide(approver, Action.APPROVE_DEPLOY)
        if not decision.allowed:
            return f"the policy no longer counts the approval in audit entry {found.seq}: {decision}"
        signer = next((one for one in history.identities.signers if one.name == found.owner), None)
        return second_person_problem(actor.owner, found.owner, signer, history.identities)


def _missing(known: Deployments, environment: Environment, plan: str) -> str:
    if other := known.newest_approved(environment):
        return (
            f"the plan changed after its approval: {other.owner} approved {str(other.details['plan'])[:12]} "
            f"(audit entry {other.seq}), this one is {plan[:12]}"
        )
    return f"nobody approved the plan {plan[:12]}"


@dataclass(frozen=True)
class DeploymentApprover:
    """Approves plans for whoever holds the signing key. Methods raise LabError."""

    config: LabConfig
    store: EntryStore
    signing: Signing
    note: Callable[[str], None] = field(default=lambda _: None)

    def approve(self, facts: PlanFacts, reason: str) -> Entry:
        """Records that the plan may be applied. Raises PolicyDenied, with an entry, for whoever may not say so."""
        reason = checked_reason(reason)
        reader = TrailReader(self.config, self.store)
        history = trusted(reader)
        made = history.deployments.planned.get(facts.plan)
        if made is None or made.owner != facts.planner:
            raise LabError(
                f"The audit trail of this lab doesn't know the plan {facts.plan[:12]} of {facts.planner}.",
                f"Type `invoke deploy --env {facts.environment} --plan` while this lab is up.",
            )
        who = claimant(
            self.config, self.signing, history.identities, Action.APPROVE_DEPLOY, facts.environment, required=True
        )
        if problem := self._problem(who, facts, history):
            self._refuse(who, facts, reason, problem)
        sealed = self._append(self._signed(who, facts, reason, history))
        if problem := reader.follow(sealed.seq).problem_of(sealed.seq):
            raise LabError(
                f"Audit entry {sealed.seq} approves nothing: {problem}.",
                uncounted_remedy(problem, "Look at `invoke identity-list`, then try again."),
            )
        return sealed

    def _problem(self, who: Claimant, facts: PlanFacts, history: History) -> str:
        people = history.identities
        return policy_problem(self.config, who, Action.APPROVE_DEPLOY) or second_person_problem(
            facts.planner, who.actor.owner, who.signer, people
        )

    def _signed(self, who: Claimant, facts: PlanFacts, reason: str, history: History) -> Entry:
        entry = self._entry(who, Status.SUCCESS, {"plan": facts.plan, "reason": reason})
        statement = DeploymentStatement(
            lab=self.config.name,
            plan=facts.plan,
            planner=facts.planner,
            account=facts.account,
            image_tag=facts.image_tag,
            environment=facts.environment.value,
            actor=entry.owner,
            role=str(entry.role),
            reason=reason,
            policy_hash=entry.policy_hash,
            time=entry.time,
        )
        signed, problem = self.signing.signed(self.config, entry, statement, history.identities, self.note)
        if problem:
            self._refuse(who, facts, reason, problem)
        return signed

    def _refuse(self, who: Claimant, facts: PlanFacts, reason: str, problem: str) -> None:
        details = {"plan": facts.plan, "reason": reason, "problem": problem}
        sealed = self._append(self._entry(who, Status.REFUSED, details))
        raise PolicyDenied(
            f"Refused: {problem.rstrip('.')}. Audit entry {sealed.seq} says so.",
            "Give --key FILE of an identity that may approve deployments there; `invoke identity-list` shows them.",
        )

    def _entry(self, who: Claimant, status: Status, details: Mapping[str, Any]) -> Entry:
        return entry_by_actor(self.config, Action.APPROVE_DEPLOY, status, details, who.actor)

    def _append(self, entry: Entry) -> Entry:
        return ledger(self.config, self.store).append(entry)


def trusted(reader: TrailReader) -> History:
    """What the trail tells. Raises LabError for one that was changed."""
    state = reader.read()
    if not state.verification.intact:
        first = state.verification.faults[0]
        raise LabError(
            f"The audit trail can't be trusted: entry {first.seq}: {first.problem}.", "Type `invoke verify-governance`."
        )
    return state.history
