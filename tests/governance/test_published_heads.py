"""Published heads: rising, never twice, by several writers, and whatever a crash left in the file."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lab.base.errors import LedgerError
from lab.governance.ledger.published_heads import PublishedHeads


@pytest.fixture
def witness(tmp_path: Path) -> PublishedHeads:
    return PublishedHeads.in_folder(tmp_path / "witness")


def seen(witness: PublishedHeads) -> list[tuple[int, str]]:
    return [(head.seq, head.hash) for head in witness.heads()]


def test_nothing_was_published_before_the_first_head(witness: PublishedHeads) -> None:
    assert seen(witness) == []


def test_heads_are_written_once_and_rise(witness: PublishedHeads) -> None:
    for seq, digest in ((1, "a"), (1, "a"), (3, "c"), (2, "b"), (3, "c"), (4, "d")):
        witness.note(seq, digest)
    assert seen(witness) == [(1, "a"), (3, "c"), (4, "d")]
    lines = [json.loads(line) for line in witness.path.read_text().splitlines()]
    assert all(set(line) == {"seq", "hash", "time"} for line in lines)
    assert (witness.path.stat().st_mode & 0o777, witness.path.parent.stat().st_mode & 0o777) == (0o600, 0o700)


def test_another_hash_of_the_same_number_is_evidence(witness: PublishedHeads) -> None:
    witness.note(2, "a")
    witness.note(2, "b")
    assert seen(witness) == [(2, "a"), (2, "b")]


def test_a_line_that_a_crash_cut_short_spoils_no_other(witness: PublishedHeads) -> None:
    witness.note(1, "a")
    with witness.path.open("a") as file:
        file.write('{"seq":2,"ha')
    assert seen(witness) == [(1, "a")]
    witness.note(3, "c")
    assert seen(witness) == [(1, "a"), (3, "c")]


@pytest.mark.parametrize(
    "line",
    ["[" * 200_000, "{" * 3, '{"seq":true,"hash":"a"}', '{"seq":1e999,"hash":"a"}'],
    ids=["deep", "cut", "no-number", "infinite"],
)
def test_a_line_that_holds_no_head_is_passed_over(line: str, witness: PublishedHeads) -> None:
    witness.note(1, "a")
    with witness.path.open("a") as file:
        file.write(f"{line}\n")
    witness.note(2, "b")
    assert seen(witness) == [(1, "a"), (2, "b")]


def test_several_writers_leave_whole_rising_lines(witness: PublishedHeads) -> None:
    with ThreadPoolExecutor(8) as pool:
        for future in [pool.submit(witness.note, seq, f"h{seq}") for seq in range(1, 101)]:
            future.result()
    found = seen(witness)
    assert found == sorted(found)
    assert found[-1] == (100, "h100")
    assert len(witness.path.read_text().splitlines()) == len(found)


def test_lines_that_do_not_rise_were_changed(witness: PublishedHeads) -> None:
    witness.note(1, "a")
    witness.note(5, "e")
    lines = witness.path.read_text().splitlines()
    witness.path.write_text("\n".join(reversed(lines)) + "\n")
    with pytest.raises(LedgerError, match="was changed"):
        seen(witness)


def test_heads_are_those_of_the_moment_of_the_call(witness: PublishedHeads) -> None:
    witness.note(1, "a")
    heads = witness.heads()
    witness.note(2, "b")
    assert [head.seq for head in heads] == [1]
