"""The trail's text form, its checks, and finding its head, each against something independent."""

import json
from bisect import bisect_right
from dataclasses import replace
from typing import Any

import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.base.errors import LedgerError
from lab.governance.ledger import (
    GENESIS,
    Entry,
    Kind,
    Status,
    Unfinished,
    canonical,
    find_head,
    key_of,
    parse,
    seal,
    seq_of,
    verify,
)
from lab.governance.ledger.reader import entries_of_run

PREFIX = "governance/audit/"
# The RFC's integers end where a double stops telling neighbours apart.
EXACT = st.integers(-(2**53) + 1, 2**53 - 1)
# Lone surrogates are no text, and neither form has bytes for them.
TEXT = st.text(st.characters(exclude_categories=["Cs"]))
VALUES = st.recursive(
    st.none() | st.booleans() | EXACT | TEXT,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(TEXT, inner, max_size=5),
    max_leaves=20,
)


def entry(action: str = "train_model", status: Status = Status.STARTED, **fields: Any) -> Entry:
    made = Entry(action, status, "ann", "ml-engineer", "dev", "2026-01-01T00:00:00.000000Z", run_id="r1")
    return replace(made, **fields)


def chain(length: int) -> list[tuple[str, bytes]]:
    """A trail as it lies in the store."""
    stored: list[tuple[str, bytes]] = []
    last: Entry | None = None
    for number in range(length):
        last = seal(entry(details={"n": number}), last)
        stored.append((key_of(PREFIX, last.seq), last.body()))
    return stored


@given(VALUES)
@settings(max_examples=300)
def test_canonical_text_is_what_the_reference_implementation_writes(value: Any) -> None:
    assert canonical(value) == rfc8785.dumps(value)


@given(st.dictionaries(st.text(st.sampled_from(list("a\u20acé\U0001f600\ufb33\r1")), min_size=1), EXACT, min_size=2))
def test_keys_sort_by_utf16_units_as_the_reference_implementation_sorts(value: dict[str, int]) -> None:
    assert canonical(value) == rfc8785.dumps(value)


@pytest.mark.parametrize("value", [1.0, {"auc": 0.77}, [1, [2.5]], {"a": {"b": float("nan")}}])
def test_a_float_is_refused(value: Any) -> None:
    with pytest.raises(LedgerError, match="float"):
        canonical(value)


def test_an_entry_comes_back_as_it_was_stored() -> None:
    sealed = seal(entry(details={"rows": 1000, "source": "ü\U0001f600", "planted": False}), None)

    assert parse(sealed.body()) == sealed
    assert (sealed.seq, sealed.previous_hash) == (1, GENESIS)
    assert sealed.hash == sealed.digest()


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b"7", b'"x"', b"{}", b'{"status": "started"}', b"\xff", b'{"status": "eaten"}'],
)
def test_what_is_no_entry_is_a_ledger_error(body: bytes) -> None:
    with pytest.raises(LedgerError, match="no audit entry"):
        parse(body)


def test_an_entry_with_a_field_too_many_is_a_ledger_error() -> None:
    raw = json.loads(seal(entry(), None).body())
    with pytest.raises(LedgerError, match="no audit entry"):
        parse(json.dumps(raw | {"extra": 1}).encode())


def test_an_untouched_trail_is_intact() -> None:
    found = verify(chain(20))

    assert found.intact
    assert found.checked == 20
    assert found.head is not None
    assert found.head.seq == 20


def test_an_empty_trail_is_intact_and_has_no_head() -> None:
    assert verify([]).intact
    assert verify([]).head is None


def test_a_modified_entry_is_named() -> None:
    stored = chain(10)
    key, body = stored[4]
    stored[4] = key, body.replace(b'"n":4', b'"n":5')

    assert [(fault.seq, "modified" in fault.problem) for fault in verify(stored).faults] == [(5, True)]


def test_an_entry_rewritten_with_a_new_hash_breaks_the_next_link() -> None:
    stored = chain(10)
    key, body = stored[4]
    forged = replace(parse(body), owner="eve", hash="")
    stored[4] = key, replace(forged, hash=forged.digest()).body()

    [fault] = verify(stored).faults
    assert (fault.seq, fault.kind) == (6, Kind.BROKEN_LINK)


def test_an_entry_in_another_text_form_is_named() -> None:
    stored = chain(3)
    key, body = stored[1]
    stored[1] = key, json.dumps(json.loads(body), indent=1).encode()

    assert [fault.seq for fault in verify(stored).faults] == [2]


@pytest.mark.parametrize("gone", [[3], [1], [4, 5, 6], [2, 7]])
def test_missing_entries_are_named(gone: list[int]) -> None:
    stored = [item for item in chain(10) if seq_of(item[0]) not in gone]

    faults = verify(stored).faults
    assert {fault.kind for fault in faults} == {Kind.MISSING}
    assert [fault.seq for fault in faults] == [seq for seq in gone if seq - 1 not in gone]
    assert str(gone[-1]) in faults[-1].problem


def test_swapped_entries_are_named() -> None:
    stored = chain(10)
    (key_a, body_a), (key_b, body_b) = stored[3], stored[6]
    stored[3], stored[6] = (key_a, body_b), (key_b, body_a)

    faults = {(fault.kind, fault.problem) for fault in verify(stored).faults}
    assert faults == {
        (Kind.REORDERED, "reordered: entry 7 lies under number 4"),
        (Kind.REORDERED, "reordered: entry 4 lies under number 7"),
    }


def test_an_inserted_entry_is_named() -> None:
    stored = chain(10)
    previous = parse(stored[4][1])
    inserted = seal(entry(action="smuggled"), previous)
    stored[5] = key_of(PREFIX, 6), inserted.body()

    assert [fault.seq for fault in verify(stored).faults] == [7]


def test_a_strange_object_and_a_broken_one_are_named_and_do_not_stop_the_check() -> None:
    stored = chain(6)
    stored.insert(3, (f"{PREFIX}notes.txt", b"hello"))
    stored[1] = stored[1][0], b"garbage"

    found = verify(stored)
    assert [fault.seq for fault in found.faults] == [2, 4]
    assert "notes.txt" in found.faults[1].problem
    assert found.checked == 6


@pytest.mark.parametrize("end", [Status.SUCCESS, Status.FAILURE, Status.BLOCKED])
def test_a_step_is_unfinished_until_it_ends(end: Status) -> None:
    tracker = Unfinished()
    tracker.see(entry(status=Status.STARTED))
    tracker.see(entry(status=Status.STARTED, run_id="r2"))
    assert {one.run_id for one in tracker.entries()} == {"r1", "r2"}

    tracker.see(entry(status=end))
    assert [one.run_id for one in tracker.entries()] == ["r2"]


@given(st.integers(0, 10**12 - 1))
def test_a_key_says_its_number(seq: int) -> None:
    assert seq_of(key_of(PREFIX, seq)) == seq


@pytest.mark.parametrize("key", ["x", "000000000001.json.bak", "00000000001.json", f"{PREFIX}0000000000x1.json"])
def test_other_keys_have_no_number(key: str) -> None:
    assert seq_of(key) is None


class Numbers:
    """A store that holds nothing but keys, and counts the questions."""

    def __init__(self, taken: list[int]) -> None:
        self._taken = taken
        self.requests = 0

    def create(self, key: str, body: bytes) -> bool:
        raise AssertionError("finding the head writes nothing")

    def read(self, key: str) -> bytes:
        raise AssertionError("finding the head reads no entry")

    def keys_after(self, key: str, limit: int) -> list[str]:
        self.requests += 1
        after = seq_of(key)
        assert after is not None
        assert 0 < limit <= 1000
        start = bisect_right(self._taken, after)
        return [key_of(PREFIX, seq) for seq in self._taken[start : start + limit]]


@given(st.integers(0, 20_000), st.data())
@settings(max_examples=200, deadline=None)
def test_the_head_is_what_a_full_list_would_say(length: int, data: st.DataObject) -> None:
    known = data.draw(st.integers(0, length))
    store = Numbers(list(range(1, length + 1)))

    assert find_head(store, PREFIX, known) == length


@pytest.mark.parametrize("length", [0, 1, 999, 1000, 1001, 1002, 8_191, 99_999, 100_000])
def test_the_head_of_a_long_trail_takes_few_requests(length: int) -> None:
    store = Numbers(list(range(1, length + 1)))

    assert find_head(store, PREFIX) == length
    assert store.requests <= 25


@pytest.mark.parametrize("length", [0, 1, 100_000])
def test_a_head_that_is_known_already_takes_one_request(length: int) -> None:
    store = Numbers(list(range(1, length + 1)))

    assert find_head(store, PREFIX, length) == length
    assert store.requests == 1


@given(st.sets(st.integers(1, 5_000), min_size=1, max_size=60))
@settings(max_examples=100, deadline=None)
def test_gaps_do_not_hide_the_head(taken: set[int]) -> None:
    assert find_head(Numbers(sorted(taken)), PREFIX) == max(taken)


class Kept(Numbers):
    """A store of a whole trail that counts the entries that are read."""

    def __init__(self, stored: list[tuple[str, bytes]]) -> None:
        super().__init__(list(range(1, len(stored) + 1)))
        self._bodies, self.read_entries = dict(stored), 0

    def read(self, key: str) -> bytes:
        self.read_entries += 1
        return self._bodies[key]


def test_entries_of_a_run_are_looked_for_behind_what_was_there_before_it() -> None:
    stored: list[tuple[str, bytes]] = []
    last: Entry | None = None
    # Other runs write more between its first entry and its last one than a page of the store's list holds.
    for number in range(1, 1_301):
        last = seal(entry(run_id="mine" if number in {201, 1_300} else "another's"), last)
        stored.append((key_of(PREFIX, last.seq), last.body()))
    store = Kept(stored)

    assert [one.seq for one in entries_of_run(store, PREFIX, "mine", after=200)] == [201, 1_300]
    assert store.read_entries == 1_100

    newest = Kept(stored)
    assert [one.seq for one in entries_of_run(newest, PREFIX, "mine")] == [1_300]
    assert newest.read_entries == 200
