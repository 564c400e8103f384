"""Decisions that lost a race: right when they were signed, and too late when they came.

Each signed statement names the newest entry about its subject. Where another entry about it came in between, the later
one doesn't count; the chain alone shows that, and whether the statement would have counted just before.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from hashlib import sha256
from typing import Generic, TypeVar

from lab.base.errors import LedgerError
from lab.governance.ledger import Entry, canonical
from lab.governance.rules.identities import moment

T = TypeVar("T")

# Between looking and the last touch of a key. Beyond it nobody decided "at the same time".
WINDOW = timedelta(hours=1)


class Overtaken(LedgerError):
    """The decision lost a race; nobody did anything wrong."""


@dataclass(frozen=True)
class _Then(Generic[T]):
    known: T
    by: Entry


class Past(Generic[T]):
    """What was known just before each entry that became the newest about a subject, by the one that it followed.

    Memory grows with the entries about subjects that are decided on.
    """

    def __init__(self) -> None:
        self._then: dict[str, _Then[T]] = {}

    def note(self, prior: str, known: T, by: Entry) -> None:
        """`known` was true as long as `prior` was the newest entry; `by` followed it."""
        self._then.setdefault(prior, _Then(known, replace(by, details={})))

    def known(self, prior: str) -> T | None:
        """What was true when `prior` was the newest entry; None when it never was, or still is."""
        then = self._then.get(prior)
        return then.known if then else None

    def refuse(self, prior: str, entry: Entry) -> None:
        """Raises Overtaken for an entry that would have counted behind `prior`, LedgerError for one that is too old."""
        by = self._then[prior].by
        if not same_time(entry, by):
            raise LedgerError(f"entry {by.seq} came before it, and it isn't of the same time")
        raise Overtaken(f"it came too late: entry {by.seq} ({by.action} {by.status} by {by.owner}) was written first")


class Judged:
    """The statements that were judged: a copy is no second decision."""

    def __init__(self) -> None:
        self._digests: set[bytes] = set()

    def once(self, entry: Entry) -> None:
        """Raises LedgerError for a statement that was judged before."""
        raw = entry.details.get("statement")
        if not isinstance(raw, Mapping):
            return
        digest = sha256(canonical(raw)).digest()
        if digest in self._digests:
            raise LedgerError("the same statement came before")
        self._digests.add(digest)


def prior_of(entry: Entry) -> str:
    """The entry that a statement names as the newest about its subject; empty where there is none."""
    raw = entry.details.get("statement")
    prior = raw.get("prior") if isinstance(raw, Mapping) else None
    return prior if isinstance(prior, str) else ""


def same_time(one: Entry, other: Entry) -> bool:
    """Whether two people may have worked on these entries at the same time."""
    first, second = moment(one.time), moment(other.time)
    return first is not None and second is not None and abs(first - second) <= WINDOW
