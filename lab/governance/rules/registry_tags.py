"""The registry's tags: what they must say of a version that the audit trail knows, and what they claim of the trail.

Tags mirror the trail, never the reverse. Whoever reaches MLflow can write them, so they convict nobody.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from lab.base.model_versions import ApprovalState, ModelVersion
from lab.base.names import shown, whole_number
from lab.governance.ledger import Entry, Head, Status
from lab.governance.rules.history import Record


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


_KINDS = ("audit", "decision")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_SHOWN = 80


@dataclass(frozen=True)
class Named:
    """The entry that a version's tags name. `head` is None where they name none that there can be."""

    model: str
    version: str
    tag: str
    said: str
    head: Head | None

    def __str__(self) -> str:
        return f"MLflow's tag {self.tag} of version {self.version} of {self.model} says {self.said}"


def named_entries(version: ModelVersion) -> Iterator[Named]:
    """What the tags of `version` name, read into values with bounds."""
    # Whoever reaches MLflow names models, too.
    model = shown(version.name)
    for kind in _KINDS:
        seq, digest = version.tags.get(f"{kind}_seq", ""), version.tags.get(f"{kind}_hash", "")
        if not seq and not digest:
            continue
        number, source = whole_number(seq), f"in tag {kind}_hash of version {version.version} of {model}"
        sound = number and _SHA256.fullmatch(digest)
        said = f"{shortened(seq) or 'no number'}, {shortened(digest) or 'no hash'}"
        yield Named(
            model, version.version, f"{kind}_seq", said, Head(number, digest, source) if number and sound else None
        )


def named_number(version: ModelVersion, kind: str) -> int:
    """The number in the tag `<kind>_seq`; 0 where there is none that an entry can have."""
    return whole_number(version.tags.get(f"{kind}_seq", "")) or 0


class RegistryClaims:
    """Compares what tags name with the entries of a trail as they pass; memory grows with versions."""

    def __init__(self, versions: Iterable[ModelVersion]) -> None:
        self._asked: dict[int, list[Named]] = {}
        self._agreed: list[Head] = []
        self._wrong: list[Named] = []
        for one in (named for version in versions for named in named_entries(version)):
            if one.head:
                self._asked.setdefault(one.head.seq, []).append(one)
            else:
                self._wrong.append(one)

    def see(self, entry: Entry) -> None:
        """Takes the next entry."""
        for one in self._asked.pop(entry.seq, ()):
            if one.head and one.head.hash == entry.hash:
                self._agreed.append(one.head)
            else:
                self._wrong.append(one)

    @property
    def agreed(self) -> tuple[Head, ...]:
        """The heads in tags that the trail has, in rising order."""
        return tuple(sorted(self._agreed, key=lambda head: head.seq))

    @property
    def problems(self) -> tuple[str, ...]:
        """What tags claim and the trail doesn't have, once all of it has passed."""
        missing = [one for named in self._asked.values() for one in named]
        return tuple(f"{one}: no such entry is in the trail" for one in (*self._wrong, *missing))


def shortened(text: str) -> str:
    """As much of a claim as helps whoever reads of it."""
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}… ({len(text)} characters)"
