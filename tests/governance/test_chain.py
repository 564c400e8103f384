"""What checking a trail must withstand, whatever lies in it."""

import json
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.base.errors import LedgerError
from lab.governance.ledger import (
    Chain,
    Copies,
    Entry,
    Head,
    Kind,
    Status,
    canonical,
    find_head,
    key_of,
    parse,
    seal,
    verify,
)
from tests.governance.test_ledger import PREFIX, chain, entry


def kinds(objects: list[tuple[str, bytes]], heads: list[Head] | None = None) -> set[tuple[int, Kind]]:
    return {(fault.seq, fault.kind) for fault in verify(objects, heads or []).faults}


def head(stored: list[tuple[str, bytes]], seq: int) -> Head:
    return Head(seq, parse(stored[seq - 1][1]).hash)


@given(st.integers(0, 11), st.binary(max_size=40), st.integers(0, 500))
@settings(max_examples=200, deadline=None)
def test_any_change_of_bytes_is_a_fault_of_that_entry(index: int, junk: bytes, at: int) -> None:
    stored = chain(12)
    key, body = stored[index]
    changed = body[: at % len(body)] + junk + body[at % len(body) + len(junk) :]
    stored[index] = key, changed
    expected = set() if changed == body else {(index + 1, Kind.MODIFIED)}
    assert kinds(stored) == expected


@given(st.permutations(list(range(8))))
@settings(max_examples=100, deadline=None)
def test_any_other_order_is_a_fault(order: list[int]) -> None:
    stored = chain(8)
    found = verify([stored[index] for index in order])
    assert found.intact == (order == sorted(order))
    if not found.intact:
        assert Kind.REORDERED in {fault.kind for fault in found.faults}
        assert Kind.MISSING not in {fault.kind for fault in found.faults}


@pytest.mark.parametrize(
    "details", ['{"x":1.5}', '{"x":NaN}', '{"x":1e3}', '{"x":"\\ud800"}', '{"x":123456789012345678901234567890}', "[]"]
)
def test_a_body_that_has_no_canonical_form_is_a_fault_and_not_the_end(details: str) -> None:
    stored = chain(3)
    key, body = stored[1]
    stored[1] = key, body.replace(b'{"n":1}', details.encode())
    assert kinds(stored) == {(2, Kind.MODIFIED)}
    assert verify(stored).checked == 3


def test_a_body_nested_too_deeply_is_a_fault_and_not_the_end() -> None:
    stored = chain(2)
    stored[1] = stored[1][0], b'{"status":' + b"[" * 100_000
    assert kinds(stored) == {(2, Kind.MODIFIED)}


@pytest.mark.parametrize("field", ["owner", "time", "hash", "seq", "details"])
def test_a_field_of_another_type_is_no_entry(field: str) -> None:
    raw = json.loads(seal(entry(), None).body())
    with pytest.raises(LedgerError, match=f"{field} has the wrong type"):
        parse(canonical(raw | {field: True}))


def test_an_integer_that_another_language_would_round_is_refused() -> None:
    with pytest.raises(LedgerError, match="53 bits"):
        canonical({"n": 2**53})


def test_a_key_far_ahead_is_one_fault_and_costs_nothing() -> None:
    stored = [*chain(3), (key_of(PREFIX, 10**12 - 1), b"{}")]
    faults = verify(stored).faults
    assert [(fault.seq, fault.kind) for fault in faults] == [(10**12 - 1, Kind.MODIFIED), (4, Kind.MISSING)]
    assert "entries 4 to 999999999998 are missing" in faults[1].problem


def test_entries_of_another_folder_do_not_belong() -> None:
    stored = chain(4)
    strange = ("governance/audit/old/000000000003.json", stored[2][1])
    assert kinds([*stored, strange]) == {(5, Kind.FOREIGN)}


def test_a_published_head_that_fits_is_compared() -> None:
    stored = chain(6)
    found = verify(stored, [head(stored, 2), head(stored, 6)])
    assert (found.intact, found.heads) == (True, 2)


def test_a_head_beyond_the_end_means_that_the_end_was_cut_off() -> None:
    stored = chain(6)
    [fault] = verify(stored[:4], [head(stored, 5), head(stored, 6)]).faults
    assert (fault.seq, fault.kind) == (5, Kind.CUT_OFF)
    assert "entries 5 to 6" in fault.problem


def test_a_rewritten_end_is_named_with_the_last_head_that_fits() -> None:
    stored = chain(9)
    told = [parse(body) for _, body in stored[:4]]
    for _, body in stored[4:]:
        told.append(seal(replace(parse(body), owner="eve"), told[-1]))
    again = [(key_of(PREFIX, one.seq), one.body()) for one in told]
    assert verify(again).intact

    [fault] = verify(again, [head(stored, seq) for seq in (3, 7, 9)]).faults
    assert (fault.seq, fault.kind) == (7, Kind.REHASHED)
    assert "what follows entry 3 was rewritten" in fault.problem


def test_a_link_to_another_entry_is_named_where_only_the_link_is_wrong() -> None:
    stored = chain(5)
    stored[3] = stored[3][0], seal(entry(owner="eve"), parse(stored[2][1])).body()
    assert kinds(stored) == {(5, Kind.BROKEN_LINK)}


def test_a_step_that_began_twice_and_ended_once_is_unfinished_once() -> None:
    last: Entry | None = None
    follow = Chain()
    for status in (Status.STARTED, Status.STARTED, Status.SUCCESS):
        last = seal(entry(status=status), last)
        follow.take(key_of(PREFIX, last.seq), last.body())
    assert [one.seq for one in follow.finish().unfinished] == [1]


@pytest.mark.parametrize(("closes", "left"), [(1, [2]), (2, [1]), (0, [1, 2]), (7, [1, 2]), ([1], [1, 2])])
def test_an_end_that_names_its_beginning_ends_no_other(closes: object, left: list[int]) -> None:
    last: Entry | None = None
    follow = Chain()
    for status in (Status.STARTED, Status.STARTED, Status.FAILURE):
        details = {"closes": closes} if status is Status.FAILURE else {}
        last = seal(entry(status=status, details=details), last)
        follow.take(key_of(PREFIX, last.seq), last.body())
    assert [one.seq for one in follow.unfinished] == left


def test_a_step_of_the_same_name_in_another_run_ends_its_own_beginning() -> None:
    follow, last = Chain(), None
    for run, status in (("r1", Status.STARTED), ("r2", Status.STARTED), ("r2", Status.FAILURE)):
        last = seal(entry(status=status, run_id=run), last)
        follow.take(key_of(PREFIX, last.seq), last.body())
    assert [(one.run_id, one.seq) for one in follow.unfinished] == [("r1", 1)]


def test_verifying_takes_the_same_memory_for_ten_times_the_entries() -> None:
    # In a process of its own: what other tests have left running allocates, too.
    program = f"from {__name__} import peak; peak(10); print(peak(300), peak(3000))"
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True, timeout=120)
    few, many = map(int, done.stdout.split())
    assert many < few + 20_000


def peak(length: int) -> int:
    """Bytes that verifying a trail of `length` entries takes at most."""
    heads = (Head(one.seq, one.hash) for one in endless(length))
    tracemalloc.start()
    assert verify(((key_of(PREFIX, one.seq), one.body()) for one in endless(length)), heads).intact
    found = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return found


def endless(length: int) -> Iterator[Entry]:
    last: Entry | None = None
    for number in range(length):
        last = seal(entry(status=Status.SUCCESS, details={"n": number}), last)
        yield last


class Keys:
    """A store of keys, entries' and others."""

    def __init__(self, keys: list[str]) -> None:
        self._keys = sorted(keys)

    def create(self, key: str, body: bytes) -> bool:
        raise AssertionError

    def read(self, key: str) -> bytes:
        raise AssertionError

    def keys_after(self, key: str, limit: int) -> list[str]:
        return [found for found in self._keys if found > key][:limit]

    def copies_after(self, key: str, limit: int) -> list[Copies]:
        raise AssertionError

    def read_version(self, key: str, version: str) -> bytes:
        raise AssertionError


@given(st.integers(1, 3000), st.lists(st.text("0123456789abz!", min_size=12, max_size=12), max_size=50))
@settings(max_examples=100, deadline=None)
def test_foreign_keys_do_not_hide_the_head(length: int, names: list[str]) -> None:
    numbers = [int(name) for name in names if name.isdigit()]
    store = Keys([*(key_of(PREFIX, seq) for seq in range(1, length + 1)), *(f"{PREFIX}{name}.json" for name in names)])
    assert find_head(store, PREFIX) == max([length, *numbers])


def test_the_greatest_number_can_be_the_head() -> None:
    store = Keys([key_of(PREFIX, seq) for seq in (1, 2, 10**12 - 1)])
    assert find_head(store, PREFIX) == 10**12 - 1
