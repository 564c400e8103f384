"""Several processes write at once, and are killed at random: nothing acknowledged is lost, no number is used twice."""

import random
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest

from lab.base.errors import ServiceUnavailable
from lab.governance.ledger import Entry, parse, seq_of
from lab.governance.ledger.writer import Ledger, stored_entries, verify_trail
from lab.services.s3 import ADMIN
from tests.store.test_access import entry
from tests.support.forked import Command
from tests.support.weed import RealTrail

WRITERS, EACH = 8, 50

pytestmark = pytest.mark.timeout(600)


def launch(trail: RealTrail, name: str, file: Path, *more: str, count: int = EACH, die_at: str = "") -> Command:
    argv = [sys.executable, "-m", "tests.store.writer", name, str(count), str(file), *more]
    return Command(argv, {**trail.environ(), "DIE_AT": die_at})


def end_of_life(dice: random.Random, most: int) -> str:
    """A request out of the first `most`, and whether death comes before it, amid it or when it has been answered."""
    return f"{dice.randint(1, most)} {dice.choice((0, 0.001, 0.003, 0.01, 30))}"


def acknowledged(folder: Path) -> dict[int, str]:
    """Hash by number of every entry that a writer was told of; a line that a kill cut short is none."""
    found: dict[int, str] = {}
    for file in folder.glob("*.log"):
        for line in file.read_text().splitlines():
            parts = line.split()
            if len(parts) == 3 and len(parts[2]) == 64:
                assert int(parts[1]) not in found, "a number was given twice"
                found[int(parts[1])] = parts[2]
    return found


def stored(trail: RealTrail) -> list[Entry]:
    return [parse(body) for _, body in stored_entries(trail.reader, trail.prefix)]


def assert_sound(trail: RealTrail, folder: Path) -> list[Entry]:
    """The chain verifies and holds everything that was acknowledged; gives its entries."""
    found = verify_trail(trail.reader, trail.prefix)
    assert found.faults == ()
    entries = stored(trail)
    by_number = {one.seq: one.hash for one in entries}
    assert len(by_number) == len(entries) == found.checked
    assert acknowledged(folder).items() <= by_number.items()
    keys = trail.client(ADMIN).get_paginator("list_object_versions").paginate(Bucket=trail.bucket, Prefix=trail.prefix)
    versions = Counter(row["Key"] for page in keys for row in page.get("Versions", []))
    assert set(versions.values()) == {1}
    assert {seq_of(key) for key in versions} == set(range(1, len(entries) + 1))
    return entries


def test_eight_writers_at_once_that_are_killed_at_random(trail: RealTrail, tmp_path: Path) -> None:
    kills, dice = 12, random.Random(7)
    names = [f"w{n}" for n in range(WRITERS)]
    ends = {name: [end_of_life(dice, 20) for _ in range(1 + (n < kills - WRITERS))] for n, name in enumerate(names)}

    def live(name: str) -> Command:
        die_at = ends[name].pop() if ends[name] else ""
        return launch(trail, name, tmp_path / f"{name}.log", die_at=die_at)

    writers = {name: live(name) for name in names}
    killed = 0
    end = time.monotonic() + 500
    while writers:
        assert time.monotonic() < end, f"still at work: {sorted(writers)}"
        for name, process in list(writers.items()):
            with suppress(subprocess.TimeoutExpired):
                done = process.ended(0.05)
                if done.returncode == 0:
                    del writers[name]
                    continue
                assert done.returncode == -signal.SIGKILL, f"{name} failed: {done.stderr}"
                killed += 1
                writers[name] = live(name)

    entries = assert_sound(trail, tmp_path)
    assert killed == kills
    assert len(acknowledged(tmp_path)) == WRITERS * EACH
    # Only what a killed writer wrote without hearing of it may be there a second time, by its next life.
    again = Counter((one.owner, one.details["number"]) for one in entries)
    assert len(again) == WRITERS * EACH
    assert sum(again.values()) - len(again) <= kills
    ids = Counter((one.details["pid"], one.details["ns"]) for one in entries)
    assert set(ids.values()) == {1}


def test_an_answer_that_is_lost_is_no_second_entry(trail: RealTrail) -> None:
    """The store takes the entry, and the writer hears nothing: its journal finds out later."""
    for late in (False, True):
        folder = trail.config.home / f"lost-{late}"
        ledger = Ledger(_Deaf(trail, late), trail.prefix, folder)
        before = len(stored(trail))

        assert ledger.append_or_keep(entry(1)) is None
        assert ledger.waiting() == 1
        sealed = ledger.append(entry(2))

        assert ledger.waiting() == 0
        entries = stored(trail)
        assert [one.details["n"] for one in entries[before:]] == [1, 2]
        assert entries[-1] == sealed
    assert verify_trail(trail.reader, trail.prefix).intact


class _Deaf:
    """A store whose first answer is lost; with `late` the request itself arrives only with the next one's."""

    def __init__(self, trail: RealTrail, late: bool) -> None:
        self._store, self._late = trail.store(), late
        self._lost: tuple[str, bytes] | None = None
        self._deaf = True

    def create(self, key: str, body: bytes) -> bool:
        if self._deaf:
            self._deaf = False
            if self._late:
                self._lost = (key, body)
            else:
                assert self._store.create(key, body)
            raise ServiceUnavailable("no answer")
        if self._lost:
            lost, self._lost = self._lost, None
            self._store.create(*lost)
        return self._store.create(key, body)

    def read(self, key: str) -> bytes:
        return self._store.read(key)

    def keys_after(self, key: str, limit: int) -> list[str]:
        return self._store.keys_after(key, limit)


def test_several_processes_deliver_one_journal_once(trail: RealTrail, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    away = Ledger(_Away(), trail.prefix, journal)
    for number in range(30):
        assert away.append_or_keep(entry(number)) is None
    writers = [launch(trail, f"w{n}", tmp_path / f"w{n}.log", str(journal), count=3) for n in range(4)]
    for writer in writers:
        done = writer.ended(120)
        assert done.returncode == 0, done.stderr

    entries = assert_sound(trail, tmp_path)
    late = [one for one in entries if "journal_id" in one.details]
    assert [one.details["n"] for one in late] == list(range(30))
    assert len({one.details["journal_id"] for one in late}) == 30
    assert len(entries) == 30 + 4 * 3
    assert away.waiting() == 0


class _Away:
    """A store that isn't there."""

    def create(self, key: str, body: bytes) -> bool:
        raise ServiceUnavailable("away")

    def read(self, key: str) -> bytes:
        raise ServiceUnavailable("away")

    def keys_after(self, key: str, limit: int) -> list[str]:
        raise ServiceUnavailable("away")


def test_writers_killed_while_they_deliver_a_journal_deliver_it_once(trail: RealTrail, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    away = Ledger(_Away(), trail.prefix, journal)
    for number in range(40):
        away.append_or_keep(entry(number))
    dice, kills = random.Random(3), 0
    while away.waiting():
        # Even when each request delivers an entry, no life is long enough for more than a few.
        writer = launch(trail, "w", tmp_path / "w.log", str(journal), count=10_000, die_at=end_of_life(dice, 8))
        done = writer.ended(120)
        assert done.returncode == -signal.SIGKILL, done.stderr
        kills += 1
        assert kills < 100

    entries = assert_sound(trail, tmp_path)
    late = [one.details["n"] for one in entries if "journal_id" in one.details]
    assert late == list(range(40))
    assert kills >= 40 / 8


def test_a_crash_between_append_and_removal_of_a_journal_file_writes_nothing_twice(
    trail: RealTrail, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Ledger(_Away(), trail.prefix, tmp_path).append_or_keep(entry(1))

    class Crash(BaseException):
        pass

    def crash(self: Path, missing_ok: bool = False) -> None:
        raise Crash

    with monkeypatch.context() as patched:
        patched.setattr(Path, "unlink", crash)
        with pytest.raises(Crash):
            Ledger(trail.store(), trail.prefix, tmp_path).flush_journal()
    assert len(stored(trail)) == 1
    other = Ledger(trail.store(), trail.prefix)
    other.append(entry(2))

    assert Ledger(trail.store(), trail.prefix, tmp_path).flush_journal() == 1
    assert [one.details["n"] for one in stored(trail)] == [1, 2]
    assert verify_trail(trail.reader, trail.prefix).intact
