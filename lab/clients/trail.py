"""Reading and checking the audit trail where it lies."""

import base64
import json
from collections import deque
from collections.abc import Callable, Iterable, Iterator

from lab.core.errors import LedgerError, NotFound
from lab.core.ledger import (
    PAGE,
    Chain,
    Copies,
    Entry,
    EntryStore,
    Head,
    Kind,
    Verification,
    VersionedStore,
    find_head,
    key_of,
    parse,
    seq_of,
)
from lab.core.snapshot import AuditView


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


def verify_trail(
    store: EntryStore, prefix: str, heads: Iterable[Head] = (), see: Callable[[Entry], None] = lambda _: None
) -> Verification:
    """Checks the whole trail, entry by entry, in constant memory; `see` gets each entry that can be read.

    Of an entry that was overwritten or hidden, a store that keeps versions gives the first, and the fault is named.
    """
    chain = Chain(heads=heads)
    for copies in _copies(store, prefix):
        if (body := read_first(store, copies, chain)) is not None and (entry := chain.take(copies.key, body)):
            see(entry)
    return chain.finish()


def read_first(store: EntryStore, copies: Copies, chain: Chain) -> bytes | None:
    """What was written first under a key, None when nothing is left; `chain` hears of all that came later."""
    number = seq_of(copies.key) or 0
    if copies.count > 1:
        chain.blame(number, Kind.OVERWRITTEN, f"{copies.key} has {copies.count} versions; the first one counts")
    if copies.hidden:
        chain.blame(number, Kind.DELETED, f"a deletion marker hides {copies.key}")
    try:
        if isinstance(store, VersionedStore):
            return store.read_version(copies.key, copies.first) if copies.first else None
        return store.read(copies.key)
    except NotFound:
        chain.blame(number, Kind.DELETED, f"{copies.key} vanished while it was read")
        return None


def stored_entries(store: EntryStore, prefix: str) -> Iterator[tuple[str, bytes]]:
    """Every (key, body) under the prefix, in order."""
    key = key_of(prefix, 0)
    while keys := store.keys_after(key, PAGE):
        for key in keys:
            yield key, store.read(key)


def entries_of_run(store: EntryStore, prefix: str, run_id: str, newest: int = 200) -> tuple[Entry, ...]:
    """The entries of one run among the `newest` ones, oldest first."""
    head = find_head(store, prefix)
    keys = store.keys_after(key_of(prefix, max(0, head - newest)), min(newest, PAGE))
    found = []
    for key in keys:
        try:
            entry = parse(store.read(key))
        except (LedgerError, NotFound):
            continue
        if entry.run_id == run_id:
            found.append(entry)
    return tuple(found)


def export_lines(store: EntryStore, prefix: str, first: int = 1) -> Iterator[str]:
    """The trail from entry `first` on as JSON Lines, every version of an overwritten entry on a line of its own."""
    for copies in _copies(store, prefix, first - 1):
        if not isinstance(store, VersionedStore):
            yield export_line(copies.key, store.read(copies.key))
            continue
        if copies.first:
            yield export_line(copies.key, store.read_version(copies.key, copies.first))
        if copies.count > 1 and not copies.hidden:
            yield export_line(copies.key, store.read(copies.key))


def export_line(key: str, body: bytes) -> str:
    """One line of an export: the key and the entry's exact text, in Base64 where it isn't UTF-8."""
    try:
        content = {"body": body.decode()}
    except UnicodeDecodeError:
        content = {"body_base64": base64.b64encode(body).decode()}
    return json.dumps({"key": key, **content}, ensure_ascii=False)


def _copies(store: EntryStore, prefix: str, after: int = 0) -> Iterator[Copies]:
    key = key_of(prefix, after) if after else ""
    if isinstance(store, VersionedStore):
        while page := store.copies_after(key, PAGE):
            yield from page
            key = page[-1].key
        return
    key = key or key_of(prefix, 0)
    while keys := store.keys_after(key, PAGE):
        for key in keys:
            yield Copies(key, "")
