"""Writing and following the audit trail: numbers are taken by conditional create, never by agreement."""

import fcntl
import json
import os
import random
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from lab.core.errors import LabError, LedgerError, NotFound, ServiceUnavailable
from lab.core.ledger import (
    Entry,
    EntryStore,
    Fault,
    Unfinished,
    Verification,
    find_head,
    key_of,
    link_problems,
    parse,
    seal,
    seq_of,
    verify,
)
from lab.core.snapshot import AuditView

_PAGE = 1000


def now_utc() -> str:
    """UTC in ISO 8601 with microseconds, as entries carry it."""
    return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


class Ledger:
    """The writer's side of a trail. One instance a process; several processes may write at once."""

    def __init__(
        self,
        store: EntryStore,
        prefix: str,
        journal: Path | None = None,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._store, self._prefix, self._journal = store, prefix, journal
        self._clock, self._pause = clock, pause
        self._head: Entry | None = None

    def append(self, entry: Entry, deadline_s: float = 15.0) -> Entry:
        """Writes `entry` as the next one and returns it sealed; entries waiting in the journal go first.

        Raises LedgerError when no number could be taken in time, ServiceUnavailable when the store doesn't answer.
        """
        self.flush_journal()
        return self._append(entry, deadline_s)

    def append_or_keep(self, entry: Entry) -> Entry | None:
        """As `append`, but an entry that can't be written now is kept in the local journal; None then."""
        try:
            return self.append(entry)
        except (ServiceUnavailable, LedgerError):
            if self._journal is None:
                raise
            self._journal.mkdir(parents=True, exist_ok=True)
            path = self._journal / f"{time.time_ns():020d}-{uuid.uuid4().hex[:8]}.json"
            _write_durably(path, entry.body())
            return None

    def waiting(self) -> int:
        """How many entries the journal holds."""
        return len(self._journal_files())

    def flush_journal(self) -> int:
        """Appends what the journal holds, oldest first, and returns how many that were."""
        if not self._journal_files():
            return 0
        with self._journal_lock():
            files = self._journal_files()
            for path in files:
                kept = parse(path.read_bytes())
                details = {**kept.details, "journal_id": path.stem}
                self._append(replace(kept, details=details), 15.0)
                path.unlink()
        return len(files)

    def _append(self, entry: Entry, deadline_s: float) -> Entry:
        end = self._clock() + deadline_s
        while True:
            head = self._find_head()
            sealed = seal(entry, head)
            key = key_of(self._prefix, sealed.seq)
            if self._store.create(key, sealed.body()):
                self._head = sealed
                return sealed
            self._head = parse(self._store.read(key))
            if self._head == sealed:  # an earlier attempt of this very request got through without our hearing of it
                return sealed
            if self._clock() > end:
                raise LedgerError(f"No number for an audit entry in {deadline_s:.0f} s: too many writers at once.")
            self._pause(random.uniform(0, 0.02))

    def _find_head(self) -> Entry | None:
        known = self._head.seq if self._head else 0
        seq = find_head(self._store, self._prefix, known)
        if seq != known:
            self._head = parse(self._store.read(key_of(self._prefix, seq)))
        return self._head

    def _journal_files(self) -> list[Path]:
        return sorted(self._journal.glob("*.json")) if self._journal else []

    @contextmanager
    def _journal_lock(self) -> Iterator[None]:
        """Two processes must not append the same kept entry."""
        assert self._journal is not None
        descriptor = os.open(self._journal / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


class Trail:
    """The reader's side: `refresh` asks only for what is new and checks every link on the way.

    Starts `window` entries before the head, or at the first entry with `from_start`.
    """

    def __init__(self, store: EntryStore, prefix: str, window: int = 50, from_start: bool = False) -> None:
        self._store, self._prefix = store, prefix
        self._entries: deque[Entry] = deque(maxlen=window)
        self._faults: list[Fault] = []
        self._unfinished = Unfinished()
        self._next = 1
        self._opened = from_start
        self._last: Entry | None = None

    def refresh(self, limit: int = _PAGE) -> AuditView:
        """Takes up to `limit` new entries. Raises ServiceUnavailable; a broken entry is a fault, not an error."""
        if not self._opened:
            head = find_head(self._store, self._prefix)
            self._next = max(1, head - (self._entries.maxlen or 1) + 1)
            self._opened = True
        for key in self._store.keys_after(key_of(self._prefix, self._next - 1), min(limit, _PAGE)):
            seq = seq_of(key)
            if seq is not None:
                self._take(seq, self._store.read(key))
        return AuditView(
            tuple(reversed(self._entries)), self._next - 1, tuple(self._faults), self._unfinished.entries()
        )

    def _take(self, seq: int, body: bytes) -> None:
        self._faults.extend(Fault(n, "entry is missing") for n in range(self._next, seq))
        self._next = seq + 1
        try:
            entry = parse(body)
        except LabError as err:
            self._faults.append(Fault(seq, err.message))
            self._last = None
            return
        self._faults.extend(Fault(seq, problem) for problem in link_problems(entry, body, seq, self._last))
        self._entries.append(entry)
        self._unfinished.see(entry)
        self._last = entry


def verify_trail(store: EntryStore, prefix: str) -> Verification:
    """Checks the whole trail, entry by entry, in constant memory."""
    return verify(stored_entries(store, prefix))


def stored_entries(store: EntryStore, prefix: str) -> Iterator[tuple[str, bytes]]:
    """Every (key, body) under the prefix, in order."""
    key = key_of(prefix, 0)
    while keys := store.keys_after(key, _PAGE):
        for key in keys:
            yield key, store.read(key)


def entries_of_run(store: EntryStore, prefix: str, run_id: str, newest: int = 200) -> tuple[Entry, ...]:
    """The entries of one run among the `newest` ones, oldest first."""
    head = find_head(store, prefix)
    keys = store.keys_after(key_of(prefix, max(0, head - newest)), min(newest, _PAGE))
    found = []
    for key in keys:
        try:
            entry = parse(store.read(key))
        except (LedgerError, NotFound):
            continue
        if entry.run_id == run_id:
            found.append(entry)
    return tuple(found)


def export_line(key: str, body: bytes) -> str:
    """One line of an export (JSON Lines): the key and the entry's exact text."""
    return json.dumps({"key": key, "body": body.decode("utf-8", errors="replace")}, ensure_ascii=False)


def _write_durably(path: Path, body: bytes) -> None:
    temporary = path.with_suffix(".part")
    with temporary.open("wb") as file:
        file.write(body)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
