"""The audit bucket's settings as metrics: what is weak, what can't be asked, and entries without their lock."""

from datetime import UTC, datetime, timedelta

from exporters.bucket_metrics import BucketCollector, BucketWatch
from exporters.trail_metrics import TrailWatch
from lab.base.errors import LabError, ServiceUnavailable
from lab.governance.ledger import Copies, Entry, Lock, Status
from lab.governance.ledger.retention import BucketSettings, Promise
from lab.governance.ledger.writer import Ledger
from tests.exporters.exposition import names, scrape, value
from tests.support.governed_lab import MemoryStore

PREFIX = "governance/audit/"
SOUND = BucketSettings("Enabled", "COMPLIANCE", 30)
WRITTEN = datetime(2026, 11, 1, tzinfo=UTC)
LOCKED = Lock("COMPLIANCE", WRITTEN + timedelta(days=30), WRITTEN)


class Bucket:
    """Settings that a test changes; or what is raised in their place."""

    def __init__(self) -> None:
        self.found: BucketSettings | LabError = SOUND

    def settings(self) -> BucketSettings:
        if isinstance(self.found, LabError):
            raise self.found
        return self.found


class LockingStore(MemoryStore):
    """A store that knows locks; entries that `locks` doesn't name are locked as promised."""

    def __init__(self) -> None:
        super().__init__()
        self.locks: dict[str, Lock] = {}

    def copies_after(self, key: str, limit: int) -> list[Copies]:
        return [Copies(name, "v") for name in self.keys_after(key, limit)]

    def read_version(self, key: str, version: str) -> bytes:
        return self.read(key)

    def read_locked(self, key: str, version: str) -> tuple[bytes, Lock]:
        return self.read(key), self.locks.get(key, LOCKED)


def test_a_weakened_setting_is_told_and_stays_told_while_nobody_answers() -> None:
    bucket = Bucket()
    watch = BucketWatch(bucket.settings, Promise(30))
    collector = BucketCollector(lambda: watch.status)
    assert "governance_audit_bucket_weak" not in names(scrape([collector]))
    watch.refresh()
    assert value(scrape([collector]), "governance_audit_bucket_weak", setting="lock") == 0
    bucket.found = BucketSettings("Enabled", "", 0, ("tidy",))
    watch.refresh()
    found = scrape([collector])
    weak = {
        name: value(found, "governance_audit_bucket_weak", setting=name) for name in ("lock", "lifecycle", "policy")
    }
    assert weak == {"lock": 1, "lifecycle": 1, "policy": 0}
    bucket.found = ServiceUnavailable("The store is down.")
    watch.refresh()
    found = scrape([collector])
    assert value(found, "governance_audit_bucket_up") == 0
    assert value(found, "governance_audit_bucket_weak", setting="lock") == 1


def test_entries_without_their_lock_are_counted_until_they_have_it() -> None:
    store = LockingStore()
    ledger = Ledger(store, PREFIX)
    for _ in range(3):
        ledger.append(Entry("a", Status.SUCCESS, "ann", "r", "dev", "t"))
    watch = TrailWatch(store, PREFIX, locked_days=30)
    store.locks = dict.fromkeys(sorted(store.objects)[1:], Lock())
    watch.refresh()
    watch.refresh()
    assert watch.status.exposed == 2
    assert watch.status.faults == ()
    store.locks = {}
    for _ in range(3):
        watch.refresh()
    assert watch.status.exposed == 0
