"""One lab's configuration as a value: what settings produce and runtimes and clients consume."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lab.base.catalogue import BY_NAME, Service
from lab.governance.rules.policy import Actor, Policy

REGION = "us-east-1"


@dataclass(frozen=True)
class Secrets:
    """Everything that must not be printed, logged or put on a command line."""

    postgres: str
    dagster_db: str
    mlflow_db: str
    s3_admin: str
    s3_pipeline: str
    s3_mlflow: str
    s3_reader: str
    store_jwt: str
    alertmanager: str
    grafana_admin: str
    grafana_signing: str

    @property
    def complete(self) -> bool:
        """Whether each has a value: an empty one could be guessed by anybody."""
        return all(vars(self).values())

    def __repr__(self) -> str:
        return "Secrets(…)"


@dataclass(frozen=True)
class AlertSettings:
    """Where alerts go, as the settings have it; a URL or password is in the file that is named, never here."""

    slack_url_file: Path | None = None
    webhook_url_file: Path | None = None
    watchdog_url_file: Path | None = None
    email_to: str = ""
    email_from: str = ""
    smtp_server: str = ""
    smtp_user: str = ""
    smtp_password_file: Path | None = None
    smtp_tls: bool = True

    @property
    def email(self) -> bool:
        """Whether anything about e-mail is set."""
        return bool(self.email_to or self.email_from or self.smtp_server or self.smtp_user or self.smtp_password_file)

    @property
    def any(self) -> bool:
        """Whether anything is to leave this machine."""
        return bool(self.slack_url_file or self.webhook_url_file or self.watchdog_url_file or self.email)


@dataclass(frozen=True)
class LabConfig:
    """A lab: its name, place, ports, buckets, actor and policy. Paths are absolute; the interval is in seconds.

    `endpoints` are the addresses of a lab elsewhere, which is only looked at; empty for the one on this machine.
    `pages_cookie` is sent to them, and never without TLS.
    """

    name: str
    root: Path
    home: Path
    env_file: Path
    runtime: str
    port_offset: int
    object_store: str
    actor: Actor
    policy: Policy
    policy_path: Path
    signing_key: Path | None
    allowed_staging_roles: str
    allowed_prod_roles: str
    data_path: Path
    data_bucket: str
    artifact_bucket: str
    audit_bucket: str
    audit_prefix: str
    audit_retention_days: int
    baseline_data_hash: str
    drift_interval_s: float
    training_schedule: bool
    run_memory_limit_mb: int | str
    run_isolation: str
    run_container_memory_mb: int
    secrets: Secrets = field(repr=False)
    endpoints: Mapping[Service, str] = field(default_factory=dict)
    pages_cookie: str = field(default="", repr=False)
    alerts: AlertSettings = field(default_factory=AlertSettings)

    @property
    def pipelines(self) -> Path:
        """The folder of what data scientists edit."""
        return self.root / "pipelines"

    @property
    def governance(self) -> Path:
        """The folder of what governance keeps outside the store; a relative `allowed_signers` lies in it."""
        return self.home / "governance"

    @property
    def witness(self) -> Path:
        """The folder where heads of the audit trail are written down, outside the store."""
        return self.home / "witness"

    @property
    def buckets(self) -> tuple[str, str, str]:
        return (self.data_bucket, self.artifact_bucket, self.audit_bucket)

    def url(self, service: Service) -> str:
        """Where a client on this machine reaches `service`."""
        return self.endpoints.get(service) or BY_NAME[service].url(self.port_offset)

    def port(self, service: Service) -> int:
        return BY_NAME[service].port_at(self.port_offset)

    def extra_port(self, service: Service, label: str) -> int:
        return BY_NAME[service].extra_port(label, self.port_offset)
