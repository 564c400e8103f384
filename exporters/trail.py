"""Follows the audit trail and keeps checking it: new entries at once, old ones again and again in small steps."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from lab.clients.audit import Trail
from lab.core.errors import LabError, NotFound
from lab.core.ledger import Entry, EntryStore, Fault, Status, find_head, key_of

# New entries taken in one round, and old ones checked again in one: both bound what a round costs the store.
CATCH_UP = 200
RECHECK = 10


@dataclass(frozen=True)
class LedgerStatus:
    """What is known of the trail. `entries` is the head's number, `checked` how far the first check has come."""

    up: bool = False
    entries: int = 0
    checked: int = 0
    head_hash: str = ""
    faults: tuple[Fault, ...] = ()
    unfinished: tuple[Entry, ...] = ()
    by_status: Mapping[str, int] = field(default_factory=dict)
    rounds: int = 0
    error: str = ""
    known: bool = False


class TrailWatch:
    """One reader that never stops checking. A fault once found stays until the process ends: it must be looked at."""

    def __init__(self, store: EntryStore, prefix: str, catch_up: int = CATCH_UP, recheck: int = RECHECK) -> None:
        self._store, self._prefix = store, prefix
        self._catch_up, self._recheck = catch_up, recheck
        self._first = Trail(store, prefix, window=catch_up, from_start=True)
        self._second = Trail(store, prefix, window=recheck, from_start=True)
        self._mark: Entry | None = None
        self._head: Entry | None = None
        self._faults: dict[Fault, None] = {}
        self._counts: Counter[str] = Counter()
        self._counted = 0
        self._status = LedgerStatus()

    @property
    def status(self) -> LedgerStatus:
        return self._status

    def refresh(self) -> None:
        """One round. When the store fails, what was known stays and `up` turns false."""
        rounds = self._status.rounds + 1
        try:
            self._status = replace(self._round(), rounds=rounds)
        except LabError as err:
            self._status = replace(self._status, up=False, rounds=rounds, error=str(err))

    def _round(self) -> LedgerStatus:
        view = self._first.refresh(self._catch_up)
        self._count(view.entries)
        self._counted = view.length
        self._note(view.faults)
        head = find_head(self._store, self._prefix, view.length if self._head_stands() else 0)
        if head == view.length:
            self._check_again()
        return LedgerStatus(
            up=True,
            known=True,
            entries=head,
            checked=view.length,
            head_hash=self._head.hash if self._head and self._head.seq == head else "",
            faults=tuple(self._faults),
            unfinished=view.unfinished,
            by_status={status.value: self._counts[status.value] for status in Status},
        )

    def _count(self, newest_first: tuple[Entry, ...]) -> None:
        self._counts.update(entry.status.value for entry in newest_first if entry.seq > self._counted)
        if newest_first:
            self._head = newest_first[0]

    def _head_stands(self) -> bool:
        """Whether the newest entry is still what it was; the walk from the first entry would find out much later."""
        if self._head is None:
            return True
        try:
            same = self._store.read(key_of(self._prefix, self._head.seq)) == self._head.body()
        except NotFound:
            self._note((Fault(self._head.seq, "the newest entry is gone"),))
            return False
        if not same:
            self._note((Fault(self._head.seq, "the newest entry was modified"),))
        return True

    def _check_again(self) -> None:
        """One step of the next walk from the first entry: finds what was changed or cut after it had been checked."""
        if self._mark is None:
            self._mark = self._head
            self._second = Trail(self._store, self._prefix, window=self._recheck, from_start=True)
        if self._mark is None:
            return
        view = self._second.refresh(self._recheck)
        self._note(view.faults)
        there = {entry.seq: entry.hash for entry in view.entries}
        if there.get(self._mark.seq, self._mark.hash) != self._mark.hash:
            self._note((Fault(self._mark.seq, "the trail up to here was rewritten"),))
        if view.length >= self._mark.seq:
            self._mark = None
        elif not self._store.keys_after(key_of(self._prefix, view.length), 1):
            self._note((Fault(view.length + 1, f"entries up to {self._mark.seq} are gone"),))
            self._mark = None

    def _note(self, faults: tuple[Fault, ...]) -> None:
        self._faults |= dict.fromkeys(faults)
