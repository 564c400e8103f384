"""What a step reads from its process environment, read when a step begins and never at import."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from lab.base.errors import SettingsError
from lab.base.source_code import code_version
from lab.dagster_host.source_snapshot import FINGERPRINT_VARIABLE, ROOT, read_bytes
from lab.models.model_folder import Model, Models, models_in

# Whose word a run's role is: the setting's, or that of AWS about the process. Set by Terraform for what runs there.
ROLE_SOURCE_VARIABLE = "RUN_ROLE_SOURCE"


@dataclass(frozen=True)
class StepEnvironment:
    """The environment's part of a step's input.

    `journal` holds audit entries that couldn't be delivered; a relative `allowed_signers` of the policy lies in
    `governance`. `by_caller`: the role is what AWS says of the process, and `role` is ignored; `lab` names the lab.
    """

    data_bucket: str
    audit_bucket: str
    audit_prefix: str
    data_path: str
    baseline_hash: str
    owner: str
    role: str
    by_caller: bool
    lab: str
    environment: str
    policy: Path
    governance: Path
    staging_roles: str
    prod_roles: str
    tracking_uri: str
    mlflow_url: str
    dagster_url: str
    code_version: str
    journal: Path | None


def models_here() -> Models:
    """The models in this project's `pipelines/`, as they were when the run began."""
    return models_in(ROOT / "pipelines", read_bytes)


def the_model_here(slug: str = "") -> Model:
    """One of them, see `Models.find`. Raises SettingsError, UsageError."""
    return models_here().find(slug)


def read_environment(environ: Mapping[str, str] = os.environ) -> StepEnvironment:
    """Raises SettingsError naming the first variable that a step can't do without."""
    journal = environ.get("LAB_JOURNAL_DIR", "")
    tracking_uri = _needed(environ, "MLFLOW_TRACKING_URI")
    return StepEnvironment(
        data_bucket=_needed(environ, "DATA_BUCKET"),
        audit_bucket=_needed(environ, "AUDIT_BUCKET"),
        audit_prefix=_needed(environ, "AUDIT_LOG_PREFIX"),
        data_path=environ.get("DATA_PATH", ""),
        baseline_hash=environ.get("BASELINE_DATA_HASH", ""),
        owner=environ.get("RUN_OWNER", ""),
        role=environ.get("RUN_ROLE", ""),
        by_caller=_by_caller(environ.get(ROLE_SOURCE_VARIABLE, "")),
        lab=environ.get("LAB_NAME", ""),
        environment=environ.get("ENVIRONMENT", ""),
        policy=Path(_needed(environ, "POLICY_PATH")),
        governance=Path(_needed(environ, "LAB_GOVERNANCE_DIR")),
        staging_roles=environ.get("ALLOWED_STAGING_ROLES", ""),
        prod_roles=environ.get("ALLOWED_PROD_ROLES", ""),
        tracking_uri=tracking_uri,
        mlflow_url=environ.get("MLFLOW_URL", tracking_uri).rstrip("/"),
        dagster_url=environ.get("DAGSTER_URL", "").rstrip("/"),
        code_version=_code_version(environ.get("CODE_VERSION", ""), environ.get(FINGERPRINT_VARIABLE, ""), os.getpid()),
        journal=Path(journal) if journal else None,
    )


def _by_caller(source: str) -> bool:
    if source not in {"", "setting", "caller"}:
        raise SettingsError(f"{ROLE_SOURCE_VARIABLE}: {source!r} is unknown.", "Use one of: setting, caller.")
    return source == "caller"


@lru_cache(maxsize=1)
def _code_version(built: str, executed: str, pid: int) -> str:  # noqa: ARG001 - a forked process looks for itself
    # An image knows what it was built from. Elsewhere it is looked at when a run begins: a commit restarts nothing.
    return code_version(ROOT, executed=executed, built=built)


def _needed(environ: Mapping[str, str], name: str) -> str:
    value = environ.get(name, "")
    if not value:
        raise SettingsError(f"{name} isn't set for the pipeline's process.", "Start it with `invoke up`.")
    return value
