"""What the registry must say of a version that the audit trail knows: its tags mirror the trail, never the reverse."""

from lab.core.history import Record
from lab.core.ledger import Status
from lab.core.models import ApprovalState


def expected_tags(record: Record) -> dict[str, str]:
    """What the registry's tags of a version must say; empty text means that there is no such tag."""
    request = record.registered
    tags = {
        "owner": request.owner,
        "environment": request.environment,
        "role": request.role,
        "approval_state": record.state.value,
        "data_hash": record.data_hash,
        "audit_owner": request.owner,
        "audit_env": request.environment,
        "audit_timestamp": request.time,
        "audit_seq": str(request.seq),
        "audit_hash": request.hash,
        "drift_state": record.drift,
        "deployment_blocked": "true" if blocked_reason(record) else "false",
    }
    if "baseline_hash" in request.details:
        tags["drift_baseline_hash"] = record.baseline_hash
    # Nothing may claim an approval that nobody gave.
    tags |= dict.fromkeys(("approved_by", "approved_at", "decision_seq", "decision_hash"), "")
    if record.decisions:
        newest, approved = record.decisions[-1], record.decided(Status.APPROVED)
        tags |= {
            "deployment_blocked_reason": blocked_reason(record),
            "approved_by": approved.owner if approved else "",
            "approved_at": approved.time if approved else "",
            "decision_seq": str(newest.seq),
            "decision_hash": newest.hash,
        }
    return tags


def blocked_reason(record: Record) -> str:
    """Everything that stands between a version and a deployment; empty when nothing does."""
    waiting = {
        ApprovalState.PENDING_STAGING: "awaiting approval",
        ApprovalState.PENDING_PROD: "awaiting approval for prod",
        ApprovalState.REJECTED: "rejected",
        ApprovalState.ARCHIVED: "archived",
    }
    reasons = [waiting[record.state]] if record.state in waiting else []
    if record.drift != "stable":
        reasons.append("data drifted" if record.drift == "drifted" else f"drift {record.drift or 'unknown'}")
    return "; ".join(reasons)
