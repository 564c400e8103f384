"""The file of a bundle: a zip of `bundle.json`, which says what is in it, and of what `docker save` writes."""

import json
import re
import subprocess
import tarfile
import tempfile
import threading
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import IO

from lab.base.errors import LabError
from lab.runtime.compose.engine import docker_command
from lab.runtime.images.builder_process import environment
from lab.runtime.images.image_names import EVERY, tag

FORMAT = "mlops-lab-bundle/1"
MANIFEST, IMAGES = "bundle.json", "images.tar"
NOT_ONE = "Give a file that `invoke bundle` wrote."
# Writing or loading everything on a slow disk.
DEADLINE_S = 1800.0
_LARGEST_MANIFEST = 1 << 20
# Most of the bytes are program code, which the quickest level halves; the next ones cost minutes.
_LEVEL = 1
_PIECE = 1 << 20
_TAG = re.compile(r"bundle-[0-9a-f]{16}")


@dataclass(frozen=True)
class Manifest:
    """What a bundle says of itself. `tag` is what its images are called in it; `sha256` is that of `images.tar`."""

    format: str
    made_at: str
    architecture: str
    tag: str
    images: tuple[str, ...]
    sha256: str


def write(part: Path, names: tuple[str, ...], architecture: str) -> None:
    """Saves the images called `names` into `part`. Raises LabError and OSError."""
    with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED, compresslevel=_LEVEL) as packed:
        with packed.open(IMAGES, "w", force_zip64=True) as target:
            digest = _save(names, target)
        made_at = datetime.now(UTC).isoformat(timespec="seconds")
        alias = names[0].rpartition(":")[2]
        manifest = Manifest(FORMAT, made_at, architecture, alias, EVERY, digest)
        packed.writestr(MANIFEST, json.dumps(asdict(manifest), indent=1))


def _save(names: tuple[str, ...], target: IO[bytes]) -> str:
    """Streams `docker save` into `target`; returns the SHA-256. Raises LabError."""
    digest = sha256()
    with (
        tempfile.TemporaryFile("w+") as said,
        subprocess.Popen(
            [docker_command(), "save", *names],
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=said,
        ) as process,
    ):
        deadline = threading.Timer(DEADLINE_S, process.kill)
        deadline.start()
        try:
            while process.stdout and (piece := process.stdout.read(_PIECE)):
                digest.update(piece)
                target.write(piece)
        except BaseException:
            process.kill()
            raise
        finally:
            deadline.cancel()
        process.wait(60)
        said.seek(0)
        if process.returncode:
            raise LabError(f"Saving the images failed.\n{said.read().strip()}", "The lines above say why.")
    return digest.hexdigest()


def check(file: Path) -> Manifest:
    """Reads all of a bundle. Raises LabError for anything that isn't one, or isn't as it was written."""
    try:
        with zipfile.ZipFile(file) as packed:
            if sorted(packed.namelist()) != [MANIFEST, IMAGES]:
                raise LabError(f"{file} is no bundle: it holds other things.", NOT_ONE)
            manifest = _manifest(file, packed)
            with packed.open(IMAGES) as body:
                found, tags = _inspect(body)
    except (OSError, zipfile.BadZipFile, zlib.error, EOFError, tarfile.TarError) as err:
        raise LabError(f"{file} can't be read as a bundle: {err}.", NOT_ONE) from None
    if found != manifest.sha256:
        raise LabError(f"{file} is damaged: its images aren't those that were saved.", "Copy it again.")
    expected = {tag(image, manifest.tag) for image in manifest.images}
    if tags != expected:
        odd = ", ".join(sorted(tags ^ expected))
        raise LabError(f"{file} was made by somebody else: it names images as {odd}.", NOT_ONE)
    return manifest


def _manifest(file: Path, packed: zipfile.ZipFile) -> Manifest:
    if packed.getinfo(MANIFEST).file_size > _LARGEST_MANIFEST:
        raise LabError(f"{file} is no bundle.", NOT_ONE)
    try:
        body = json.loads(packed.read(MANIFEST))
        manifest = Manifest(**{**body, "images": tuple(body["images"])})
        sound = _TAG.fullmatch(manifest.tag) and set(manifest.images) <= set(EVERY) and isinstance(manifest.sha256, str)
    except (ValueError, TypeError, KeyError):
        sound = None
    if not sound:
        raise LabError(f"{file} is no bundle: {MANIFEST} isn't one's.", NOT_ONE)
    if manifest.format != FORMAT:
        raise LabError(f"{file} has the format {manifest.format!r}; this version reads {FORMAT!r}.", "Make it again.")
    return manifest


class _Digesting:
    """A reader that hashes what it gives."""

    def __init__(self, body: IO[bytes]) -> None:
        self._body, self.digest = body, sha256()

    def read(self, size: int = -1) -> bytes:
        piece = self._body.read(size)
        self.digest.update(piece)
        return piece


def _inspect(body: IO[bytes]) -> tuple[str, set[str]]:
    """The SHA-256 of the engine's archive, and every name that it would give to an image."""
    reader = _Digesting(body)
    tags: set[str] = set()
    with tarfile.open(fileobj=reader, mode="r|") as packed:  # type: ignore[call-overload]
        for member in packed:
            if member.name in {"manifest.json", "index.json"} and member.size <= _LARGEST_MANIFEST:
                content = packed.extractfile(member)
                tags |= _names(json.loads(content.read())) if content else set()
    while reader.read(_PIECE):
        pass
    return reader.digest.hexdigest(), tags


def _names(document: object) -> set[str]:
    """From Docker's manifest or an OCI index, which newer engines write and read."""
    if isinstance(document, list):
        return {name for image in document if isinstance(image, dict) for name in image.get("RepoTags") or []}
    rows = document.get("manifests", []) if isinstance(document, dict) else []
    notes: list[Mapping[str, str]] = [row.get("annotations") or {} for row in rows if isinstance(row, dict)]
    names = {note["io.containerd.image.name"] for note in notes if "io.containerd.image.name" in note}
    return {name.removeprefix("docker.io/") for name in names}
