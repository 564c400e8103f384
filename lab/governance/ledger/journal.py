"""Audit entries that couldn't be delivered, kept as files until the store is back, then appended exactly once.

A file holds an entry. With a number it was tried under that number, and whether the store took it isn't known; the
number is looked up before the entry is tried again, so that neither a lost answer nor a crash can write it twice.
"""

import os
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from lab.base.account import belong_to_folder
from lab.base.errors import LedgerError, ServiceUnavailable
from lab.base.file_lock import held
from lab.governance.ledger import Entry, parse

# Appends the first; the second was tried before; the callback hears of each new attempt before it is made.
Deliver = Callable[[Entry, Entry | None, Callable[[Entry], None]], Entry]


class Journal:
    """A folder of kept entries, shared by the lab's processes. Methods raise OSError."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def files(self) -> list[Path]:
        """What waits, oldest first."""
        return sorted(self._folder.glob("*.json"))

    def keep(self, entry: Entry) -> None:
        """Keeps an entry; one with a number was tried under it."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        _write_durably(self._folder / f"{time.time_ns():020d}-{uuid.uuid4().hex[:8]}.json", entry)

    def deliver(self, append: Deliver, deadline_s: float) -> int:
        """Appends what waits, oldest first, and returns how many that were; stops at the first that can't be.

        Raises what `append` raises, ServiceUnavailable when another process holds the journal too long, and
        LedgerError for a file that holds no entry.
        """
        if not self.files():
            return 0
        with self._locked(deadline_s):
            files = self.files()
            for path in files:
                self._deliver(path, append)
        return len(files)

    def _deliver(self, path: Path, append: Deliver) -> None:
        try:
            kept = parse(path.read_bytes())
        except LedgerError as err:
            raise LedgerError(
                f"{path} can't be delivered: {err.message}", "Find out who changed it, and move it away."
            ) from None
        late = replace(kept, details={**kept.details, "journal_id": path.stem}, seq=0, previous_hash="", hash="")
        append(late, kept if kept.seq else None, lambda attempt: _write_durably(path, attempt))
        path.unlink()

    @contextmanager
    def _locked(self, deadline_s: float) -> Iterator[None]:
        """Two processes must not append the same kept entry."""

        def late() -> ServiceUnavailable:
            return ServiceUnavailable(
                f"Another process has been delivering {self._folder} for {deadline_s:.0f} s.",
                "Type `invoke status`, then `invoke logs object-store`.",
            )

        with held(self._folder / ".lock", deadline_s, late):
            yield


def _write_durably(path: Path, entry: Entry) -> None:
    temporary = path.with_suffix(".part")
    with temporary.open("wb") as file:
        file.write(entry.body())
        file.flush()
        os.fsync(file.fileno())
    belong_to_folder(temporary)
    temporary.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
