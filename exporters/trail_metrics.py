"""Follows the audit trail and keeps checking it: new entries at once, old ones again and again in small steps."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from heapq import merge

from lab.base.errors import LabError, NotFound
from lab.governance.ledger import Entry, EntryStore, Fault, Head, Kind, Status, find_head, key_of
from lab.governance.ledger.published_heads import PublishedHeads
from lab.governance.ledger.reader import Trail, Walk
from lab.governance.rules.approval_states import PROBE

# New entries taken in one round, and old ones checked again in one: both bound what a round costs the store.
CATCH_UP = 200
RECHECK = 10


@dataclass(frozen=True)
class LedgerStatus:
    """What is known of the trail. `entries` is the head's number, `checked` how far the first check has come,
    `exposed` how many entries were found that the store would let somebody delete too early, `blocked_at` when
    something was last blocked that was no probe (epoch seconds; 0: never).
    """

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
    exposed: int = 0
    blocked_at: float = 0.0


class TrailWatch:
    """One reader that never stops checking. A fault once found stays until the process ends: it must be looked at.

    Heads that it sees go into `published`, and what is there already must still be in the trail.
    """

    def __init__(
        self,
        store: EntryStore,
        prefix: str,
        catch_up: int = CATCH_UP,
        recheck: int = RECHECK,
        published: PublishedHeads | None = None,
        locked_days: int = 0,
    ) -> None:
        self._store, self._prefix, self._published = store, prefix, published
        self._locked_days, self._exposed = locked_days, 0
        self._catch_up, self._recheck = catch_up, recheck
        self._head: Entry | None = None
        self._faults: dict[Fault, None] = {}
        self._counts: Counter[str] = Counter()
        self._counted = 0
        self._blocked_at = 0.0
        self._status = LedgerStatus()
        self._first = Trail(store, prefix, window=catch_up, from_start=True, heads=self._heads())
        self._walk: Walk | None = None

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
        head, stands = view.length, self._head_stands()
        if not stands or not self._first.caught_up:
            head = find_head(self._store, self._prefix, head if stands else 0)
        if head == view.length:
            self._publish()
            self._check_again()
        return LedgerStatus(
            up=True,
            known=True,
            entries=head,
            checked=view.length,
            head_hash=self._head.hash if self._head and self._head.seq == head else "",
            faults=tuple(self._faults),
            unfinished=view.unfinished,
            exposed=self._exposed,
            blocked_at=self._blocked_at,
            by_status={status.value: self._counts[status.value] for status in Status},
        )

    def _count(self, newest_first: tuple[Entry, ...]) -> None:
        new = [entry for entry in newest_first if entry.seq > self._counted]
        self._counts.update(entry.status.value for entry in new)
        # A probe has to be blocked.
        blocked = [_moment(entry) for entry in new if entry.status is Status.BLOCKED and entry.owner != PROBE]
        self._blocked_at = max([self._blocked_at, *blocked])
        if newest_first:
            self._head = newest_first[0]

    def _head_stands(self) -> bool:
        """Whether the newest entry is still what it was; the walk from the first entry would find out much later."""
        if self._head is None:
            return True
        try:
            same = self._store.read(key_of(self._prefix, self._head.seq)) == self._head.body()
        except NotFound:
            return False  # following the trail has named it
        if not same:
            self._note((Fault(self._head.seq, "modified: the newest entry isn't what it was", Kind.MODIFIED),))
        return True

    def _publish(self) -> None:
        if self._published and self._head:
            try:
                self._published.note(self._head.seq, self._head.hash)
            except OSError as err:
                raise LabError(
                    f"The head can't be published in {self._published.path}: {err.strerror}.",
                    "Make its folder writable, with room on its disk.",
                ) from None

    def _check_again(self) -> None:
        """One step of the next walk from the first entry: finds what was changed or cut after it had been checked."""
        if self._walk is None or self._walk.done:
            self._walk = Walk(self._store, self._prefix, self._heads(), self._locked_days)
        self._walk.step(self._recheck)
        self._note(self._walk.faults)
        # A walk that has come to its end tells of all entries, also that those before are locked again.
        self._exposed = self._walk.exposed_count if self._walk.done else max(self._exposed, self._walk.exposed_count)

    def _heads(self) -> Iterator[Head]:
        """Every head that was published, and the newest one seen; as they are at the time of the call."""
        seen = [Head(self._head.seq, self._head.hash, "seen before")] if self._head else []
        published = self._published.heads() if self._published else iter(())
        return self._in_order(merge(published, seen, key=lambda head: head.seq))

    def _in_order(self, heads: Iterator[Head]) -> Iterator[Head]:
        try:
            yield from heads
        except LabError as err:
            self._note((Fault(0, err.message),))

    def _note(self, faults: tuple[Fault, ...]) -> None:
        self._faults |= dict.fromkeys(faults)


def _moment(entry: Entry) -> float:
    """When an entry says that it was written; 0 for one that doesn't."""
    try:
        return datetime.fromisoformat(entry.time).timestamp()
    except ValueError:
        return 0.0
