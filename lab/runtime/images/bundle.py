"""A lab's images in one file, for a machine that can reach nothing.

The wheels are inside, in the image that others are built from; so the other machine can also build.
"""

import secrets
import tempfile
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import file_digest
from pathlib import Path
from typing import TYPE_CHECKING

from lab.base.errors import LabError, UsageError
from lab.config import LabConfig
from lab.runtime.compose.containers import understood
from lab.runtime.compose.engine import docker_command, engine
from lab.runtime.images.builder_process import Watch, run
from lab.runtime.images.bundle_file import DEADLINE_S, IMAGES, NOT_ONE, Manifest, check, write
from lab.runtime.images.image_names import BASE, BUILD, EVERY, LAB_LABEL, REPOSITORY, tag, write_override

if TYPE_CHECKING:
    from docker import DockerClient

_RELABEL_S = 300.0
_BUILD_FIRST = "Type `invoke build --airgap`."


@dataclass(frozen=True)
class Bundled:
    """A bundle that was written or loaded: `sha256` is the whole file's, for comparing after it travelled."""

    file: str
    images: tuple[str, ...]
    bytes: int
    sha256: str
    seconds: float


def save_bundle(config: LabConfig, file: Path, force: bool, watch: Watch) -> Bundled:
    """Writes the lab's images, as `build_airgap` made them, into `file`, whole or not at all. Raises LabError."""
    begin = time.monotonic()
    if file.exists() and not force:
        raise UsageError(f"{file} exists.", "Give another name, or --force to replace it.")
    if not file.parent.is_dir():
        raise UsageError(f"The folder {file.parent} doesn't exist.", "Make it, or give another one.")
    client = engine(DEADLINE_S)
    part = file.with_name(f"{file.name}.part")
    try:
        with understood("saving images"), _aliases(client, config.name) as names:
            watch("bundle", "starting", "", None)
            write(part, names, str(client.info()["Architecture"]))
        part.replace(file)
    except OSError as err:
        raise LabError(f"Can't write {file}: {err.strerror}.", "Give a file where there is space.") from None
    finally:
        part.unlink(missing_ok=True)
        client.close()
    return _bundled(file, EVERY, begin)


@contextmanager
def _aliases(client: "DockerClient", lab: str) -> Iterator[tuple[str, ...]]:
    """Second names for the lab's images, which can't be in the way where the bundle is loaded."""
    from docker.errors import ImageNotFound

    alias = f"bundle-{secrets.token_hex(8)}"
    try:
        for image in EVERY:
            client.images.get(tag(image, lab)).tag(f"{REPOSITORY}/{image}", tag=alias)
        yield tuple(tag(image, alias) for image in EVERY)
    except ImageNotFound:
        raise LabError(f"The lab has no complete set of images of its own: {image} is missing.", _BUILD_FIRST) from None
    finally:
        _untag(client, alias)


def _untag(client: "DockerClient", alias: str) -> None:
    from docker.errors import ImageNotFound

    for image in EVERY:
        try:
            client.images.remove(tag(image, alias))
        except ImageNotFound:
            continue


def load_bundle(config: LabConfig, file: Path, watch: Watch) -> Bundled:
    """Checks `file`, and gives the lab the images in it. Nothing is loaded from a file that isn't whole, or that holds
    anything but images of the lab's names. Raises LabError.
    """
    begin = time.monotonic()
    watch("check", "starting", "", None)
    manifest = check(file)
    watch("check", "success", f"made {manifest.made_at}", time.monotonic() - begin)
    client = engine(DEADLINE_S)
    try:
        with understood("loading images"):
            _take_in(client, config.name, file, manifest, watch)
    finally:
        client.close()
    write_override(config)
    return _bundled(file, manifest.images, begin)


def _take_in(client: "DockerClient", lab: str, file: Path, manifest: Manifest, watch: Watch) -> None:
    here = str(client.info()["Architecture"])
    if here != manifest.architecture:
        raise LabError(f"{file} holds images for {manifest.architecture}; this engine runs {here}.", NOT_ONE)
    try:
        _load(client, file, watch)
        for image in manifest.images:
            _adopt(client, image, manifest.tag, lab)
    finally:
        _untag(client, manifest.tag)


def _load(client: "DockerClient", file: Path, watch: Watch) -> None:
    from docker.errors import DockerException

    begin = time.monotonic()
    watch("images", "starting", "", None)
    try:
        with zipfile.ZipFile(file) as packed, packed.open(IMAGES) as body:
            client.images.load(body)
    except DockerException as err:
        raise LabError(
            f"The engine refused the images: {err}.", "Free some space where Docker keeps its data."
        ) from None
    watch("images", "success", "", time.monotonic() - begin)


def _adopt(client: "DockerClient", image: str, alias: str, lab: str) -> None:
    """Names the loaded image for the lab; the label that says so is all that is added to it."""
    if image in {BASE, BUILD}:
        client.images.get(tag(image, alias)).tag(f"{REPOSITORY}/{image}", tag=lab)
        return
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "Dockerfile").write_text(f"FROM {tag(image, alias)}\n")
        argv = [docker_command(), "build", "--network", "none", "--label", f"{LAB_LABEL}={lab}"]
        run([*argv, "--tag", tag(image, lab), folder], f"Naming {tag(image, lab)}", _RELABEL_S)


def _bundled(file: Path, images: tuple[str, ...], begin: float) -> Bundled:
    with file.open("rb") as body:
        digest = file_digest(body, "sha256").hexdigest()
    return Bundled(str(file), images, file.stat().st_size, digest, time.monotonic() - begin)


def default_name(config: LabConfig) -> Path:
    """A file in the current folder, named for the lab and the day."""
    return Path(f"{config.name}-images-{datetime.now(UTC):%Y%m%d}.zip").absolute()
