"""The control plane's only reader of the environment and `.env`."""

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from lab.base.account import expanded
from lab.base.catalogue import MAX_PORT_OFFSET
from lab.base.errors import ClaimRefused, SettingsError
from lab.base.names import ALLOWED
from lab.base.similar import meant
from lab.config import AlertSettings, LabConfig, Secrets
from lab.envfile import ROOT, SECRETS, env_file, shown_name, written_values
from lab.governance.rules.policy import Actor, Claim, Environment, Policy, Role
from lab.governance.rules.policy_file import ROLE_VARIABLES

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_NAME = re.compile(r"[a-z][a-z0-9-]{0,39}")
_NOBODY = Actor("nobody", Role.ANALYST, Environment.DEV)
# Reads a policy file, given the variables that it may refer to.
ReadPolicy = Callable[[Path, Mapping[str, str]], Policy]


class Settings(BaseSettings):
    """Every variable of `.env`; a field's description is its documentation."""

    model_config = SettingsConfigDict(extra="forbid", env_ignore_empty=True)

    run_owner: str = Field("data-scientist@example.com", description=f"owner of runs and model versions: {ALLOWED}")
    run_role: str = Field("ml-engineer", description=" | ".join(Role))
    environment: str = Field("dev", description=" | ".join(Environment))
    allowed_staging_roles: str = Field(
        "data-scientist,ml-engineer,risk-officer,platform-admin", description="roles that may run in staging"
    )
    allowed_prod_roles: str = Field("ml-engineer,platform-admin", description="roles that may run in prod")
    policy_path: Path = Field(Path("stack/governance/policy.yaml"), description="file that says who may do what, where")
    signing_key: Path | None = Field(None, description="SSH key that signs approvals; empty: the usual one in ~/.ssh")
    data_path: Path = Field(Path("data/sample_data.csv"), description="data set that the pipeline ingests")
    data_bucket: str = Field("data", description="bucket of data sets, profiles and the current data's reference")
    artifact_bucket: str = Field("mlflow-artifacts", description="bucket of MLflow's artifacts")
    audit_bucket: str = Field("audit", description="bucket of the audit trail, with Object Lock")
    audit_log_prefix: str = Field("governance/audit/", description="key prefix of audit entries, ending in /")
    audit_retention_days: int = Field(30, ge=1, le=36_500, description="days an audit entry can't be deleted, 1-36500")
    baseline_data_hash: str = Field("", description="SHA-256 of the baseline data set, 64 hex digits, or empty")
    drift_monitor_interval_seconds: float = Field(
        30, ge=1, le=86_400, description="seconds between two checks of the drift monitor, 1-86400"
    )
    training_schedule: Literal["on", "off"] = Field("on", description="on | off: whether a run begins every six hours")
    run_memory_limit_mb: Annotated[int, Field(ge=0, le=1_000_000)] | Literal["auto"] = Field(
        "auto",
        description="megabytes that a run may allocate beyond what it begins with; auto: half of the machine's memory, "
        "0: no limit",
    )
    run_isolation: Literal["process", "container"] = Field(
        "process", description="process | container: where each run is alone; container needs RUNTIME=compose"
    )
    run_container_memory_mb: int = Field(
        2048, ge=512, le=1_000_000, description="megabytes that the container of one run may use, 512-1000000"
    )
    runtime: Literal["auto", "native", "compose"] = Field("auto", description="auto | native | compose")
    lab_name: str = Field("mlops-lab", description="name of the instance: a-z, 0-9 and -, at most 40 characters")
    lab_home: Path = Field(Path(".lab"), description="folder of everything the lab writes here")
    port_offset: int = Field(
        0, ge=0, le=MAX_PORT_OFFSET, description=f"added to every port: a whole number, 0-{MAX_PORT_OFFSET}"
    )
    lab_pages: str = Field(
        "", description="pages of a lab elsewhere, for `mlops-lab --at FILE`: dagster=https://…,mlflow=https://…"
    )
    pages_cookie: str = Field("", description="cookie of your browser's session, for pages that ask for a login")
    object_store: Literal["auto", "seaweedfs", "minio"] = Field(
        "auto", description="auto | seaweedfs | minio (legacy, in containers only)"
    )
    alert_slack_url_file: Path | None = Field(
        None, description="file with the URL of a Slack-compatible webhook that is told of alerts"
    )
    alert_webhook_url_file: Path | None = Field(
        None, description="file with the URL to which Alertmanager's JSON about alerts is posted"
    )
    alert_watchdog_url_file: Path | None = Field(
        None, description="file with the URL of a dead man's switch, which is told every minute that alerts work"
    )
    alert_email_to: str = Field("", description="e-mail addresses that are told of alerts, separated by commas")
    alert_email_from: str = Field("", description="sender of these e-mails")
    alert_smtp_server: str = Field("", description="SMTP server that takes them: host:port")
    alert_smtp_user: str = Field("", description="user at that server; empty: no login")
    alert_smtp_password_file: Path | None = Field(None, description="file with that user's password")
    alert_smtp_tls: Literal["on", "off"] = Field("on", description="on | off: whether the server must speak TLS")
    postgres_password: str = Field("", description="password of the database's superuser")
    dagster_db_password: str = Field("", description="password of the role dagster")
    mlflow_db_password: str = Field("", description="password of the role mlflow")
    s3_admin_secret: str = Field("", description="secret key of the S3 identity that administers the store")
    s3_pipeline_secret: str = Field("", description="secret key of the pipeline's S3 identity")
    s3_mlflow_secret: str = Field("", description="secret key of MLflow's S3 identity")
    s3_reader_secret: str = Field("", description="secret key of the S3 identity that only reads")
    store_jwt_secret: str = Field("", description="signs the object store's internal requests")
    alertmanager_password: str = Field("", description="password of Alertmanager's user admin")
    grafana_admin_password: str = Field("", description="password of Grafana's user admin")
    grafana_secret_key: str = Field("", description="encrypts what Grafana keeps secret in its database")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what `load` passes: it merges the file and the environment itself, so that errors name the source."""
        return (init_settings,)

    @field_validator("data_bucket", "artifact_bucket", "audit_bucket")
    @classmethod
    def _bucket(cls, value: str) -> str:
        if not _BUCKET.fullmatch(value):
            raise ValueError("must be a bucket name: 3-63 of a-z, 0-9, - and .")
        return value

    @field_validator("lab_name")
    @classmethod
    def _name(cls, value: str) -> str:
        if not _NAME.fullmatch(value):
            raise ValueError("must start with a-z and hold only a-z, 0-9 and -, at most 40 characters")
        return value

    @field_validator("audit_log_prefix")
    @classmethod
    def _prefix(cls, value: str) -> str:
        if not value.endswith("/") or value.startswith("/") or "//" in value:
            raise ValueError("must be a key prefix like governance/audit/: no / in front, one at the end")
        return value

    @field_validator("baseline_data_hash")
    @classmethod
    def _hash(cls, value: str) -> str:
        if value and not re.fullmatch(r"[0-9a-f]{64}", value):
            raise ValueError("must be 64 lower-case hexadecimal digits, or empty")
        return value

    @field_validator("pages_cookie")
    @classmethod
    def _cookie(cls, value: str) -> str:
        if not value.isascii() or not value.isprintable():
            raise ValueError("must be NAME=value; NAME=value, as a browser sends it")
        return value

    @property
    def claim(self) -> Claim:
        return Claim(self.run_owner, self.run_role, self.environment)


def load(read_policy: ReadPolicy, environ: Mapping[str, str] = os.environ) -> LabConfig:
    """The lab's configuration. Raises SettingsError naming variable, value and what is allowed."""
    settings = _settings(environ)
    try:
        actor = settings.claim.actor()
    except SettingsError as err:
        raise ClaimRefused(err.message, err.remedy) from None
    return _config(settings, actor, read_policy, environ)


def load_refused(read_policy: ReadPolicy, environ: Mapping[str, str] = os.environ) -> tuple[LabConfig, Claim]:
    """The claim that made `load` raise ClaimRefused, and the lab in whose trail that belongs: its actor is nobody."""
    settings = _settings(environ)
    return _config(settings, _NOBODY, read_policy, environ), settings.claim


def _config(settings: Settings, actor: Actor, read_policy: ReadPolicy, environ: Mapping[str, str]) -> LabConfig:
    policy_path = _absolute(settings.policy_path)
    variables = {
        "ALLOWED_STAGING_ROLES": settings.allowed_staging_roles,
        "ALLOWED_PROD_ROLES": settings.allowed_prod_roles,
    }
    return LabConfig(
        name=settings.lab_name,
        root=ROOT,
        home=_absolute(settings.lab_home),
        env_file=env_file(environ),
        runtime=settings.runtime,
        port_offset=settings.port_offset,
        object_store=settings.object_store,
        actor=actor,
        policy=read_policy(policy_path, variables),
        policy_path=policy_path,
        signing_key=_expanded(settings.signing_key).absolute() if settings.signing_key else None,
        allowed_staging_roles=settings.allowed_staging_roles,
        allowed_prod_roles=settings.allowed_prod_roles,
        data_path=_absolute(settings.data_path),
        data_bucket=settings.data_bucket,
        artifact_bucket=settings.artifact_bucket,
        audit_bucket=settings.audit_bucket,
        audit_prefix=settings.audit_log_prefix,
        audit_retention_days=settings.audit_retention_days,
        baseline_data_hash=settings.baseline_data_hash,
        drift_interval_s=settings.drift_monitor_interval_seconds,
        training_schedule=settings.training_schedule == "on",
        run_memory_limit_mb=settings.run_memory_limit_mb,
        run_isolation=settings.run_isolation,
        run_container_memory_mb=settings.run_container_memory_mb,
        secrets=_secrets(settings),
        pages_cookie=settings.pages_cookie,
        alerts=_alerts(settings),
    )


def _alerts(settings: Settings) -> AlertSettings:
    def file(path: Path | None) -> Path | None:
        return _absolute(path) if path else None

    return AlertSettings(
        slack_url_file=file(settings.alert_slack_url_file),
        webhook_url_file=file(settings.alert_webhook_url_file),
        watchdog_url_file=file(settings.alert_watchdog_url_file),
        email_to=settings.alert_email_to,
        email_from=settings.alert_email_from,
        smtp_server=settings.alert_smtp_server,
        smtp_user=settings.alert_smtp_user,
        smtp_password_file=file(settings.alert_smtp_password_file),
        smtp_tls=settings.alert_smtp_tls == "on",
    )


def _settings(environ: Mapping[str, str]) -> Settings:
    path = env_file(environ)
    written = written_values(path)
    known = {name.upper() for name in Settings.model_fields}
    unknown = sorted(set(written) - known)
    if unknown:
        raise _no_setting(path, unknown[0], sorted(known))
    given = {name: environ[name] for name in known if environ.get(name)}
    # An empty value means the default, but an empty list of roles in `.env` means nobody, never the default's roles.
    values = {name.lower(): value for name, value in (written | given).items() if value or name in ROLE_VARIABLES}
    try:
        return Settings.model_validate(values)
    except ValidationError as err:
        raise _explain(err, given, path) from None


def _no_setting(path: Path, name: str, known: list[str]) -> SettingsError:
    """A mistyped name: the nearest known one comes first."""
    shown = shown_name(name)
    remedy = f"{meant(shown, known)}Known are: {', '.join(known)}."
    return SettingsError(f"{path}: {shown} is no setting.", remedy)


def _explain(err: ValidationError, given: Mapping[str, Any], path: Path) -> SettingsError:
    first = err.errors()[0]
    name = str(first["loc"][0])
    value = "" if name.upper() in {*SECRETS, "PAGES_COOKIE"} else f"={first.get('input')!r}"
    source = "the environment" if name.upper() in given else str(path)
    reason = first["msg"].removeprefix("Value error, ")
    allowed = Settings.model_fields[name].description
    return SettingsError(f"{name.upper()}{value} (from {source}) is not allowed: {reason}.", f"Allowed: {allowed}.")


def _absolute(path: Path) -> Path:
    return Path(os.path.normpath(ROOT / _expanded(path)))


def _expanded(path: Path) -> Path:
    try:
        return expanded(path)
    except RuntimeError:
        raise SettingsError(f"{path} names the home folder of an unknown user.", "Write the whole path.") from None


def _secrets(settings: Settings) -> Secrets:
    return Secrets(
        postgres=settings.postgres_password,
        dagster_db=settings.dagster_db_password,
        mlflow_db=settings.mlflow_db_password,
        s3_admin=settings.s3_admin_secret,
        s3_pipeline=settings.s3_pipeline_secret,
        s3_mlflow=settings.s3_mlflow_secret,
        s3_reader=settings.s3_reader_secret,
        store_jwt=settings.store_jwt_secret,
        alertmanager=settings.alertmanager_password,
        grafana_admin=settings.grafana_admin_password,
        grafana_signing=settings.grafana_secret_key,
    )
