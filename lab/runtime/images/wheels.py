"""The wheels of air-gapped images: what the lock file names, fetched by this machine's own pip settings.

The host fetches, not the build: mirrors, proxies, certificates and logins are set up here, and none of them gets into
an image. Every wheel is checked against the lock file's hashes, here and again when it is installed.
"""

import re
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

from lab.base.errors import LabError
from lab.runtime.images.builder_process import Ended, link, run
from lab.runtime.images.image_names import OURS

DEADLINE_S = 1200.0
_EXPORT_S = 60.0
# Beside a group for each image of ours: what installs them.
_GROUPS = (*OURS, "airgap")
# Each wheel of the lock file, by its address.
_WHEEL = re.compile(r'url = "(https://[^"]+/([^/"-]+)-[^/"]+\.whl)", hash = "sha256:([0-9a-f]{64})"')
_REQUIREMENT = re.compile(r"^([A-Za-z0-9._-]+)==([^ ;\\]+)", re.MULTILINE)


def requirements(root: Path) -> str:
    """Everything that images of ours install, with hashes, as pip reads it. Raises LabError."""
    argv = [_uv(root), "export", "--frozen", "--quiet", "--no-header", "--no-annotate", "--no-emit-project"]
    argv += [word for group in _GROUPS for word in ("--only-group", group)]
    with tempfile.TemporaryDirectory() as folder:
        # Into a file: of what a program prints, the last lines are kept only, and warnings stand among them.
        listed = Path(folder) / "requirements.txt"
        run([*argv, "--output-file", str(listed)], "Reading uv.lock", _EXPORT_S, folder=root)
        return listed.read_text(encoding="utf-8")


def wheels_hash(wanted: str, python: str, base: str, dockerfile: Path) -> str:
    """Of what the image with the wheels is made from."""
    return sha256("\0".join([wanted, python, base, dockerfile.read_text()]).encode()).hexdigest()


def collect(wanted: str, python: str, folder: Path, lock: Path) -> int:
    """Fills `folder` with the wheels for Linux and Python `python`; returns how many there are. Raises LabError."""
    folder.mkdir(parents=True, exist_ok=True)
    listed = folder.parent / "requirements.txt"
    listed.write_text(wanted)
    argv = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--require-hashes"]
    argv += ["--no-deps", "--only-binary=:all:", f"--python-version={python}", "--dest", str(folder)]
    # A colour would hide the clues in an error.
    argv += ["--no-color", "--requirement", str(listed)]
    if not _from_the_lock(argv, folder.parent, lock):
        run(argv, "Fetching wheels", DEADLINE_S)
    _forget_others(folder, wanted)
    return len(list(folder.glob("*.whl")))


def _from_the_lock(argv: Sequence[str], above: Path, lock: Path) -> bool:
    """Whether all wheels could be fetched from where the lock file has them. Not so where only a mirror is reached.

    An index lists each release of a package for each platform, which takes longer to read than wheels to fetch.
    """
    with tempfile.TemporaryDirectory(dir=above, prefix="index-") as index:
        write_index(lock.read_text(encoding="utf-8"), Path(index))
        try:
            run([*argv, "--retries=0", "--index-url", Path(index).as_uri()], "Fetching wheels", DEADLINE_S)
        except Ended:
            raise
        except LabError:
            return False
    return True


def write_index(lock: str, folder: Path) -> None:
    """Makes `folder` an index, as pip reads it, of the wheels that a lock file names."""
    links: dict[str, list[str]] = {}
    for url, name, digest in _WHEEL.findall(lock):
        links.setdefault(_normal(name), []).append(f'<a href="{url}#sha256={digest}">{url.rpartition("/")[2]}</a>')
    for name, lines in links.items():
        (folder / name).mkdir()
        (folder / name / "index.html").write_text("<!DOCTYPE html>\n" + "\n".join(lines))


def lay_out(folder: Path, context: Path) -> None:
    """Puts the wheels and uv's program where the Dockerfile expects them. Raises LabError."""
    shutil.copytree(folder, context / "wheels", copy_function=link, ignore=shutil.ignore_patterns("uv-*.whl"))
    _unpack_uv(folder, context / "uv")


def _unpack_uv(folder: Path, target: Path) -> None:
    """Takes the program out of uv's wheel. Raises LabError when there is no such wheel."""
    for wheel in folder.glob("uv-*.whl"):
        with zipfile.ZipFile(wheel) as packed:
            inside = next((name for name in packed.namelist() if name.endswith(".data/scripts/uv")), "")
            if inside:
                with packed.open(inside) as source, target.open("wb") as file:
                    shutil.copyfileobj(source, file)
                target.chmod(0o755)
                return
    raise LabError(f"There is no wheel of uv in {folder}.", "Type `invoke build --airgap --fresh`.")


def _forget_others(folder: Path, wanted: str) -> None:
    """Removes wheels that an earlier lock file named."""
    names = {(_normal(name), version) for name, version in _REQUIREMENT.findall(wanted)}
    for wheel in list(folder.glob("*.whl")):
        name, version = wheel.name.split("-")[:2]
        if (_normal(name), version) not in names:
            wheel.unlink()


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _uv(root: Path) -> str:
    own = root / ".uv" / "bin" / "uv"
    if found := shutil.which("uv") or (str(own) if own.exists() else ""):
        return found
    raise LabError("uv is missing, which reads the lock file.", "Type `./run build --airgap`, which brings it.")
