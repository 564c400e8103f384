"""Which code is at work: the source files that a pipeline is made of, the commit, and the lock file of the packages."""

import os
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from pathlib import Path

from lab.base.account import SEARCH_PATH

# What a run executes of this project, below its folder.
TREES = (
    "pipelines",
    "lab/base",
    "lab/models",
    "lab/governance/ledger",
    "lab/governance/rules",
    "lab/services",
    "lab/dagster_host",
    "lab/training",
)
_SINGLE = ("lab/__init__.py", "lab/config.py", "lab/governance/__init__.py")
# Contracts of models are part of what a run executes.
_SUFFIXES = (".py", ".yaml")
# So are the packages that a model's code runs with.
_NAMES = frozenset({"pyproject.toml", "uv.lock"})
# A file younger than this may be half written: it is read again until it stays the same, for a while at most.
_FRESH_S, _PAUSE_S, _DEADLINE_S = 1.0, 0.1, 5.0


def stamps(root: Path) -> dict[str, tuple[int, ...]]:
    """Path below `root` → what changes when the file does, for every source file; cheap."""
    return {path: _stamp(found) for path, found in _files(root)}


def sources(root: Path) -> dict[str, bytes]:
    """Path below `root` → content, for every source file. One that is being written is waited for, up to 5 seconds."""
    read = _read(root)
    deadline = time.monotonic() + _DEADLINE_S
    while _being_written(root) and time.monotonic() < deadline:
        time.sleep(_PAUSE_S)
        again = _read(root)
        if again == read:
            break
        read = again
    return read


def fingerprint(read: Mapping[str, bytes]) -> str:
    """64 hex digits that name exactly these paths and contents; empty for no files."""
    lines = (f"{path}\0{sha256(body).hexdigest()}\n" for path, body in sorted(read.items()))
    return sha256("".join(lines).encode()).hexdigest() if read else ""


def exporters_fingerprint(root: Path) -> str:
    """As `fingerprint`, of what an exporter's process executes; models' folders aren't code to it."""
    trees = ("exporters", *(tree for tree in TREES if tree.startswith("lab/")))
    return fingerprint(_contents(root, (found for tree in trees for found in _below(str(root), tree))))


def _read(root: Path) -> dict[str, bytes]:
    return _contents(root, _files(root))


def _contents(root: Path, files: Iterable[tuple[str, os.stat_result]]) -> dict[str, bytes]:
    read = {}
    for path, _ in files:
        try:
            read[path] = (root / path).read_bytes()
        except OSError:
            # Removed or being replaced at this moment; whoever imports it says what is missing.
            continue
    return read


def _being_written(root: Path) -> bool:
    now = time.time()
    return any(abs(now - found.st_mtime) < _FRESH_S for _, found in _files(root))


def _stamp(found: os.stat_result) -> tuple[int, ...]:
    return (found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino)


def _files(root: Path) -> Iterator[tuple[str, os.stat_result]]:
    for tree in TREES:
        yield from _below(str(root), tree)
    for path in _SINGLE:
        try:
            yield path, (root / path).stat()
        except OSError:
            continue


def _below(root: str, tree: str) -> Iterator[tuple[str, os.stat_result]]:
    try:
        with os.scandir(f"{root}/{tree}") as entries:
            found = list(entries)
    except OSError:
        return
    for entry in found:
        path = f"{tree}/{entry.name}"
        try:
            if entry.is_dir():
                if entry.name != "__pycache__":
                    yield from _below(root, path)
            elif _is_source(entry.name) and entry.is_file():
                # Who reads a pipe waits for whoever writes into it.
                yield path, entry.stat()
        except OSError:
            continue


def _is_source(name: str) -> bool:
    return (name.endswith(_SUFFIXES) or name in _NAMES) and not name.startswith(".")


# What can change what runs; a note or a notebook beside it can't.
_CODE = ("lab", "pipelines", "exporters", "stack", "pyproject.toml", "uv.lock")
_GIT_DEADLINE_S = 30.0
_DIGITS = 12
_MARK = "+dirty"


def code_version(root: Path, executed: str = "", built: str = "") -> str:
    """`git:<commit>[+dirty] lock:<…> code:<…>` of the project at `root`: the SHA-256 of uv.lock and the fingerprint of
    the pipeline's sources, 12 hex digits of each.

    `executed` is the fingerprint of code that was read earlier and may differ from what is there now. `built` is what
    this function said where an image was built, in which there is no git. A part that isn't known is left out.
    """
    there = fingerprint(sources(root))
    code = f"code:{(executed or there)[:_DIGITS]}" if executed or there else ""
    if built:
        return built if code in built.split() else _edited(built, code)
    commit = _commit(root)
    if commit and executed not in {"", there}:
        commit = _dirty(commit)
    return " ".join(part for part in (commit, _lock(root), code) if part)


def _edited(built: str, code: str) -> str:
    """`built` for an image whose code was changed since: by a folder mounted over it, for example."""
    parts = [_dirty(part) if part.startswith("git:") else part for part in built.split()]
    return " ".join([*(part for part in parts if not part.startswith("code:")), code])


def _dirty(commit: str) -> str:
    return commit.removesuffix(_MARK) + _MARK


def _commit(root: Path) -> str:
    commit = _git(root, "rev-parse", "--verify", "HEAD")
    if commit is None:
        return ""
    changes = _git(root, "status", "--porcelain", "--", *_CODE)
    # What can't be told counts as changed.
    return f"git:{commit.strip()}" if changes == "" else _dirty(f"git:{commit.strip()}")


def _git(root: Path, *arguments: str) -> str | None:
    # Only this folder's own repository counts, whatever a hook's environment or a folder above says, and another
    # process may be committing at the same time.
    environment = {
        "PATH": os.environ.get("PATH", SEARCH_PATH),
        # No settings of the user's: the answer must not depend on whose shell asks.
        "HOME": os.devnull,
        "GIT_CONFIG_GLOBAL": os.devnull,
        "LC_ALL": "C",
        "GIT_CEILING_DIRECTORIES": str(root.parent),
        "GIT_OPTIONAL_LOCKS": "0",
    }
    # Whoever runs this folder's code trusts it already, whoever owns it; but nothing in it is started by git.
    trusted = ("-c", f"safe.directory={root}", "-c", "core.fsmonitor=false")
    try:
        done = subprocess.run(
            ["git", *trusted, "-C", str(root), *arguments],  # noqa: S607 - git is wherever the user has it
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_GIT_DEADLINE_S,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.decode(errors="replace")


def _lock(root: Path) -> str:
    try:
        return f"lock:{sha256((root / 'uv.lock').read_bytes()).hexdigest()[:_DIGITS]}"
    except OSError:
        return ""
