"""How many different people must have approved a version before it is approved for prod, by its risk tier."""

from lab.base.names import same_person
from lab.governance.ledger import Status
from lab.governance.rules.approval_states import Move
from lab.governance.rules.policy import Environment, Policy
from lab.governance.rules.version_records import Record


def approvers_problem(policy: Policy, record: Record, approver: str, move: Move) -> str:
    """Why `approver` may not be the one who approves for prod; empty when nothing stands against it."""
    if move.status is not Status.APPROVED or move.environment is not Environment.PROD:
        return ""
    tier = record.criteria.tier if record.criteria else ""
    if policy.approvers.get(tier, 1) < 2:
        return ""
    earlier = next((one.owner for one in record.decisions if one.status is Status.APPROVED), "")
    if earlier and same_person(earlier, approver):
        return f"a version of the risk tier {tier} needs two approvers, and {approver} approved it for staging"
    return ""
