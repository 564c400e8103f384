"""Registered model versions, the governance tags they carry, and the one hash of their files."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple


def deleted_experiment(mlflow_url: str, name: str, experiment_id: str) -> tuple[str, str]:
    """What is wrong when the experiment is deleted, and how to get it back with all its runs."""
    call = f"curl -X POST {mlflow_url}/api/2.0/mlflow/experiments/restore"
    body = f"""-H 'Content-Type: application/json' -d '{{"experiment_id": "{experiment_id}"}}'"""
    return f"MLflow's experiment {name} is deleted.", f"Bring it back: `{call} {body}`."


class ApprovalState(StrEnum):
    """Where a version stands on its way to production."""

    PENDING_STAGING = "pending_staging"
    APPROVED_STAGING = "approved_staging"
    PENDING_PROD = "pending_prod"
    APPROVED_PROD = "approved_prod"
    REJECTED = "rejected"
    ARCHIVED = "archived"


class GovernanceTags(NamedTuple):
    """The tags every governed version carries, as text because the registry holds text.

    A named tuple: to make a data class of so many fields takes a millisecond, for which the screen's first paint waits.
    """

    owner: str
    environment: str
    role: str
    approval_state: str
    data_hash: str
    audit_owner: str
    audit_env: str
    audit_timestamp: str
    deployment_blocked: str
    audit_seq: str
    audit_hash: str

    @classmethod
    def names(cls) -> tuple[str, ...]:
        return cls._fields

    def as_tags(self) -> dict[str, str]:
        return self._asdict()


@dataclass(frozen=True)
class ModelVersion:
    """One version in the registry. `created_at` is epoch seconds; `run_id` is MLflow's, `stage` its former alias."""

    name: str
    version: str
    created_at: float
    run_id: str = ""
    aliases: tuple[str, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    stage: str = ""

    @property
    def missing_tags(self) -> tuple[str, ...]:
        """Governance tags that should be there and aren't."""
        return tuple(name for name in GovernanceTags.names() if not self.tags.get(name))


# MLflow writes it into each download, to say under which name and version that was asked for.
_ADDED_BY_DOWNLOAD = "registered_model_meta"


def files_digest(folder: Path) -> str:
    """SHA-256 (hex) over the lines that coreutils' `sha256sum` prints for the folder's files, sorted by path.

    In the folder: `find . -type f ! -path ./registered_model_meta -printf '%P\\0' | LC_ALL=C sort -z |
    xargs -0 sha256sum | sha256sum`. Raises OSError.
    """
    total = hashlib.sha256()
    paths = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    for name in sorted(set(paths) - {_ADDED_BY_DOWNLOAD}, key=str.encode):
        with paths[name].open("rb") as file:
            total.update(f"{hashlib.file_digest(file, 'sha256').hexdigest()}  {name}\n".encode())
    return total.hexdigest()
