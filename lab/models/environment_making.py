"""Models' own environments on disk: below the lab's home, one for each lock, made once by uv."""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from lab.base.errors import LabError, RunFailed
from lab.base.file_lock import held
from lab.models.environment import LOCK_FILE, PROJECT_FILE, OwnEnvironment

# Folder below the lab's home, and the variable by which a run knows it; empty where none can be made.
FOLDER, VARIABLE = "environments", "MODEL_ENVIRONMENTS"
DEADLINE_S = 900.0
_READY = "ready"
# What uv needs to reach an index the way its user does; nothing else of a process' environment gets there.
_PASSED = re.compile(
    r"(PATH|HOME|USER|LOGNAME|LANG|LC_ALL|TMPDIR|NETRC|MLOPS_LAB_OWNED_BY|SSL_CERT_(FILE|DIR)|XDG_(CACHE|CONFIG)_HOME"
    r"|(?i:(https?|all|no)_proxy)|UV_(?!PROJECT|FROZEN|LOCKED|WORKING|PYTHON)\w+)"
)
Say = Callable[[str], object]


def python_in(environments: Path, lock_hash: str) -> Path | None:
    """The interpreter of an environment that is ready; None where there is none."""
    place = environments / lock_hash
    python = place / "bin" / "python"
    return python if (place / _READY).is_file() and python.exists() else None


def prepared(own: OwnEnvironment, environments: Path, root: Path, say: Say, deadline_s: float = DEADLINE_S) -> Path:
    """The interpreter of the model's environment, which is made if need be; another process may be at it already.

    `root` is the project's folder, where uv is. Raises SettingsError for a lock that doesn't fit, and RunFailed with
    uv's own words.
    """
    own.check()
    if python := python_in(environments, own.lock_hash):
        return python
    if environments.is_dir() and not os.access(environments, os.W_OK):
        raise RunFailed(
            f"The packages of {own.slug}, lock {own.lock_hash[:12]}, aren't installed, and can't be from a container.",
            "Type `invoke train NAME` on the lab's machine, which installs them.",
        )
    made(own, environments, own.lock_hash, say, lambda place: _synchronise(own, place, root, deadline_s), deadline_s)
    python = python_in(environments, own.lock_hash)
    if python is None:
        raise RunFailed(f"uv made no environment for {own.slug}.", f"Look into {environments}.")
    return python


def mark_of(environments: Path, lock_hash: str) -> str:
    """What an environment that is ready was made for; empty where there is none."""
    try:
        return (environments / lock_hash / _READY).read_text(encoding="ascii").strip()
    except OSError:
        return ""


def made(
    own: OwnEnvironment,
    environments: Path,
    mark: str,
    say: Say,
    install: Callable[[Path], None],
    deadline_s: float = DEADLINE_S,
) -> None:
    """Has `install` fill the folder of the model's lock, whole or not at all, unless one made for `mark` is there."""
    environments.mkdir(parents=True, exist_ok=True, mode=0o700)
    late = RunFailed(
        f"Another process has been making the environment of {own.slug} for {deadline_s:.0f} s.",
        "Wait until that `invoke train` is done, or end it; then try again.",
    )
    with held(environments / f"{own.lock_hash}.lock", deadline_s, lambda: late):
        if mark_of(environments, own.lock_hash) == mark:
            return
        place = environments / own.lock_hash
        # What a killed process left half made.
        shutil.rmtree(place, ignore_errors=True)
        say(f"Making the environment of {own.slug}, lock {own.lock_hash[:12]}.")
        try:
            install(place)
            (place / _READY).write_text(mark + "\n", encoding="ascii")
        except BaseException:
            shutil.rmtree(place, ignore_errors=True)
            raise
    say(f"The environment of {own.slug} is ready.")


def _synchronise(own: OwnEnvironment, place: Path, root: Path, deadline_s: float) -> None:
    """Wheels only: building a package would run its code before any limit is set."""
    with written(own) as folder:
        options = ("--frozen", "--no-build", "--no-dev", "--no-install-project", "--no-progress")
        argv = ["sync", *options, "--no-python-downloads", "--project", str(folder)]
        run_uv(own, root, argv, folder, deadline_s, {"UV_PROJECT_ENVIRONMENT": str(place)})


@contextmanager
def written(own: OwnEnvironment) -> Iterator[Path]:
    """A folder with the two files as they were read, for as long as the body runs."""
    with tempfile.TemporaryDirectory() as folder:
        for name, content in ((PROJECT_FILE, own.project), (LOCK_FILE, own.lock)):
            (Path(folder) / name).write_bytes(content)
        yield Path(folder)


def run_uv(
    own: OwnEnvironment,
    root: Path,
    argv: Sequence[str],
    folder: Path,
    deadline_s: float,
    variables: Mapping[str, str] | None = None,
) -> None:
    """Raises RunFailed with uv's own words when it fails."""
    try:
        done = subprocess.run(
            [str(_uv(root)), *argv],
            cwd=folder,
            env=_TRUST | passed(os.environ) | dict(variables or {}),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=deadline_s,
            # Containers' users read it, too.
            umask=0o022,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise RunFailed(f"uv took more than {deadline_s:.0f} s for the packages of {own.slug}.", _REMEDY) from None
    except OSError as err:
        raise RunFailed(f"uv can't be started: {err.strerror}.", _REMEDY) from None
    if done.returncode:
        words = done.stderr.decode(errors="replace")
        said = " ".join(words[max(0, words.find("error:")) :].split())[:500]
        raise RunFailed(f"The packages of {own.slug} can't be had: {said}", _REMEDY)


_REMEDY = (
    "Type `invoke train NAME`, which installs them with your own settings of proxies and certificates; if that doesn't "
    "help, mend its pyproject.toml and type `uv lock` in its folder."
)
# A run knows nothing of its user's settings, but the machine's certificates are everybody's.
_TRUST = {"UV_SYSTEM_CERTS": "true"}


def passed(environ: Mapping[str, str]) -> dict[str, str]:
    """The part of a process' environment that uv gets."""
    return {name: value for name, value in environ.items() if _PASSED.fullmatch(name)}


def _uv(root: Path) -> Path:
    own = root / ".uv" / "bin" / "uv"
    if found := shutil.which("uv") or (str(own) if own.exists() else ""):
        return Path(found)
    raise LabError("uv isn't here, which makes the environments of models.", "Start the lab with ./run, which has it.")
