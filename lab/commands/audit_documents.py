"""The JSON documents of what was found in the audit trail, and of what was closed in it."""

from dataclasses import dataclass

from lab.governance.cases.unrecorded_steps import Unaudited
from lab.governance.ledger import Entry
from lab.governance.ledger.entry import Fault


@dataclass(frozen=True)
class HeadDocument:
    """The newest entry."""

    seq: int
    hash: str


@dataclass(frozen=True)
class VerifiedDocument:
    """Whether the trail is `intact`; `bucket` is what the bucket's settings lack, `exposed` which entries lack it."""

    intact: bool
    checked: int
    head: HeadDocument | None
    faults: tuple[Fault, ...]
    unfinished: tuple[Entry, ...]
    heads: int
    exposed: tuple[Fault, ...]
    notes: tuple[str, ...]
    bucket: tuple[str, ...]


@dataclass(frozen=True)
class LeftDocument:
    """An entry whose end can't be recorded, and why."""

    seq: int
    reason: str


@dataclass(frozen=True)
class ClosedDocument:
    """What was ended on record, what stays open, and what did something that isn't on record."""

    closed: tuple[Entry, ...]
    left: tuple[LeftDocument, ...]
    unaudited: tuple[Unaudited, ...]
