"""Reading and checking the audit trail where it lies."""

import base64
import json
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace

from lab.base.errors import LedgerError, NotFound
from lab.governance.ledger import (
    PAGE,
    AuditView,
    Chain,
    Copies,
    Entry,
    EntryStore,
    Fault,
    Head,
    Kind,
    LockedStore,
    Verification,
    VersionedStore,
    find_head,
    key_of,
    parse,
    seq_of,
)
from lab.governance.ledger.retention import LockCheck

# Among so many entries those of a run are looked for that has just ended.
_NEWEST = 200


class Trail:
    """Follows a trail: `refresh` asks only for what is new and checks every link on the way.

    Starts `window` entries before the head, or at the first entry with `from_start`; `heads` are those that were
    published, in rising order.
    """

    def __init__(
        self,
        store: EntryStore,
        prefix: str,
        window: int = 50,
        from_start: bool = False,
        heads: Iterable[Head] = (),
    ) -> None:
        self._store, self._prefix, self._window = store, prefix, window
        self._entries: deque[Entry] = deque(maxlen=window)
        self._heads = heads
        self._chain: Chain | None = Chain(1, heads) if from_start else None
        self.caught_up = False  # whether the last refresh saw the end of the trail

    def refresh(self, limit: int = PAGE) -> AuditView:
        """Takes up to `limit` new entries. Raises ServiceUnavailable; a broken entry is a fault, not an error."""
        self._chain = chain = self._chain or self._open()
        # The last known entry is asked for once more: it must still be there.
        last = chain.next - 1
        limit = min(limit + (1 if last else 0), PAGE)
        keys = self._store.keys_after(key_of(self._prefix, max(0, last - 1)), limit)
        self.caught_up = len(keys) < limit
        known = key_of(self._prefix, last)
        if last and chain.checked and known not in keys:
            chain.blame(last, Kind.CUT_OFF, f"entry {last} is gone")
        for key in keys:
            if key > known:
                self._take(chain, key)
        if self.caught_up:
            chain.cut_off()
        return AuditView(tuple(reversed(self._entries)), chain.next - 1, chain.faults, chain.unfinished)

    def _open(self) -> Chain:
        return Chain(max(1, find_head(self._store, self._prefix) - self._window + 1), self._heads)

    def _take(self, chain: Chain, key: str) -> None:
        number = seq_of(key)
        try:
            body = self._store.read(key) if number else b""
        except NotFound:
            chain.blame(number or 0, Kind.DELETED, f"{key} vanished while it was read")
            return
        entry = chain.take(key, body)
        if entry is not None:
            self._entries.append(entry)


class Walk:
    """A check of a trail from its first entry, in steps; memory is constant.

    Of an entry that was overwritten or hidden, a store that keeps versions gives the first, and the fault is named.
    With `locked_days`, each entry's lock is compared with what is promised, where the store says.
    """

    def __init__(self, store: EntryStore, prefix: str, heads: Iterable[Head] = (), locked_days: int = 0) -> None:
        self._store, self._prefix = store, prefix
        self._locks = LockCheck(locked_days) if locked_days else None
        self._chain = Chain(heads=heads)
        self._key = ""
        self.done = False

    @property
    def faults(self) -> tuple[Fault, ...]:
        return self._chain.faults

    @property
    def exposed(self) -> tuple[Fault, ...]:
        """Entries that are locked for less than promised."""
        return tuple(self._locks.faults) if self._locks else ()

    @property
    def exposed_count(self) -> int:
        """How many there are."""
        return self._locks.count if self._locks else 0

    def step(self, limit: int = PAGE, see: Callable[[Entry], None] = lambda _: None) -> None:
        """Takes up to `limit` more entries; `see` gets each that can be read. Raises ServiceUnavailable."""
        page = _copies_after(self._store, self._prefix, self._key, limit)
        for copies in page:
            body = self._first(copies)
            if body is not None and (entry := self._chain.take(copies.key, body)):
                see(entry)
            self._key = copies.key
        if not page:
            self.done = True
            self._chain.cut_off()

    def finish(self) -> Verification:
        return replace(self._chain.finish(), exposed=self.exposed)

    def _first(self, copies: Copies) -> bytes | None:
        """What was written first under a key; None when nothing of it is left."""
        number, name = seq_of(copies.key) or 0, copies.key
        if copies.count > 1:
            self._chain.blame(number, Kind.OVERWRITTEN, f"{name} has {copies.count} versions; the first one counts")
        if copies.hidden:
            self._chain.blame(number, Kind.DELETED, f"a deletion marker hides {name}")
        try:
            if self._locks and isinstance(self._store, LockedStore) and copies.first:
                body, lock = self._store.read_locked(copies.key, copies.first)
                self._locks.see(number, lock)
                return body
            return _read_first(self._store, copies)
        except NotFound:
            self._chain.blame(number, Kind.DELETED, f"{name} vanished while it was read")
            return None


def verify_trail(
    store: EntryStore,
    prefix: str,
    heads: Iterable[Head] = (),
    see: Callable[[Entry], None] = lambda _: None,
    locked_days: int = 0,
) -> Verification:
    """Checks the whole trail, as `Walk` does; `see` gets each entry that can be read. Raises ServiceUnavailable."""
    walk = Walk(store, prefix, heads, locked_days)
    while not walk.done:
        walk.step(PAGE, see)
    return walk.finish()


def stored_entries(store: EntryStore, prefix: str) -> Iterator[tuple[str, bytes]]:
    """Every (key, body) under the prefix, in order."""
    key = key_of(prefix, 0)
    while keys := store.keys_after(key, PAGE):
        for key in keys:
            yield key, store.read(key)


def entries_of_run(store: EntryStore, prefix: str, run_id: str, after: int | None = None) -> tuple[Entry, ...]:
    """The entries of one run, oldest first: among those behind number `after`, or else among the newest ones.

    Who knows which entry was the last before the run reads no more than what was written since.
    """
    first = max(0, find_head(store, prefix) - _NEWEST) if after is None else after
    return tuple(entry for entry in _readable_after(store, prefix, first) if entry.run_id == run_id)


def _readable_after(store: EntryStore, prefix: str, seq: int) -> Iterator[Entry]:
    key = key_of(prefix, seq)
    while keys := store.keys_after(key, PAGE):
        for key in keys:
            with suppress(LedgerError, NotFound):
                yield parse(store.read(key))
        if len(keys) < PAGE:
            return


def export_lines(store: EntryStore, prefix: str, first: int = 1) -> Iterator[str]:
    """The trail from entry `first` on as JSON Lines; where an entry was overwritten, the newest version comes, too."""
    key = key_of(prefix, first - 1) if first > 1 else ""
    while page := _copies_after(store, prefix, key, PAGE):
        for copies in page:
            if (body := _read_first(store, copies)) is not None:
                yield export_line(copies.key, body)
            if copies.count > 1 and not copies.hidden:
                yield export_line(copies.key, store.read(copies.key))
            key = copies.key


def export_line(key: str, body: bytes) -> str:
    """One line of an export: the key and the entry's exact text, in Base64 where it isn't UTF-8."""
    try:
        content = {"body": body.decode()}
    except UnicodeDecodeError:
        content = {"body_base64": base64.b64encode(body).decode()}
    return json.dumps({"key": key, **content}, ensure_ascii=False)


def _copies_after(store: EntryStore, prefix: str, key: str, limit: int) -> Sequence[Copies]:
    if isinstance(store, VersionedStore):
        return store.copies_after(key, limit)
    return [Copies(name, "") for name in store.keys_after(key or key_of(prefix, 0), limit)]


def _read_first(store: EntryStore, copies: Copies) -> bytes | None:
    if isinstance(store, VersionedStore):
        return store.read_version(copies.key, copies.first) if copies.first else None
    return store.read(copies.key)
