"""Writing the audit trail: numbers are taken by conditional create, never by agreement."""

import logging
import random
import time
from collections.abc import Callable
from pathlib import Path

from lab.base.errors import LabError, LedgerError, ServiceUnavailable
from lab.governance.ledger import GENESIS, Entry, EntryStore, find_head, is_sound, key_of, parse, seal
from lab.governance.ledger.journal import Journal
from lab.governance.ledger.published_heads import PublishedHeads
from lab.governance.ledger.reader import Trail, entries_of_run, export_line, stored_entries, verify_trail

__all__ = [
    "Ledger",
    "Trail",
    "Unacknowledged",
    "entries_of_run",
    "export_line",
    "stored_entries",
    "verify_trail",
]

_DEADLINE_S = 15.0
log = logging.getLogger("lab.audit")


class Unacknowledged(ServiceUnavailable):
    """The store didn't answer a write: `tried` may be in the trail, now or as soon as the store goes on."""

    def __init__(self, tried: Entry, cause: LabError) -> None:
        super().__init__(cause.message, cause.remedy)
        self.tried = tried


class Ledger:
    """The writer's side of a trail. One instance a process; several processes may write at once.

    `journal` is a folder for entries that can't be delivered; `published` writes down each head that was made.
    """

    def __init__(
        self,
        store: EntryStore,
        prefix: str,
        journal: Path | None = None,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], None] = time.sleep,
        published: PublishedHeads | None = None,
    ) -> None:
        self._store, self._prefix = store, prefix
        self._journal = Journal(journal) if journal else None
        self._clock, self._pause, self._published = clock, pause, published
        self._head: Entry | None = None

    def append(self, entry: Entry, deadline_s: float = _DEADLINE_S) -> Entry:
        """Writes `entry` as the next one and returns it sealed; entries waiting in the journal go first.

        Raises LedgerError when no number could be taken in time or the newest entry is broken, Unacknowledged when
        the store may have taken the entry all the same, and ServiceUnavailable when it didn't.
        """
        self.flush_journal()
        return self._append(entry, deadline_s=deadline_s)

    def append_or_keep(self, entry: Entry) -> Entry | None:
        """As `append`, but an entry that can't be written now is kept in the local journal; None then."""
        try:
            return self.append(entry)
        except LabError as err:
            if self._journal is None:
                raise
            self._journal.keep(err.tried if isinstance(err, Unacknowledged) else entry)
            return None

    def waiting(self) -> int:
        """How many entries the journal holds."""
        return len(self._journal.files()) if self._journal else 0

    def flush_journal(self) -> int:
        """Appends what the journal holds, oldest first, and returns how many that were."""
        if self._journal is None:
            return 0
        try:
            return self._journal.deliver(self._append, _DEADLINE_S)
        except Unacknowledged as err:
            # The caller's own entry wasn't tried: it was another one, and the journal still has that.
            raise ServiceUnavailable(err.message, err.remedy) from None

    def _append(
        self,
        entry: Entry,
        tried: Entry | None = None,
        before: Callable[[Entry], None] = lambda _: None,
        deadline_s: float = _DEADLINE_S,
    ) -> Entry:
        end = self._clock() + deadline_s
        while True:
            head = self._find_head()
            if tried and head and head.seq >= tried.seq:
                if self._at(tried.seq) == tried.body():
                    return tried
                tried = None  # its number belongs to another entry now, so it can't get through any more
            # The same bytes once more, where the number is still free: whichever attempt gets through is the entry.
            again = tried is not None and tried.previous_hash == (head.hash if head else GENESIS)
            sealed = tried if tried and again else seal(entry, head)
            before(sealed)
            if self._create(sealed):
                return self._made(sealed)
            self._head = self._read(sealed.seq)
            if self._head == sealed:  # an earlier attempt got through without our hearing of it
                return self._made(sealed)
            tried = None
            if self._clock() > end:
                raise LedgerError(
                    f"No number for an audit entry in {deadline_s:.0f} s: too many writers at once.",
                    "Try again when fewer runs and commands write to this trail.",
                )
            self._pause(random.uniform(0, 0.02))

    def _create(self, sealed: Entry) -> bool:
        body = sealed.body()
        try:
            return self._store.create(key_of(self._prefix, sealed.seq), body)
        except ServiceUnavailable as err:
            raise Unacknowledged(sealed, err) from None

    def _made(self, sealed: Entry) -> Entry:
        self._head = sealed
        if self._published:
            try:
                self._published.note(sealed.seq, sealed.hash)
            except OSError as err:
                log.warning("head %d isn't published in %s: %s", sealed.seq, self._published.path, err)
        return sealed

    def _find_head(self) -> Entry | None:
        known = self._head.seq if self._head else 0
        seq = find_head(self._store, self._prefix, known)
        if seq != known:
            self._head = self._read(seq)
        return self._head

    def _at(self, seq: int) -> bytes:
        return self._store.read(key_of(self._prefix, seq))

    def _read(self, seq: int) -> Entry:
        """The entry to build on. Raises LedgerError when it was tampered with: the trail must not go on from there."""
        body = self._at(seq)
        try:
            entry = parse(body)
            if entry.seq == seq and is_sound(entry, body):
                return entry
            problem = "it was modified"
        except LedgerError as err:
            problem = err.message
        raise LedgerError(
            f"The newest audit entry, {seq}, can't be trusted: {problem}", "Type `mlops-lab audit verify`."
        )
