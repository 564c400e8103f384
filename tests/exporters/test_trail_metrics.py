import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from exporters.trail_metrics import TrailWatch
from lab.base.errors import NotFound, ServiceUnavailable
from lab.governance.ledger import Entry, Kind, Status, key_of, seal
from lab.governance.ledger.published_heads import PublishedHeads
from lab.governance.ledger.reader import Trail
from lab.governance.rules.approval_states import PROBE

PREFIX = "governance/audit/"


class Store:
    """An audit bucket in memory that lets a test do what Object Lock forbids."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.requests = self.lists = 0
        self.broken = False

    def create(self, key: str, body: bytes) -> bool:
        raise AssertionError("a watcher never writes")

    def read(self, key: str) -> bytes:
        self._count()
        if key not in self.objects:
            raise NotFound(f"{key} is not in the object store.")
        return self.objects[key]

    def keys_after(self, key: str, limit: int) -> list[str]:
        self._count()
        self.lists += 1
        return sorted(found for found in self.objects if found > key)[:limit]

    def _count(self) -> None:
        self.requests += 1
        if self.broken:
            raise ServiceUnavailable("The object store doesn't answer.")


def chain(count: int, owner: str = "ada") -> list[Entry]:
    found: list[Entry] = []
    for number in range(count):
        status = Status.STARTED if number % 2 == 0 else Status.SUCCESS
        entry = Entry("ingest_data", status, owner, "ml-engineer", "dev", "2026-01-01T00:00:00Z", f"run{number // 2}")
        found.append(seal(entry, found[-1] if found else None))
    return found


def write(store: Store, entries: list[Entry]) -> None:
    store.objects |= {key_of(PREFIX, entry.seq): entry.body() for entry in entries}


def follow(watch: TrailWatch, until: Callable[[], bool]) -> None:
    for _ in range(200):
        watch.refresh()
        if until():
            return
    raise AssertionError(f"not within 200 rounds: {watch.status}")


@pytest.fixture
def store() -> Store:
    made = Store()
    write(made, chain(50))
    return made


@pytest.fixture
def watch(store: Store) -> TrailWatch:
    made = TrailWatch(store, PREFIX, catch_up=20, recheck=5)
    follow(made, lambda: made.status.checked == 50)
    return made


def test_a_sound_trail_is_intact_however_often_it_is_walked(store: Store, watch: TrailWatch) -> None:
    for _ in range(100):
        watch.refresh()
    assert watch.status.faults == ()
    assert watch.status.entries == 50
    assert watch.status.head_hash == chain(50)[-1].hash
    assert watch.status.by_status["started"] == 25
    assert watch.status.by_status["success"] == 25
    assert watch.status.by_status["blocked"] == 0


def test_the_head_is_known_before_everything_was_checked(store: Store) -> None:
    watch = TrailWatch(store, PREFIX, catch_up=20)
    watch.refresh()
    assert (watch.status.entries, watch.status.checked) == (50, 20)


def test_new_entries_are_taken_and_counted_once(store: Store, watch: TrailWatch) -> None:
    write(store, chain(53))
    watch.refresh()
    watch.refresh()
    assert watch.status.entries == 53
    assert watch.status.by_status["started"] == 27
    assert [entry.seq for entry in watch.status.unfinished] == [53]


def test_a_round_over_a_checked_trail_costs_few_requests(store: Store, watch: TrailWatch) -> None:
    before = store.requests
    watch.refresh()
    assert store.requests - before <= 5 + 5


def test_an_entry_modified_after_its_check_is_found(store: Store, watch: TrailWatch) -> None:
    key = key_of(PREFIX, 3)
    store.objects[key] = store.objects[key].replace(b"ada", b"eve")
    follow(watch, lambda: bool(watch.status.faults))
    assert {fault.seq for fault in watch.status.faults} == {3}


def test_an_entry_deleted_after_its_check_is_found(store: Store, watch: TrailWatch) -> None:
    del store.objects[key_of(PREFIX, 7)]
    follow(watch, lambda: bool(watch.status.faults))
    assert any(fault.seq == 7 and "missing" in fault.problem for fault in watch.status.faults)


def test_a_cut_tail_is_found_in_the_next_round(store: Store, watch: TrailWatch) -> None:
    del store.objects[key_of(PREFIX, 50)]
    watch.refresh()
    assert watch.status.entries == 49
    assert any("gone" in fault.problem for fault in watch.status.faults)


def test_a_trail_rewritten_as_a_whole_is_found_although_it_is_consistent(store: Store, watch: TrailWatch) -> None:
    write(store, chain(50, owner="eve"))
    watch.refresh()
    assert any("modified" in fault.problem for fault in watch.status.faults)


def test_a_trail_rewritten_and_continued_is_found(store: Store, watch: TrailWatch) -> None:
    watch.refresh()  # the walk from the first entry has begun and remembers entry 50
    write(store, chain(60, owner="eve"))
    follow(watch, lambda: any("rewritten" in fault.problem for fault in watch.status.faults))


def test_an_emptied_bucket_is_found(store: Store, watch: TrailWatch) -> None:
    store.objects.clear()
    watch.refresh()
    assert watch.status.entries == 0
    assert watch.status.faults


def test_an_object_that_is_no_entry_is_a_fault_and_not_the_end(store: Store) -> None:
    store.objects[key_of(PREFIX, 10)] = b"not json"
    watch = TrailWatch(store, PREFIX)
    watch.refresh()
    assert watch.status.checked == 50
    assert any(fault.seq == 10 for fault in watch.status.faults)


def test_a_store_that_went_away_keeps_what_was_known(store: Store, watch: TrailWatch) -> None:
    store.broken = True
    watch.refresh()
    assert not watch.status.up
    assert watch.status.known
    assert watch.status.entries == 50
    assert "doesn't answer" in watch.status.error
    store.broken = False
    watch.refresh()
    assert watch.status.up
    assert watch.status.error == ""


def test_an_empty_trail_is_intact() -> None:
    watch = TrailWatch(Store(), PREFIX)
    watch.refresh()
    assert watch.status.up
    assert watch.status.entries == 0
    assert watch.status.faults == ()


def test_heads_are_published_and_a_later_watcher_misses_what_was_cut(store: Store, tmp_path: Path) -> None:
    published = PublishedHeads.in_folder(tmp_path)
    first = TrailWatch(store, PREFIX, published=published)
    first.refresh()
    assert [head.seq for head in published.heads()] == [50]
    del store.objects[key_of(PREFIX, 50)], store.objects[key_of(PREFIX, 49)]

    later = TrailWatch(store, PREFIX, published=published)
    later.refresh()
    assert {(fault.seq, fault.kind) for fault in later.status.faults} == {(49, Kind.CUT_OFF)}


def test_a_later_watcher_sees_that_the_trail_was_rewritten(store: Store, tmp_path: Path) -> None:
    published = PublishedHeads.in_folder(tmp_path)
    TrailWatch(store, PREFIX, published=published).refresh()
    write(store, chain(52, owner="eve"))

    later = TrailWatch(store, PREFIX, published=published)
    later.refresh()
    assert {(fault.seq, fault.kind) for fault in later.status.faults} == {(50, Kind.REHASHED)}


def test_a_changed_file_of_published_heads_is_a_fault(store: Store, tmp_path: Path) -> None:
    published = PublishedHeads.in_folder(tmp_path)
    lines = [json.dumps({"seq": seq, "hash": chain(50)[seq - 1].hash}) for seq in (40, 30)]
    published.path.write_text("\n".join(lines) + "\n")

    watch = TrailWatch(store, PREFIX, published=published)
    watch.refresh()
    assert watch.status.up
    assert [("heads.jsonl" in fault.problem, fault.seq) for fault in watch.status.faults] == [(True, 0)]


def test_a_tick_over_a_checked_trail_follows_with_one_list_request(store: Store) -> None:
    trail = Trail(store, PREFIX, from_start=True)
    trail.refresh()
    write(store, chain(55))
    before = store.lists
    assert trail.refresh().length == 55
    assert store.lists - before == 1


def test_when_something_was_blocked_last_is_told_but_not_of_a_probe() -> None:
    store, found = Store(), []
    for owner, minute in (("ada", 1), ("eve", 2), (PROBE, 3)):
        entry = Entry("ingest_data", Status.BLOCKED, owner, "analyst", "prod", f"2026-01-01T00:0{minute}:00Z", "run")
        found.append(seal(entry, found[-1] if found else None))
    watch = TrailWatch(store, PREFIX)
    assert watch.status.blocked_at == 0.0
    write(store, found)
    watch.refresh()
    assert datetime.fromtimestamp(watch.status.blocked_at, UTC) == datetime(2026, 1, 1, 0, 2, tzinfo=UTC)
