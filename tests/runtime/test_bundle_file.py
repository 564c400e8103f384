"""The file of a bundle: whole, and refused when it is anything else."""

import dataclasses
import io
import json
import tarfile
import zipfile
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path

import pytest

from lab.base.errors import LabError, UsageError
from lab.config import LabConfig
from lab.runtime.images import bundle, bundle_file

TAG = "bundle-0123456789abcdef"


def archive(tags: Iterable[str], extra: dict[str, bytes] | None = None) -> bytes:
    """As `docker save` writes one."""
    manifest = json.dumps([{"Config": "x.json", "RepoTags": [tag], "Layers": []} for tag in tags]).encode()
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for name, body in {"layer.tar": bytes(100_000), "manifest.json": manifest, **(extra or {})}.items():
            info = tarfile.TarInfo(name)
            info.size = len(body)
            tar.addfile(info, io.BytesIO(body))
    return packed.getvalue()


IMAGES = ("base", "mlflow")
# What newer engines write, and read before Docker's own manifest.
INDEX = b'{"manifests": [{"annotations": {"io.containerd.image.name": "docker.io/library/x:1"}}]}'
GOOD = archive(f"mlops-lab/{image}:{TAG}" for image in IMAGES)
MANIFEST = bundle_file.Manifest(
    bundle_file.FORMAT, "2026-01-01T00:00:00+00:00", "x86_64", TAG, IMAGES, sha256(GOOD).hexdigest()
)


def packed(path: Path, body: bytes = GOOD, manifest: object = MANIFEST, **more: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("images.tar", body)
        told = dataclasses.asdict(manifest) if isinstance(manifest, bundle_file.Manifest) else manifest
        file.writestr("bundle.json", json.dumps(told))
        for name, content in more.items():
            file.writestr(name, content)
    return path


def test_a_whole_bundle_is_recognised(tmp_path: Path) -> None:
    assert bundle_file.check(packed(tmp_path / "b.zip")) == MANIFEST


@pytest.mark.parametrize(
    ("manifest", "message"),
    [
        ({}, "isn't one's"),
        ([1], "isn't one's"),
        (dataclasses.asdict(MANIFEST) | {"tag": "latest"}, "isn't one's"),
        (dataclasses.asdict(MANIFEST) | {"images": ["../x"]}, "isn't one's"),
        (dataclasses.asdict(MANIFEST) | {"more": 1}, "isn't one's"),
        (dataclasses.asdict(MANIFEST) | {"format": "mlops-lab-bundle/9"}, "has the format 'mlops-lab-bundle/9'"),
        (dataclasses.asdict(MANIFEST) | {"sha256": "0" * 64}, "is damaged"),
    ],
)
def test_a_bundle_whose_manifest_is_wrong_is_refused(tmp_path: Path, manifest: object, message: str) -> None:
    with pytest.raises(LabError, match=message):
        bundle_file.check(packed(tmp_path / "b.zip", manifest=manifest))


@pytest.mark.parametrize(
    "body",
    [
        archive([f"mlops-lab/base:{TAG}", f"mlops-lab/mlflow:{TAG}", "python:3.11-slim-bookworm"]),
        archive([f"mlops-lab/base:{TAG}", "mlops-lab/mlflow:another-lab"]),
        archive([f"mlops-lab/base:{TAG}"]),
        archive(
            [f"mlops-lab/{image}:{TAG}" for image in IMAGES],
            {"index.json": INDEX},
        ),
    ],
    ids=["an official image", "another lab's", "one missing", "in an OCI index"],
)  # fmt: skip
def test_a_bundle_that_would_name_other_images_is_refused(tmp_path: Path, body: bytes) -> None:
    forged = dataclasses.replace(MANIFEST, sha256=sha256(body).hexdigest())

    with pytest.raises(LabError, match="was made by somebody else"):
        bundle_file.check(packed(tmp_path / "b.zip", body, forged))


def test_a_bundle_with_other_members_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="holds other things"):
        bundle_file.check(packed(tmp_path / "b.zip", **{"../../etc/cron.d/x": b"* * * * * root true"}))


@pytest.mark.parametrize("cut", [10, 300, -30])
def test_a_bundle_that_was_cut_off_is_refused(tmp_path: Path, cut: int) -> None:
    whole = packed(tmp_path / "b.zip").read_bytes()
    (tmp_path / "b.zip").write_bytes(whole[:cut])

    with pytest.raises(LabError, match="can't be read as a bundle"):
        bundle_file.check(tmp_path / "b.zip")


def test_a_bundle_with_a_flipped_bit_is_refused(tmp_path: Path) -> None:
    file = packed(tmp_path / "b.zip")
    body = bytearray(file.read_bytes())
    body[150] ^= 1
    file.write_bytes(bytes(body))

    with pytest.raises(LabError, match=r"can't be read as a bundle|is damaged"):
        bundle_file.check(file)


def test_a_file_that_is_not_there_is_no_bundle(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="No such file"):
        bundle_file.check(tmp_path / "b.zip")


def test_a_file_that_exists_is_not_replaced_by_a_bundle(config: LabConfig, tmp_path: Path) -> None:
    file = tmp_path / "b.zip"
    file.write_text("mine")

    with pytest.raises(UsageError, match="exists"):
        bundle.save_bundle(config, file, force=False, watch=lambda *_: None)

    assert file.read_text() == "mine"


def test_a_bundle_goes_only_into_a_folder_that_exists(config: LabConfig, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"The folder .*/nowhere doesn't exist"):
        bundle.save_bundle(config, tmp_path / "nowhere" / "b.zip", force=False, watch=lambda *_: None)
