"""Which code is at work: the commit, whether anything was changed since, and the lock file of the packages."""

import os
import subprocess
from hashlib import sha256
from pathlib import Path

# What can change what runs; a note or a notebook beside it can't.
_CODE = ("lab", "pipelines", "exporters", "stack", "pyproject.toml", "uv.lock")
_DEADLINE_S = 10.0


def code_version(root: Path) -> str:
    """`git:<commit>[+dirty] lock:<12 hex of the SHA-256 of uv.lock>` of the project at `root`, as it is now.

    A part that isn't known, as without git or in an installed package, is left out.
    """
    return " ".join(part for part in (_commit(root), _lock(root)) if part)


def _commit(root: Path) -> str:
    commit = _git(root, "rev-parse", "--verify", "HEAD")
    if commit is None:
        return ""
    changes = _git(root, "status", "--porcelain", "--", *_CODE)
    # What can't be told counts as changed.
    return f"git:{commit.strip()}" + ("" if changes == "" else "+dirty")


def _git(root: Path, *arguments: str) -> str | None:
    # Only this folder's own repository counts, whatever a hook's environment or a folder above says, and another
    # process may be committing at the same time.
    environment = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": os.environ.get("HOME", "/"),
        "LC_ALL": "C",
        "GIT_CEILING_DIRECTORIES": str(root.parent),
        "GIT_OPTIONAL_LOCKS": "0",
    }
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *arguments],  # noqa: S607 - git is wherever the user has it
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
        return f"lock:{sha256((root / 'uv.lock').read_bytes()).hexdigest()[:12]}"
    except OSError:
        return ""
