"""What an exporter is told by its environment, read once at process entry."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lab.base.errors import SettingsError

# Beside this package, on a host and in an image.
PIPELINES = Path(__file__).resolve().parent.parent / "pipelines"


@dataclass(frozen=True)
class ExporterConfig:
    """Where an exporter listens and what it watches. `check_interval_s` is in seconds; without `policy` the registry
    isn't compared with the trail, without `retention_days` the audit bucket's locks aren't looked at. The models are
    the folders in `pipelines`; `postgres` is where that listens, `disk` a folder on the disk that holds the lab's data.
    """

    listen_address: str
    listen_port: int
    check_interval_s: float
    data_bucket: str
    audit_bucket: str
    audit_prefix: str
    baseline_hash: str
    dagster_url: str
    mlflow_url: str
    journal: Path | None
    witness: Path | None
    lab: str = ""
    policy: Path | None = None
    staging_roles: str = ""
    prod_roles: str = ""
    retention_days: int = 0
    object_store: str = ""
    pipelines: Path = PIPELINES
    postgres: tuple[str, int] | None = None
    disk: Path | None = None
    schedule_expected: bool = True


def from_environment(environ: Mapping[str, str]) -> ExporterConfig:
    """Raises SettingsError for a number that isn't one."""
    journal, policy = environ.get("LAB_JOURNAL_DIR", ""), environ.get("POLICY_PATH", "")
    witness, disk = environ.get("LAB_WITNESS_DIR", ""), environ.get("LAB_DISK", "")
    postgres = environ.get("POSTGRES_HOST", "")
    return ExporterConfig(
        listen_address=environ.get("LISTEN_ADDRESS") or "127.0.0.1",
        listen_port=int(_number(environ, "LISTEN_PORT", 0)),
        check_interval_s=_number(environ, "DRIFT_MONITOR_INTERVAL_SECONDS", 30),
        data_bucket=environ.get("DATA_BUCKET") or "data",
        audit_bucket=environ.get("AUDIT_BUCKET") or "audit",
        audit_prefix=environ.get("AUDIT_LOG_PREFIX") or "governance/audit/",
        baseline_hash=environ.get("BASELINE_DATA_HASH", ""),
        dagster_url=environ.get("DAGSTER_URL") or "http://127.0.0.1:3000",
        mlflow_url=environ.get("MLFLOW_URL") or "http://127.0.0.1:5000",
        journal=Path(journal) if journal else None,
        witness=Path(witness) if witness else None,
        lab=environ.get("LAB_NAME", ""),
        policy=Path(policy) if policy else None,
        staging_roles=environ.get("ALLOWED_STAGING_ROLES", ""),
        prod_roles=environ.get("ALLOWED_PROD_ROLES", ""),
        retention_days=int(_number(environ, "AUDIT_RETENTION_DAYS", 0)),
        object_store=environ.get("OBJECT_STORE", ""),
        postgres=(postgres, int(_number(environ, "POSTGRES_PORT", 5432))) if postgres else None,
        disk=Path(disk) if disk else None,
        schedule_expected=environ.get("TRAINING_SCHEDULE", "on") == "on",
    )


def _number(environ: Mapping[str, str], name: str, default: float) -> float:
    text = environ.get(name, "")
    try:
        return float(text) if text else default
    except ValueError:
        raise SettingsError(f"{name}={text!r} is no number.", "Set it to a number.") from None
