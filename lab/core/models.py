"""Registered model versions and the governance tags they carry."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum

MODEL_NAME = "CreditRiskModel"
MODEL_ASSET = ("models", MODEL_NAME)
EXPERIMENT = "credit-risk"


def deleted_experiment(mlflow_url: str, experiment_id: str) -> tuple[str, str]:
    """What is wrong when the experiment is deleted, and how to get it back with all its runs."""
    call = f"curl -X POST {mlflow_url}/api/2.0/mlflow/experiments/restore"
    body = f"""-H 'Content-Type: application/json' -d '{{"experiment_id": "{experiment_id}"}}'"""
    return f"MLflow's experiment {EXPERIMENT} is deleted.", f"Bring it back: `{call} {body}`."


class ApprovalState(StrEnum):
    """Where a version stands on its way to production."""

    PENDING_STAGING = "pending_staging"
    APPROVED_STAGING = "approved_staging"
    PENDING_PROD = "pending_prod"
    APPROVED_PROD = "approved_prod"
    REJECTED = "rejected"
    ARCHIVED = "archived"


@dataclass(frozen=True)
class GovernanceTags:
    """The tags every governed version carries, as text because the registry holds text."""

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
        return tuple(f.name for f in fields(cls))

    def as_tags(self) -> dict[str, str]:
        return {name: getattr(self, name) for name in self.names()}


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
