"""Getting a server's binaries without root: from the distribution's package, or from upstream's release archive.

Each way fills an empty folder or raises ObtainFailed; the caller moves the folder into place only when it is whole.
"""

import platform
import shutil
import sys
import tarfile
import time
import urllib.request
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from lab.runtime.binaries.apt import DEADLINE_S, Apt, ObtainFailed, if_possible, run
from lab.runtime.binaries.packages import Package, Release

Note = Callable[[str], None]
# Writes what a URL gives into a file; raises OSError.
Fetch = Callable[[str, Path], None]

FETCH_DEADLINE_S = 300.0
SOCKET_TIMEOUT_S = 15.0
# Debian's builds read templates and pages below this folder and can't be told otherwise.
HARD_CODED = b"/usr/share/prometheus"
# Of the same length, and true in whatever folder the server is started.
RELATIVE = b"/proc/self/cwd/./././"
# Documentation, and 200 MB of time zones that the pages don't read.
_UNUSED = ("usr/share/doc", "usr/share/javascript/moment-timezone/data")
_STARTER = '#!/bin/sh\ncd "${{0%/*}}/../usr/share/prometheus" && exec "$PWD/../../bin/{}" "$@"\n'


@dataclass(frozen=True)
class Obtained:
    """What was got, and from where."""

    version: str
    source: str


def from_debian(package: Package, tree: Path, note: Note, deadline_s: float = DEADLINE_S) -> Obtained:
    """Extracts the package and the parts of its web pages into `tree`. apt checks the archive's signatures."""
    if not package.deb:
        raise ObtainFailed("Debian has no such package")
    if sys.platform != "linux" or not shutil.which("apt-get") or not shutil.which("dpkg-deb"):
        raise ObtainFailed("this system has no apt-get")
    apt = Apt(tree.with_name(tree.name + ".apt"), deadline_s)
    try:
        note(f"downloading the Debian package {package.deb}")
        archive = apt.download([package.deb])[0]
        version = run(["dpkg-deb", "-f", str(archive), "Version"], tree, 30).strip()
        extract(archive, tree)
        if "promtool" in package.programs and not (tree / "usr/bin/promtool").exists():
            if_possible(lambda: extract(apt.download(["promtool"])[0], tree))
        if _relocate(package, tree):
            if_possible(lambda: extract_pages(apt, archive, tree))
    finally:
        apt.remove()
    return Obtained(version, f"Debian package {package.deb}")


def extract(archive: Path, tree: Path) -> None:
    """Unpacks a Debian package without installing it. Raises ObtainFailed."""
    excluded = " ".join(f"--exclude=./{path}" for path in _UNUSED)
    pipeline = f'dpkg-deb --fsys-tarfile "$0" | tar -x -C "$1" --no-same-owner {excluded}'
    run(["sh", "-c", pipeline, str(archive), str(tree)], tree, 60)


def extract_pages(apt: Apt, archive: Path, tree: Path) -> None:
    """Scripts and fonts of the web pages: the package links to where packages of their own would put them."""
    links = [path for path in tree.rglob("*") if path.is_symlink() and not path.exists()]
    scripts = {f"libjs-{path.readlink().name}" for path in links if path.readlink().parent.name == "javascript"}
    depends = run(["dpkg-deb", "-f", str(archive), "Depends"], tree, 30).split(",")
    fonts = {name for part in depends if (name := part.split()[0]).startswith("fonts-")}
    for each in apt.download(sorted(scripts | fonts)) if scripts else []:
        extract(each, tree)


def _relocate(package: Package, tree: Path) -> bool:
    """Makes each server look for its files below its working folder, and puts a script into `bin` that starts it there.

    False when no server needs it.
    """
    moved = False
    for name, aliases in package.programs.items():
        for path in (tree / "usr/bin" / alias for alias in aliases):
            if path.is_file() and HARD_CODED in (body := path.read_bytes()):
                path.write_bytes(body.replace(HARD_CODED, RELATIVE))
                (tree / "bin").mkdir(exist_ok=True)
                starter = tree / "bin" / name
                starter.write_text(_STARTER.format(path.name))
                starter.chmod(0o755)
                moved = True
    return moved


def from_release(package: Package, tree: Path, note: Note, fetch: Fetch) -> Obtained:
    """Extracts upstream's archive into `tree` after its SHA-256 was checked."""
    release, where = package.release, platform_name()
    if release is None:
        raise ObtainFailed("there is no release to download")
    url = release.url.format(version=release.version, platform=where)
    archive = tree / "archive.tar.gz"
    try:
        expected = release.pins.get(where) or _published_sum(release, url, where, tree, fetch)
        note(f"downloading {url}")
        fetch(url, archive)
        if (found := _hash(archive)) != expected:
            raise ObtainFailed(f"{url} has the SHA-256 {found}, not {expected}: refused")
        with tarfile.open(archive) as packed:
            _unpack(packed, tree)
    except (OSError, EOFError, ValueError, tarfile.TarError, zlib.error) as err:
        raise ObtainFailed(f"{url}: {err}") from None
    finally:
        archive.unlink(missing_ok=True)
    return Obtained(release.version, f"upstream release {url}")


def _unpack(packed: tarfile.TarFile, tree: Path) -> None:
    if hasattr(tarfile, "data_filter"):
        packed.extractall(tree, filter="data")
    else:  # the first patch releases of Python 3.11; what is unpacked has passed its check either way
        packed.extractall(tree)  # noqa: S202


def _published_sum(release: Release, url: str, where: str, tree: Path, fetch: Fetch) -> str:
    sums = tree / "sums.txt"
    fetch(release.sums_url.format(version=release.version, platform=where), sums)
    lines = [line.split() for line in sums.read_text(errors="replace").splitlines()]
    sums.unlink()
    name = url.rpartition("/")[2]
    # One file lists every archive; another holds nothing but the one hash.
    found = [words[0] for words in lines if words and (len(words) == 1 or words[-1].lstrip("*") == name)]
    if not found or len(found[0]) != 64:
        raise ObtainFailed(f"upstream publishes no SHA-256 of {name}")
    return found[0].lower()


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        digest = sha256()
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def platform_name() -> str:
    """This machine as upstream names it, e.g. linux-amd64."""
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    return f"{platform.system().lower()}-{machine}"


def fetch_url(url: str, target: Path) -> None:
    """Downloads over https, proxies from the environment included. Raises OSError, also after FETCH_DEADLINE_S."""
    if not url.startswith("https://"):
        raise OSError(f"{url} is not https")
    end = time.monotonic() + FETCH_DEADLINE_S
    with urllib.request.urlopen(url, timeout=SOCKET_TIMEOUT_S) as answer, target.open("wb") as file:  # noqa: S310 - https only
        while chunk := answer.read(1 << 18):
            file.write(chunk)
            if time.monotonic() > end:
                raise OSError(f"not complete after {FETCH_DEADLINE_S:.0f} s")
