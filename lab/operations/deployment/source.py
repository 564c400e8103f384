"""What is deployed: a commit, never what lies beside it in the folder."""

import re
import subprocess
import tarfile
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from lab.base.errors import LabError
from lab.governance.rules.policy import Environment

_DIGITS = 12
_DEADLINE_S = 60.0


@dataclass(frozen=True)
class Commit:
    """A commit of the project at `root`; its id, all 40 digits, is the tag of its images."""

    root: Path
    id: str

    def export(self, folder: Path) -> None:
        """Its files, all of them and no others, below `folder`."""
        archive = _git(self.root, "archive", "--format=tar", self.id)
        with tarfile.open(fileobj=BytesIO(archive)) as files:
            files.extractall(folder, filter="data")


@dataclass(frozen=True)
class Target:
    """An environment as its folder in terraform/envs says: the account that owns it, its region, its state's bucket."""

    environment: Environment
    account: str
    region: str
    state_bucket: str

    @property
    def name(self) -> str:
        """What everything of it in AWS begins with."""
        return f"mlops-{self.environment}"

    @property
    def root(self) -> str:
        """Its folder, below the project's."""
        return f"terraform/envs/{self.environment}"


def commit_of(root: Path) -> Commit:
    """The commit that is checked out. Raises LabError when something was changed since, or there is none."""
    try:
        found = _git(root, "rev-parse", "--verify", "HEAD^{commit}").decode().strip()
    except LabError as err:
        raise LabError(
            f"{root} is no git repository with a commit: {err.message}",
            "A deployment is of a commit: clone the project, or commit your values in terraform/envs.",
        ) from None
    if changed := _git(root, "status", "--porcelain", "--untracked-files=all").decode(errors="replace").splitlines():
        shown = ", ".join(line[3:] for line in changed[:3]) + (" …" if len(changed) > 3 else "")
        raise LabError(
            f"What is here isn't the commit {found[:_DIGITS]}: {shown}. Images would hold something else "
            "than their tag says.",
            "Commit the changes, or put them away with `git stash --include-untracked`.",
        )
    return Commit(root, found)


def target_of(folder: Path, environment: Environment) -> Target:
    """What the environment below `folder`, the project's, says of itself. Raises LabError."""
    values, backend = (_read(folder / f"terraform/envs/{environment}" / name) for name in ("main.tf", "backend.hcl"))
    account = _found(r'allowed_account_ids\s*=\s*\[\s*"(\d{12})"\s*\]', values, "main.tf", "allowed_account_ids")
    region = _found(r'^\s*region\s*=\s*"([a-z0-9-]+)"', values, "main.tf", "region")
    bucket = _found(r'^\s*bucket\s*=\s*"([a-z0-9.-]+)"', backend, "backend.hcl", "bucket")
    return Target(environment, account, region, bucket)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as err:
        raise LabError(f"Can't read {path}: {err.strerror}.", "Restore it from git.") from None


def _found(pattern: str, text: str, file: str, name: str) -> str:
    if match := re.search(pattern, text, re.MULTILINE):
        return match[1]
    raise LabError(f"{file} of the environment names no {name} that can be read.", f"Write {name} as a plain text.")


def _git(root: Path, *arguments: str) -> bytes:
    trusted = ("-c", f"safe.directory={root}", "-c", "core.fsmonitor=false")
    try:
        return subprocess.run(
            ["git", *trusted, "-C", str(root), *arguments],  # noqa: S607 - git is wherever the user has it
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_DEADLINE_S,
            check=True,
        ).stdout
    except FileNotFoundError:
        raise LabError("There is no git here.", "Install git.") from None
    except subprocess.SubprocessError as err:
        said = getattr(err, "stderr", b"") or str(err).encode()
        raise LabError(
            f"git {arguments[0]} failed: {said.decode(errors='replace').strip()[:300]}.",
            "Type this in a clone of the project that has a commit.",
        ) from None
