"""Audit trails in memory, made of entries at given times."""

from datetime import UTC, datetime, timedelta

from lab.governance.ledger import Entry, Status, key_of, seal
from tests.support.governed_lab import MemoryStore

PREFIX = "audit/"
BEGIN = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def filled(*entries: Entry) -> MemoryStore:
    """A trail of these entries, sealed one after the other."""
    store = MemoryStore()
    last: Entry | None = None
    for entry in entries:
        last = seal(entry, last)
        store.objects[key_of(PREFIX, last.seq)] = last.body()
    return store


def entry(run_id: str, minutes: float, action: str = "train_model", **more: object) -> Entry:
    """A step of a run, so many minutes after BEGIN."""
    at = (BEGIN + timedelta(minutes=minutes)).isoformat().replace("+00:00", "Z")
    return Entry(action, Status.SUCCESS, "ada", "ml-engineer", "dev", at, run_id=run_id, **more)  # type: ignore[arg-type]
