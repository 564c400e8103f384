"""A backup's file: what was written is read back, and whatever was done to it since is noticed."""

import gzip
import io
import json
import os
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from lab.base.errors import LabError
from lab.governance.ledger import Head
from lab.operations.backup_file import BackupFile, Writer
from lab.operations.backup_manifest import FORMAT, LABEL, MANIFEST, TRAIL, Counts, Manifest

MEMBERS = {
    "database/dagster.dump": b"dagster's tables",
    "database/mlflow.dump": b"mlflow's tables",
    "governance/allowed_signers": b"alice ssh-ed25519 AAAA\n",
    "witness/heads.jsonl": b"",
    "data/datasets/a.csv": b"a,b\n1,2\n",
    "artifacts/1/models/m-1/artifacts/model.skops": os.urandom(300_000),
    TRAIL: b"",
}
MANIFEST_BEFORE = Manifest("lab", "native", "2026-11-23T00:00:00Z", "git:0", {"mlflow": "3"}, Head(0, ""), Counts())


def written(path: Path) -> BackupFile:
    with path.open("wb") as file, Writer(file) as writer:
        for name, body in MEMBERS.items():
            writer.add(name, io.BytesIO(body), len(body), "text/plain", {"made-by": "a test"})
        writer.finish(MANIFEST_BEFORE)
    return BackupFile(path)


@pytest.fixture
def backup(tmp_path: Path) -> BackupFile:
    return written(tmp_path / "lab.backup.tar.gz")


def repacked(backup: BackupFile, change: Callable[[dict[str, bytes]], None]) -> BackupFile:
    """The file with other members, as somebody makes it who unpacks it, changes something and packs it again."""
    with tarfile.open(backup.path) as tar:
        members = {info.name: file.read() for info in tar if (file := tar.extractfile(info))}
    change(members)
    with tarfile.open(backup.path, "w:gz") as tar:
        for name, body in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(body)
            tar.addfile(info, io.BytesIO(body))
    return backup


def set_manifest(found: dict[str, bytes], **changes: object) -> None:
    found[MANIFEST] = json.dumps(json.loads(found[MANIFEST]) | changes).encode()


def test_what_was_written_is_read_back_with_its_manifest(backup: BackupFile) -> None:
    manifest = backup.verify()

    assert [member.name for member in manifest.members] == list(MEMBERS)
    assert manifest.members[0].metadata == {"made-by": "a test"}
    assert manifest.members[0].content_type == "text/plain"
    found = {name: body.read() for name, _, body in backup.members(("data/", "artifacts/", "database/"))}
    assert found == {
        name: body for name, body in MEMBERS.items() if name.split("/")[0] in {"data", "artifacts", "database"}
    }


def test_the_file_is_the_same_whenever_the_same_is_written(tmp_path: Path) -> None:
    first, second = written(tmp_path / "a"), written(tmp_path / "b")
    assert first.path.read_bytes() == second.path.read_bytes()


def test_stock_tar_can_read_it(backup: BackupFile) -> None:
    with tarfile.open(backup.path) as tar:
        assert tar.getnames() == [LABEL, *MEMBERS, MANIFEST]


def test_a_flipped_bit_anywhere_is_noticed(backup: BackupFile) -> None:
    whole = backup.path.read_bytes()
    # The first ten bytes are gzip's header, of which the time of day is nobody's business.
    for place in range(10, len(whole), len(whole) // 60):
        backup.path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(LabError):
            backup.verify()
    backup.path.write_bytes(whole)
    backup.verify()


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 0.9999])
def test_a_file_that_was_cut_off_is_noticed(backup: BackupFile, share: float) -> None:
    whole = backup.path.read_bytes()
    backup.path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(LabError, match=r"cut off|incomplete|no backup"):
        backup.verify()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda members: members.pop("data/datasets/a.csv"), "data/datasets/a.csv is missing"),
        (lambda members: members.pop(MANIFEST), "its manifest is missing"),
        (lambda members: members.update({"data/datasets/a.csv": b"a,b\n1,3\n"}), "data/datasets/a.csv isn't what"),
        (lambda members: members.update({"data/more": members.pop(MANIFEST)}), "its manifest is missing"),
        (lambda members: members.update({"data/x": b"", MANIFEST: members.pop(MANIFEST)}), "doesn't name"),
        (lambda members: members.update({"data/x": b""}), "goes on behind its manifest"),
        (lambda members: set_manifest(members, format=FORMAT + 1), "knows format 1 only"),
        (lambda members: set_manifest(members, members=[{"name": 1}]), "manifest can't be read"),
        (lambda members: set_manifest(members, head=None), "manifest can't be read"),
        (lambda members: members.update({MANIFEST: b"[]"}), "manifest can't be read"),
        (lambda members: members.update({LABEL: b'{"format": 7}'}), "knows format 1 only"),
        (lambda members: members.pop(LABEL), "is no backup of a lab"),
        (lambda members: members.update({LABEL: b"[" * 200_000}), "is no backup of a lab"),
    ],
)
def test_a_file_that_was_packed_again_is_refused(
    backup: BackupFile, change: Callable[[dict[str, bytes]], None], said: str
) -> None:
    with pytest.raises(LabError, match=said):
        repacked(backup, change).verify()


@pytest.mark.parametrize(
    "name",
    [
        "../.bashrc",
        "/etc/passwd",
        "data/../../../etc/passwd",
        "data/./x",
        "data//x",
        "data/",
        "governance/../lab.json",
        "governance/below/x",
        "database/a/b",
        "witness/other",
        "elsewhere",
        "data\\..\\x",
    ],
)
def test_a_name_that_leads_elsewhere_is_refused_in_writing_and_in_reading(backup: BackupFile, name: str) -> None:
    with pytest.raises(LabError, match="doesn't belong there"), Writer(io.BytesIO()) as writer:
        writer.add(name, io.BytesIO(b"x"), 1)

    def plant(members: dict[str, bytes]) -> None:
        manifest = members.pop(MANIFEST)
        members.update({name: b"x", MANIFEST: manifest})

    with pytest.raises(LabError, match="doesn't belong there"):
        repacked(backup, plant).verify()


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_anything_but_plain_files_is_refused(backup: BackupFile, kind: bytes) -> None:
    with tarfile.open(backup.path, "w:gz") as tar:
        label = tarfile.TarInfo(LABEL)
        body = json.dumps({"format": FORMAT}).encode()
        label.size = len(body)
        tar.addfile(label, io.BytesIO(body))
        odd = tarfile.TarInfo("data/link")
        odd.type, odd.linkname = kind, "/etc/passwd"
        tar.addfile(odd)
    with pytest.raises(LabError, match="no plain file"):
        backup.verify()


def test_files_of_other_kinds_are_refused(tmp_path: Path) -> None:
    foreign = tmp_path / "foreign"
    for body in (b"", b"hello", gzip.compress(b""), gzip.compress(b"hello"), gzip.compress(b"x" * 100_000)):
        foreign.write_bytes(body)
        with pytest.raises(LabError, match=r"no backup|damaged"):
            BackupFile(foreign).verify()
    with tarfile.open(foreign, "w:gz") as tar:
        tar.add(__file__, "test.py")
    with pytest.raises(LabError, match="is no backup of a lab"):
        BackupFile(foreign).verify()
    with pytest.raises(LabError, match="Can't read"):
        BackupFile(tmp_path / "absent").verify()
    with pytest.raises(LabError, match="Can't read"):
        BackupFile(tmp_path).verify()


def test_an_object_that_got_shorter_meanwhile_ends_the_backup() -> None:
    with pytest.raises(LabError, match="got shorter"), Writer(io.BytesIO()) as writer:
        writer.add("data/x", io.BytesIO(b"abc"), 4)
