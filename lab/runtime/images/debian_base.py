"""The base of air-gapped images: a minimal Debian with Python, made from this machine's own package sources."""

import os
import shutil
import tarfile
import time
from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from lab.base.errors import LabError
from lab.runtime.compose.engine import docker_command
from lab.runtime.images.builder_process import Watch, run
from lab.runtime.images.docker_build import discard, image_id, inputs_of, size
from lab.runtime.images.image_names import BASE, IMAGE_LABEL, INPUTS_LABEL, REPOSITORY, tag

if TYPE_CHECKING:
    from docker import DockerClient

DEADLINE_S = 900.0
_IMPORT_S = 300.0
_PYTHON_LABEL = "org.mlops-lab.python"
# python:3.11-slim has the C++ library, too; busybox probes over HTTP where official images have wget; the wrapper lets
# PostgreSQL run as a user without a name.
PACKAGES = ("ca-certificates", "python3", "libstdc++6", "busybox-static", "libnss-wrapper")
_LEFT_OUT = ("doc", "man", "locale", "info")
_HOOKS = "/usr/share/mmdebstrap/hooks/maybe-merged-usr"
_CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
_CHANGES = (
    "ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "ENV LANG=C.UTF-8",
    'CMD ["python3"]',
)


def ensure_base(client: "DockerClient", lab: str, cache: Path, fresh: bool, watch: Watch) -> str:
    """Gives the lab a base image, whose hash of inputs is returned; one that another lab has is shared.

    Raises LabError.
    """
    name, inputs, begin = tag(BASE, lab), recipe_hash(), time.monotonic()
    watch(BASE, "starting", "", None)
    before = image_id(client, name)
    if not fresh and (found := _existing(client, name, inputs)):
        client.images.get(found).tag(f"{REPOSITORY}/{BASE}", tag=lab)
        done = "nothing changed" if before == image_id(client, name) else "shared with another lab"
    else:
        archive = cache / f"base-{inputs[:12]}.tar"
        if fresh or not archive.exists():
            make_archive(archive)
        _import(archive, lab, inputs)
        done = size(client, name)
    if before and before != image_id(client, name):
        discard(client, before)
    watch(BASE, "success", done, time.monotonic() - begin)
    return image_id(client, name)


def recipe_hash() -> str:
    """Of how the base is made, not of where its packages come from: a base made elsewhere counts as well."""
    return sha256("\n".join([*PACKAGES, *_LEFT_OUT, *_CHANGES, _HOOKS]).encode()).hexdigest()


def _existing(client: "DockerClient", name: str, inputs: str) -> str:
    if inputs_of(client, name) == inputs:
        return image_id(client, name)
    labels = [f"{IMAGE_LABEL}={BASE}", f"{INPUTS_LABEL}={inputs}"]
    others = client.images.list(filters={"label": labels, "dangling": False})
    return str(others[0].id) if others else ""


def make_archive(archive: Path) -> None:
    """Makes the file system's archive. Raises LabError."""
    if not shutil.which("mmdebstrap"):
        remedy = "Install it (`sudo apt-get install mmdebstrap`), or load images with `invoke build --bundle FILE`."
        raise LabError("mmdebstrap is missing, which makes the base image.", remedy)
    archive.parent.mkdir(parents=True, exist_ok=True)
    part = archive.with_suffix(".part.tar")
    argv = ["mmdebstrap", "--quiet", "--variant=essential", f"--include={','.join(PACKAGES)}"]
    argv += [f"--hook-dir={_HOOKS}"] if Path(_HOOKS).is_dir() else []
    argv += ["--dpkgopt=force-unsafe-io"]
    argv += [f"--customize-hook={line}" for line in _hooks()]
    try:
        # Sources given as files: whatever mirror this machine uses is used, and none is named here.
        run([*argv, codename(), str(part), *map(str, sources())], "Making the base image", DEADLINE_S)
        part.replace(archive)
    finally:
        part.unlink(missing_ok=True)


def _hooks() -> Iterator[str]:
    """Last changes in the new system, whose folder is `$1`."""
    if Path(_CERTIFICATES).exists():
        # This machine may reach its sources only through an authority of its own.
        yield f'cat {_CERTIFICATES} > "$1"{_CERTIFICATES}'
    # Not by dpkg's path-exclude, for which mmdebstrap starts a filter in Python for each of its packages.
    yield from (f'find "$1"/usr/share/{part} -mindepth 1 ! -type d ! -name copyright -delete' for part in _LEFT_OUT)
    yield from (f'find "$1"/usr/share/{part} -mindepth 1 -type d -empty -delete' for part in _LEFT_OUT)
    # Links to pages that are gone.
    yield 'chroot "$1" find /etc/alternatives -xtype l -delete'
    yield 'rm -rf "$1"/etc/apt/sources.list* "$1"/var/cache/debconf/*-old "$1"/var/log/*'


def codename(release: Path = Path("/etc/os-release")) -> str:
    """The name of this machine's release, as bookworm. Raises LabError on a system without Debian's packages."""
    try:
        pairs = (line.partition("=") for line in release.read_text().splitlines())
        names = {name: value.strip('"') for name, _, value in pairs}
    except OSError:
        names = {}
    if not names.get("VERSION_CODENAME"):
        raise LabError(
            "Air-gapped images are made on Debian and what derives from it.",
            "Make a bundle there with `invoke bundle`, and load it here with `invoke build --bundle FILE`.",
        )
    return names["VERSION_CODENAME"]


def sources(folder: Path = Path("/etc/apt")) -> Sequence[Path]:
    """The files that name sources of this machine's release, and no others. Raises LabError when there are none."""
    release = codename()
    own = {release, f"{release}-updates", f"{release}-security"}
    files = [folder / "sources.list", *sorted((folder / "sources.list.d").glob("*"))]
    found = [
        path for path in files if path.suffix in {".list", ".sources"} and (suites := _suites(path)) and suites <= own
    ]
    if not found:
        raise LabError(f"No file in {folder} names package sources of {release} alone.", "Add one for Debian itself.")
    return found


def _suites(path: Path) -> set[str]:
    if not path.is_file() or not os.access(path, os.R_OK):
        return set()
    suites: set[str] = set()
    for line in path.read_text(errors="replace").splitlines():
        words = line.split()
        if path.suffix == ".sources" and words[:1] == ["Suites:"]:
            suites.update(words[1:])
        elif path.suffix == ".list" and words[:1] == ["deb"]:
            options = [number for number, word in enumerate(words) if word.endswith("]")]
            suites.update(words[options[0] + 2 if options else 2 :][:1])
    return suites


def python_version(client: "DockerClient", lab: str) -> str:
    """The Python of the lab's base, as 3.11."""
    return str(client.images.get(tag(BASE, lab)).labels[_PYTHON_LABEL])


def _import(archive: Path, lab: str, inputs: str) -> None:
    labels = f"LABEL {IMAGE_LABEL}={BASE} {INPUTS_LABEL}={inputs} {_PYTHON_LABEL}={_python(archive)}"
    changes = [word for change in (*_CHANGES, labels) for word in ("--change", change)]
    run([docker_command(), "import", *changes, str(archive), tag(BASE, lab)], "Importing the base image", _IMPORT_S)


def _python(archive: Path) -> str:
    with tarfile.open(archive) as packed:
        return packed.getmember("./usr/bin/python3").linkname.removeprefix("python")
