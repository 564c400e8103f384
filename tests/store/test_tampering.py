"""What an administrator of the bucket can do to the trail is named: staged for real as far as the lock allows."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from lab.clients.audit import Ledger, verify_trail
from lab.clients.s3 import ADMIN
from lab.clients.trail import export_lines
from lab.clients.witness import Witness
from lab.core.ledger import Entry, Fault, Kind, key_of, seal
from lab.core.verify_export import exported, verify_files
from lab.ops.audit import export_file, export_to
from tests.store.test_access import entry
from tests.support.weed import RealTrail

LENGTH = 10
Lines = list[dict[str, str]]


@pytest.fixture
def witness(tmp_path: Path) -> Witness:
    return Witness.in_folder(tmp_path / "witness")


@pytest.fixture
def written(trail: RealTrail, witness: Witness) -> list[Entry]:
    """Ten entries, and a witness that saw each of them."""
    ledger = Ledger(trail.store(), trail.prefix, witness=witness)
    return [ledger.append(entry(number)) for number in range(LENGTH)]


def rehashed(written: list[Entry], start: int) -> list[Entry]:
    """The trail with the entries from number `start` on told differently, every hash fitting."""
    chain = written[: start - 1]
    for old in written[start - 1 :]:
        told = replace(old, owner="eve", seq=0, previous_hash="", hash="")
        chain.append(seal(told, chain[-1] if chain else None))
    return chain


# --- In the bucket: the lock keeps the first version of everything, and shows that there are others -------------------


def named(trail: RealTrail, witness: Witness) -> set[tuple[int, Kind]]:
    found = verify_trail(trail.reader, trail.prefix, witness.heads())
    return {(fault.seq, fault.kind) for fault in found.faults}


def test_a_sound_trail_is_intact_and_every_head_is_compared(
    trail: RealTrail, written: list[Entry], witness: Witness
) -> None:
    found = verify_trail(trail.reader, trail.prefix, witness.heads())
    assert (found.faults, found.checked, found.heads, found.head) == ((), LENGTH, LENGTH, written[-1])


def test_a_flipped_byte_is_named(trail: RealTrail, written: list[Entry], witness: Witness) -> None:
    body = bytearray(written[4].body())
    body[40] ^= 1
    trail.overwrite(key_of(trail.prefix, 5), bytes(body))
    assert named(trail, witness) == {(5, Kind.OVERWRITTEN)}


@pytest.mark.parametrize("number", [5, LENGTH])
def test_a_hidden_entry_is_named_and_still_there(
    number: int, trail: RealTrail, written: list[Entry], witness: Witness
) -> None:
    trail.client(ADMIN).delete_object(Bucket=trail.bucket, Key=key_of(trail.prefix, number))
    assert named(trail, witness) == {(number, Kind.DELETED)}


def test_not_even_the_administrator_can_remove_a_version(trail: RealTrail, written: list[Entry]) -> None:
    s3 = trail.client(ADMIN)
    for copies in trail.reader.copies_after("", 100):
        with pytest.raises(ClientError, match="AccessDenied"):
            s3.delete_object(Bucket=trail.bucket, Key=copies.key, VersionId=copies.first)
        with pytest.raises(ClientError, match="AccessDenied"):
            s3.delete_object(
                Bucket=trail.bucket, Key=copies.key, VersionId=copies.first, BypassGovernanceRetention=True
            )


def test_two_swapped_entries_are_named(trail: RealTrail, written: list[Entry], witness: Witness) -> None:
    trail.overwrite(key_of(trail.prefix, 3), written[6].body())
    trail.overwrite(key_of(trail.prefix, 7), written[2].body())
    assert named(trail, witness) == {(3, Kind.OVERWRITTEN), (7, Kind.OVERWRITTEN)}


def test_an_entry_pushed_in_is_named(trail: RealTrail, written: list[Entry], witness: Witness) -> None:
    pushed = seal(entry(99), written[4])
    trail.overwrite(key_of(trail.prefix, 6), pushed.body())
    for old in written[5:]:
        trail.overwrite(key_of(trail.prefix, old.seq + 1), old.body())
    found = named(trail, witness)
    assert found >= {(number, Kind.OVERWRITTEN) for number in range(6, LENGTH + 1)}
    assert found - {(number, Kind.OVERWRITTEN) for number in range(6, LENGTH + 1)}


def test_a_rewritten_tail_is_named(trail: RealTrail, written: list[Entry], witness: Witness) -> None:
    for new in rehashed(written, 7)[6:]:
        trail.overwrite(key_of(trail.prefix, new.seq), new.body())
    assert named(trail, witness) == {(number, Kind.OVERWRITTEN) for number in range(7, LENGTH + 1)}


# --- Below the bucket, where no version stays: staged on an export, and in a bucket written anew ---------------------


def flip(lines: Lines) -> None:
    lines[4]["body"] = lines[4]["body"].replace('"owner":"ann"', '"owner":"bnn"')


def drop(*numbers: int) -> Callable[[Lines], None]:
    def change(lines: Lines) -> None:
        lines[:] = [line for number, line in enumerate(lines, 1) if number not in numbers]

    return change


def swap_bodies(lines: Lines) -> None:
    lines[2]["body"], lines[6]["body"] = lines[6]["body"], lines[2]["body"]


def swap_lines(lines: Lines) -> None:
    lines[2], lines[3] = lines[3], lines[2]


def repeat(lines: Lines) -> None:
    lines.insert(5, dict(lines[4]))


def insert(lines: Lines) -> None:
    before = next(body for key, body in _bodies(lines[4:5]))
    pushed = seal(entry(99), before)
    lines.insert(5, {"key": lines[5]["key"], "body": pushed.body().decode()})


def insert_and_shift(lines: Lines) -> None:
    insert(lines)
    prefix = lines[0]["key"].rpartition("/")[0] + "/"
    for number, line in enumerate(lines, 1):
        line["key"] = key_of(prefix, number)


def rehash(lines: Lines) -> None:
    told = rehashed([body for _, body in _bodies(lines)], 7)
    for line, new in zip(lines, told, strict=True):
        line["body"] = new.body().decode()


def rehash_and_cut(lines: Lines) -> None:
    rehash(lines)
    del lines[8:]


def _bodies(lines: Lines) -> list[tuple[str, Entry]]:
    from lab.core.ledger import parse

    return [(line["key"], parse(line["body"].encode())) for line in lines]


CHANGES: dict[str, tuple[Callable[[Lines], None], set[tuple[int, Kind]]]] = {
    "one byte": (flip, {(5, Kind.MODIFIED)}),
    "one missing": (drop(5), {(5, Kind.MISSING)}),
    "the first missing": (drop(1), {(1, Kind.MISSING)}),
    "the last missing": (drop(10), {(10, Kind.CUT_OFF)}),
    "the end missing": (drop(8, 9, 10), {(8, Kind.CUT_OFF)}),
    "everything missing": (drop(*range(1, 11)), {(1, Kind.CUT_OFF)}),
    "two swapped": (swap_bodies, {(3, Kind.REORDERED), (7, Kind.REORDERED)}),
    "two in another order": (swap_lines, {(3, Kind.REORDERED)}),
    "one twice": (repeat, {(5, Kind.DUPLICATED)}),
    "one pushed in": (insert, {(6, Kind.INSERTED), (6, Kind.REHASHED)}),
    "one pushed in, the others moved on": (
        insert_and_shift,
        {(6, Kind.INSERTED), (6, Kind.REHASHED), (6, Kind.REORDERED)},
    ),
    "the end rewritten": (rehash, {(7, Kind.REHASHED)}),
    "the end rewritten and cut": (rehash_and_cut, {(7, Kind.REHASHED), (9, Kind.CUT_OFF)}),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_changed_export_is_named(
    name: str, trail: RealTrail, written: list[Entry], witness: Witness, tmp_path: Path
) -> None:
    change, expected = CHANGES[name]
    lines = [json.loads(line) for line in export_lines(trail.reader, trail.prefix)]
    change(lines)
    file = tmp_path / "audit.jsonl"
    file.write_text("".join(f"{json.dumps(line)}\n" for line in lines))

    found = verify_files(file, witness.path)

    assert {(fault.seq, fault.kind) for fault in found.faults} == expected
    keys = [line["key"] for line in lines]
    if keys != sorted(set(keys)):
        return  # a bucket has each key once, and in order
    # The same in a store: whoever owns its disks leaves no version behind.
    anew = trail.weed.trail()
    for line in lines:
        anew.overwrite(line["key"].replace(trail.prefix, anew.prefix), line["body"].encode())
    assert named(anew, witness) == expected


def test_an_untouched_export_is_intact(
    trail: RealTrail, written: list[Entry], witness: Witness, tmp_path: Path
) -> None:
    config = replace(trail.config, home=tmp_path)
    file = tmp_path / "audit.jsonl"

    assert export_file(config, file) == LENGTH

    found = verify_files(file, Path(f"{file}.heads.jsonl"))
    assert (found.faults, found.checked, found.heads, found.head) == ((), LENGTH, LENGTH, written[-1])
    assert [body for _, body in exported(file)] == [one.body() for one in written]


def test_an_export_continues_an_earlier_one(trail: RealTrail, written: list[Entry], tmp_path: Path) -> None:
    file = tmp_path / "audit.jsonl"
    lines: list[str] = []
    export_to(trail.config, lines.append)
    del lines[9:]

    assert export_to(trail.config, lines.append, first=10) == 1

    file.write_text("".join(lines))
    found = verify_files(file)
    assert (found.faults, found.checked) == ((), LENGTH)


def test_an_export_shows_what_was_overwritten(trail: RealTrail, written: list[Entry], tmp_path: Path) -> None:
    trail.overwrite(key_of(trail.prefix, 5), b"\xff{}")
    file = tmp_path / "audit.jsonl"

    assert export_file(replace(trail.config, home=tmp_path), file) == LENGTH + 1

    faults: tuple[Fault, ...] = verify_files(file).faults
    assert {(fault.seq, fault.kind) for fault in faults} == {(5, Kind.MODIFIED), (5, Kind.DUPLICATED)}
