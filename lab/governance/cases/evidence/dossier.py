"""Everything that is on record about one model version, as values."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from lab.base.drift import Profile
from lab.base.drift_report import DriftReport
from lab.base.model_versions import ModelVersion
from lab.governance.ledger import Entry, Head, Verification
from lab.governance.rules.history import Record
from lab.governance.rules.registry_findings import Finding
from lab.governance.rules.signers import Signer
from lab.models.contract import Contract


@dataclass(frozen=True)
class Decision:
    """An entry that moved the version, and the identities that were known then."""

    entry: Entry
    known: tuple[Signer, ...]


@dataclass(frozen=True)
class Data:
    """The training data: its hash as audited and as recomputed from what is stored, its shape, and the
    contract that it is read by."""

    audited: str
    stored: str
    contract: Contract
    profile: Profile | None = None
    baseline: Profile | None = None
    drift: DriftReport | None = None


@dataclass(frozen=True)
class Excerpt:
    """The entries from the version's first to a published head, each with its exact bytes; `anchor` is that head."""

    bodies: tuple[tuple[int, bytes], ...]
    anchor: Head | None
    heads: tuple[Head, ...] = ()

    @property
    def first(self) -> int:
        return self.bodies[0][0] if self.bodies else 0

    @property
    def last(self) -> int:
        return self.bodies[-1][0] if self.bodies else 0


@dataclass(frozen=True)
class Dossier:
    """`made_at` is UTC in ISO 8601; `plots` are pictures by file name; `policy` is the text of the policy in force;
    `fairness` are sentences on how groups of people compare, as the run logged them.
    """

    lab: str
    made_at: str
    record: Record
    aliases: tuple[str, ...]
    found: ModelVersion | None
    decisions: tuple[Decision, ...]
    data: Data
    excerpt: Excerpt
    verification: Verification
    findings: tuple[Finding, ...] = ()
    params: Mapping[str, str] = field(default_factory=dict)
    plots: Mapping[str, bytes] = field(default_factory=dict)
    policy: str = ""
    fairness: tuple[str, ...] = ()

    @property
    def problems(self) -> tuple[str, ...]:
        """Why this evidence can't be relied on; none is right."""
        faults = [f"audit trail: entry {fault.seq}: {fault.problem}" for fault in self.verification.faults]
        changed = [str(finding) for finding in self.findings]
        if not self.data.stored:
            changed.append(f"the training data {self.data.audited[:12]} isn't in the store")
        elif self.data.stored != self.data.audited:
            changed.append(f"the stored training data has the hash {self.data.stored}, audited {self.data.audited}")
        return (*faults, *changed)
