"""Which entries of the audit trail must prove something to count, and which of them don't.

The exporter says so in metrics, whose names stand here, because the screen reads them.
"""

from collections.abc import Set
from dataclasses import dataclass, field, replace

from lab.base.runs import REGISTER
from lab.governance.ledger import AuditView, Entry, Status
from lab.governance.rules.policy import Action

_PROVED = frozenset({Action.IDENTITY, Action.BASELINE, Action.APPROVE_DEPLOY})
DECISIONS = frozenset({Status.APPROVED, Status.REJECTED, Status.PROMOTED, Status.ARCHIVED})


def is_claim(entry: Entry) -> bool:
    """Whether the entry is a registration, a decision, or a change of identities, the baseline or a deployment."""
    registered = entry.action == REGISTER and entry.status is Status.SUCCESS
    return registered or entry.status in DECISIONS or entry.action in _PROVED


JUDGED = "governance_entries_judged"
UNCOUNTED = "governance_entries_uncounted"
UNCOUNTED_ENTRY = "governance_uncounted_entry"
OVERTAKEN, OVERTAKEN_ENTRY = "governance_entries_overtaken", "governance_overtaken_entry"
# So many of either kind are named; more would let whoever forges entries fill Prometheus.
NEWEST = 50


@dataclass(frozen=True)
class EntryValidity:
    """The numbers of entries that don't count, of those that a verification wrote to show that, and of those that lost
    a race; `judged` is the newest entry that was looked at.
    """

    judged: int = 0
    uncounted: Set[int] = field(default_factory=frozenset)
    probes: Set[int] = field(default_factory=frozenset)
    overtaken: Set[int] = field(default_factory=frozenset)

    def all_of(self, view: AuditView) -> bool:
        """Whether every entry in the view that must prove something was judged."""
        return all(entry.seq <= self.judged for entry in view.entries if is_claim(entry))

    def marked(self, view: AuditView) -> AuditView:
        """The view that says which entries don't count, older ones than it shows among them."""
        kinds = (self.uncounted, self.probes, self.overtaken)
        uncounted, probes, overtaken = (tuple(sorted(found, reverse=True)) for found in kinds)
        return replace(view, uncounted=uncounted, probes=probes, overtaken=overtaken)
