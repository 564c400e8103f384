"""The writer and its journal, in memory: what is kept, under which name, and what stops it."""

import fcntl
from collections.abc import Callable
from pathlib import Path

import pytest

from lab.base.errors import LabError, LedgerError, ServiceUnavailable
from lab.governance.ledger import Entry, Status, key_of, parse, seal, verify
from lab.governance.ledger.journal import Journal
from lab.governance.ledger.published_heads import PublishedHeads
from lab.governance.ledger.writer import Ledger, Unacknowledged
from tests.governance.test_ledger import PREFIX, entry


class Store:
    """A trail in memory; `before` may fail each write, `after` loses its answer."""

    def __init__(self) -> None:
        self.bodies: dict[str, bytes] = {}
        self.before: Callable[[str], None] = lambda _: None
        self.after: Callable[[str], None] = lambda _: None

    def create(self, key: str, body: bytes) -> bool:
        self.before(key)
        made = self.bodies.setdefault(key, body) is body
        self.after(key)
        return made

    def read(self, key: str) -> bytes:
        return self.bodies[key]

    def keys_after(self, key: str, limit: int) -> list[str]:
        return sorted(found for found in self.bodies if found > key)[:limit]

    @property
    def entries(self) -> list[Entry]:
        assert verify(sorted(self.bodies.items())).intact
        return [parse(self.bodies[key]) for key in sorted(self.bodies)]


@pytest.fixture
def store() -> Store:
    return Store()


def unavailable(_: str) -> None:
    raise ServiceUnavailable("no answer")


def refused(_: str) -> None:
    raise LabError("The object store refused: RequestTimeTooSkewed")


def well(_: str) -> None:
    return None


def test_an_entry_that_is_refused_is_kept_as_well(store: Store, tmp_path: Path) -> None:
    ledger = Ledger(store, PREFIX, tmp_path)
    store.before = refused
    assert ledger.append_or_keep(entry()) is None
    store.before = well
    assert ledger.flush_journal() == 1
    assert "journal_id" in store.entries[0].details


def test_a_lost_answer_is_told_apart_from_no_write(store: Store) -> None:
    store.after = unavailable
    with pytest.raises(Unacknowledged) as lost:
        Ledger(store, PREFIX).append(entry())
    assert lost.value.tried == store.entries[0]


def test_a_lost_answer_to_a_kept_entry_does_not_pass_for_the_new_one(store: Store, tmp_path: Path) -> None:
    ledger = Ledger(store, PREFIX, tmp_path)
    store.before = unavailable
    ledger.append_or_keep(entry(details={"n": 1}))
    store.before, store.after = well, unavailable
    assert ledger.append_or_keep(entry(details={"n": 2})) is None
    assert ledger.waiting() == 2
    store.after = well

    assert ledger.flush_journal() == 2
    assert [one.details["n"] for one in store.entries] == [1, 2]


@pytest.mark.parametrize("others", [0, 1, 3])
def test_a_tried_entry_is_found_behind_entries_of_others(store: Store, tmp_path: Path, others: int) -> None:
    ledger = Ledger(store, PREFIX, tmp_path)
    ledger.append(entry(details={"n": 0}))
    store.after = unavailable
    ledger.append_or_keep(entry(details={"n": 1}))
    store.after = well
    for number in range(others):
        Ledger(store, PREFIX).append(entry(details={"n": 10 + number}))

    ledger.flush_journal()
    assert [one.details["n"] for one in store.entries] == [0, 1, *range(10, 10 + others)]


def test_a_tried_entry_whose_number_another_took_is_written_anew(store: Store, tmp_path: Path) -> None:
    ledger = Ledger(store, PREFIX, tmp_path)
    store.before = unavailable
    ledger.append_or_keep(entry(details={"n": 1}))
    store.before = well
    Ledger(store, PREFIX).append(entry(details={"n": 2}))

    ledger.flush_journal()
    assert [one.details["n"] for one in store.entries] == [2, 1]


def test_a_file_that_holds_no_entry_stops_the_delivery_and_is_named(store: Store, tmp_path: Path) -> None:
    (tmp_path / "1.json").write_bytes(b"{}")
    ledger = Ledger(store, PREFIX, tmp_path)
    with pytest.raises(LedgerError, match=r"1\.json can't be delivered"):
        ledger.append(entry())
    assert store.bodies == {}
    assert ledger.waiting() == 1


def test_a_journal_that_another_process_holds_is_waited_for_with_a_deadline(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.keep(entry())
    with (tmp_path / ".lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(ServiceUnavailable, match="Another process"):
            journal.deliver(lambda *_: pytest.fail("delivered"), deadline_s=0.1)
    assert len(journal.files()) == 1


def test_kept_files_are_private_and_hold_what_was_tried(tmp_path: Path) -> None:
    folder = tmp_path / "journal"
    tried = seal(entry(status=Status.FAILURE), None)
    Journal(folder).keep(tried)
    [file] = Journal(folder).files()
    assert parse(file.read_bytes()) == tried
    assert folder.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    "body", [b"junk", seal(entry(), None).body().replace(b"ann", b"eve"), seal(entry(), None).body()]
)
def test_nothing_is_built_on_a_head_that_was_tampered_with(store: Store, body: bytes) -> None:
    store.bodies[key_of(PREFIX, 7)] = body
    with pytest.raises(LedgerError, match=r"The newest audit entry, 7, can't be trusted.*audit verify"):
        Ledger(store, PREFIX).append(entry())
    assert len(store.bodies) == 1


def test_each_head_that_is_made_is_published(store: Store, tmp_path: Path) -> None:
    published = PublishedHeads.in_folder(tmp_path)
    ledger = Ledger(store, PREFIX, published=published)
    made = [ledger.append(entry(details={"n": number})) for number in range(3)]
    assert [(head.seq, head.hash) for head in published.heads()] == [(one.seq, one.hash) for one in made]


def test_an_entry_stands_when_its_head_cannot_be_published(
    store: Store, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    ledger = Ledger(store, PREFIX, published=PublishedHeads.in_folder(tmp_path / "file" / "witness"))
    assert ledger.append(entry()) == store.entries[0]
    assert "isn't published" in caplog.text


def test_too_many_writers_end_in_an_error_that_says_so(store: Store) -> None:
    def race(key: str) -> None:
        if key not in store.bodies:
            Ledger(raw, PREFIX).append(entry(details={"rival": str(len(raw.bodies))}))

    raw = Store()
    raw.bodies = store.bodies
    store.before = race
    clock = iter(range(100))
    with pytest.raises(LedgerError, match="too many writers"):
        Ledger(store, PREFIX, clock=lambda: float(next(clock)), pause=lambda _: None).append(entry(), deadline_s=3)
