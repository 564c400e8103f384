"""Which plans of a deployment somebody made, which of them another person approved, and which were begun.

    deploy started, success (stage plan) -> approve-deploy success (signed) -> deploy started, success (stage apply)

An approval is of one plan, by its hash, and for one apply: what is planned anew is approved anew.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from lab.base.errors import LedgerError
from lab.base.names import same_person
from lab.governance.ledger import Entry, Status
from lab.governance.rules.approval_states import parse_deployment_statement
from lab.governance.rules.identities import Identities, Verify, bound_lab, expect, signer_of
from lab.governance.rules.policy import Action
from lab.governance.rules.signers import Signer

PLAN, APPLY = "plan", "apply"


@dataclass(frozen=True)
class Deployments:
    """By the plan's hash: the entry that recorded it, the one that approved it, and the one that began to apply it."""

    planned: Mapping[str, Entry] = field(default_factory=dict)
    approved: Mapping[str, Entry] = field(default_factory=dict)
    begun: Mapping[str, Entry] = field(default_factory=dict)

    def newest_approved(self, environment: str) -> Entry | None:
        """The last approval of any plan there that was not applied since."""
        open_ones = (
            one for plan, one in self.approved.items() if one.environment == environment and plan not in self.begun
        )
        return max(open_ones, key=lambda one: one.seq, default=None)


def apply(
    known: Deployments, entry: Entry, lab: str, people: Identities, verify: Verify, latest: datetime | None
) -> Deployments:
    """After `entry`. Raises LabError when it doesn't count."""
    plan, stage = str(entry.details.get("plan", "")), entry.details.get("stage")
    if entry.action == Action.APPROVE_DEPLOY:
        if entry.status is not Status.SUCCESS:
            return known
        _check(known, entry, plan, lab, people, verify, latest)
        return replace(known, approved={**known.approved, plan: entry})
    if plan and stage == PLAN and entry.status is Status.SUCCESS:
        return replace(known, planned={**known.planned, plan: entry})
    if plan and stage == APPLY and entry.status is Status.STARTED:
        return replace(known, begun={**known.begun, plan: entry})
    return known


def _check(
    known: Deployments,
    entry: Entry,
    plan: str,
    lab: str,
    people: Identities,
    verify: Verify,
    latest: datetime | None,
) -> None:
    statement = parse_deployment_statement(entry.details.get("statement"))
    made = known.planned.get(plan)
    if made is None:
        raise LedgerError("nobody made this plan before")
    expect(
        statement.as_details(),
        lab=bound_lab(entry, statement.lab, lab),
        plan=plan,
        planner=made.owner,
        account=str(made.details.get("account", "")),
        image_tag=str(made.details.get("image_tag", "")),
        environment=made.environment,
        actor=entry.owner,
        role=entry.role,
        policy_hash=entry.policy_hash,
        time=entry.time,
    )
    if entry.environment != made.environment:
        raise LedgerError(f"the entry is about {entry.environment}, the plan about {made.environment}")
    signer = signer_of(entry, statement.body(), people.signers, verify, latest)
    if signer is None:
        raise LedgerError("it isn't signed")
    if problem := second_person_problem(made.owner, entry.owner, signer, people):
        raise LedgerError(problem)


def second_person_problem(deployer: str, approver: str, signer: Signer | None, people: Identities) -> str:
    """Why `approver` isn't another person than `deployer`, who plans or applies; empty when it is."""
    if same_person(deployer, approver):
        return f"{deployer} deploys it, and can't approve it"
    if signer and same_person(people.owners.get(signer.key, ""), deployer):
        return f"the key {signer.key.fingerprint} is one of {deployer}, who deploys it"
    return ""
