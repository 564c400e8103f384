"""Which code is at work: the commit, whether anything was changed since, and the lock file of the packages."""

import os
import subprocess
from hashlib import sha256
from pathlib import Path

from lab.clients.sources import fingerprint, sources
from lab.core.account import SEARCH_PATH

# What can change what runs; a note or a notebook beside it can't.
_CODE = ("lab", "pipelines", "exporters", "stack", "pyproject.toml", "uv.lock")
_DEADLINE_S = 30.0
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
            timeout=_DEADLINE_S,
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
