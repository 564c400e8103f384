"""Which entries of the audit trail say something that they must prove to count."""

from lab.core.ledger import Entry, Status
from lab.core.policy import Action
from lab.core.runs import STEPS

DECISIONS = frozenset({Status.APPROVED, Status.REJECTED, Status.PROMOTED, Status.ARCHIVED})


def is_claim(entry: Entry) -> bool:
    """Whether the entry is a registration, a decision, or a change of identities or of the baseline."""
    registered = entry.action == STEPS[3] and entry.status is Status.SUCCESS
    return registered or entry.status in DECISIONS or entry.action in {Action.IDENTITY, Action.BASELINE}
