"""What a backup must be before anything of it is restored, and what must not be restored over."""

import io
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from lab import wiring
from lab.base.errors import LabError
from lab.governance.ledger import Entry, Head, Status, key_of, seal
from lab.governance.ledger.reader import export_line
from lab.operations import lifecycle
from lab.operations.backup_file import Writer
from lab.operations.backup_manifest import GOVERNANCE, TRAIL, WITNESS, Counts, Manifest
from lab.operations.restore import examine
from lab.operations.restore_guard import RestoreMark
from tests.support.played_lab import config

PREFIX = "governance/audit/"


def entries(count: int, status: Status = Status.SUCCESS, **details: object) -> list[Entry]:
    """A sound trail; the last entry has `status` and carries `details`."""
    made: list[Entry] = []
    for number in range(1, count + 1):
        entry = Entry("train_model", Status.SUCCESS, "dora", "analyst", "dev", "2026-11-23T00:00:00.000000Z")
        if number == count:
            entry = replace(entry, status=status, details=details)
        made.append(seal(entry, made[-1] if made else None))
    return made


def backup(path: Path, trail: Sequence[Entry], heads: Sequence[Entry] = (), head: Entry | None = None) -> Path:
    """A backup's file with this trail, and a manifest that fits, unless `head` says otherwise."""
    newest = head or (trail[-1] if trail else None)
    witness = "".join(f'{{"seq":{one.seq},"hash":"{one.hash}","time":""}}\n' for one in heads) + '{"seq":'
    lines = "".join(export_line(key_of(PREFIX, one.seq), one.body()) + "\n" for one in trail)
    members = {
        "database/dagster.dump": b"",
        "database/mlflow.dump": b"",
        GOVERNANCE + "allowed_signers": b"",
        WITNESS: witness.encode(),
        TRAIL: lines.encode(),
    }
    with path.open("wb") as file, Writer(file) as writer:
        for name, body in members.items():
            writer.add(name, io.BytesIO(body), len(body))
        at = Head(newest.seq, newest.hash) if newest else Head(0, "")
        counts = Counts(entries=at.seq)
        writer.finish(Manifest("elsewhere", "native", "2026-11-23T00:00:00Z", "", {}, at, counts))
    return path


def examined(tmp_path: Path, file: Path) -> Manifest:
    return examine(config(tmp_path, LAB_NAME="here"), file, lambda _: None)


def test_a_sound_backup_passes_whatever_the_lab_was_called(tmp_path: Path) -> None:
    trail = entries(3)
    assert examined(tmp_path, backup(tmp_path / "b", trail, trail)).head.hash == trail[-1].hash
    assert examined(tmp_path, backup(tmp_path / "empty", [])).head.seq == 0


def test_a_trail_with_a_fault_is_refused(tmp_path: Path) -> None:
    trail = entries(3)
    trail[1] = replace(trail[1], owner="eve")
    with pytest.raises(LabError, match=r"has \d+ faults; first: entry 2"):
        examined(tmp_path, backup(tmp_path / "b", trail))


def test_a_trail_that_was_cut_off_is_refused(tmp_path: Path) -> None:
    trail = entries(3)
    with pytest.raises(LabError, match="doesn't end where its manifest says"):
        examined(tmp_path, backup(tmp_path / "b", trail[:2], head=trail[2]))


def test_a_rewritten_trail_is_found_by_the_heads_that_were_seen_before(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="was published as head"):
        examined(tmp_path, backup(tmp_path / "b", entries(3, rewritten=True), entries(3)))


def test_decisions_for_another_lab_are_refused_because_they_would_not_count(tmp_path: Path) -> None:
    file = backup(tmp_path / "b", entries(2, Status.APPROVED, statement={"lab": "elsewhere"}, signature="SSHSIG"))
    with pytest.raises(LabError, match="Set LAB_NAME=elsewhere"):
        examined(tmp_path, file)
    assert examine(config(tmp_path, LAB_NAME="elsewhere"), file, lambda _: None).head.seq == 2


@pytest.mark.parametrize(("status", "signed"), [(Status.ARCHIVED, False), (Status.BLOCKED, True)])
def test_what_the_lab_itself_put_away_or_refused_binds_a_backup_to_no_name(
    tmp_path: Path, status: Status, signed: bool
) -> None:
    proof = {"signature": "SSHSIG"} if signed else {}
    file = backup(tmp_path / "b", entries(2, status, statement={"lab": "elsewhere"}, **proof))
    assert examined(tmp_path, file).head.seq == 2


def test_a_half_restored_lab_is_not_brought_up(tmp_path: Path) -> None:
    lab = config(tmp_path, LAB_HOME=str(tmp_path / "home"))
    RestoreMark(lab).set(tmp_path / "b")
    runtime = wiring.runtime(replace(lab, runtime="native"))
    for start in (lambda: lifecycle.up(lab, runtime, print), lambda: lifecycle.restart(lab, runtime, "mlflow", print)):
        with pytest.raises(LabError, match="A restore of this lab was interrupted"):
            start()
