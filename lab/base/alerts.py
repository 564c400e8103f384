"""Alerts as Prometheus evaluates them, the targets it scrapes, and where alerts are to be sent."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

# The name of the alert that always fires, so that its absence tells that the path of alerts is broken.
WATCHDOG = "Watchdog"


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
class Alert:
    """One alert; `state` is `pending` or `firing`, `active_at` epoch seconds.

    `value` is what its rule's expression gave, as text; `runbook` where it says what to do.
    """

    name: str
    state: str
    severity: str
    summary: str
    active_at: float
    labels: Mapping[str, str] = field(default_factory=dict)
    value: str = ""
    description: str = ""
    runbook: str = ""


@dataclass(frozen=True)
class Firing:
    """One time that an alert fired; times are epoch seconds, and it still fires while `resolved_at` is None."""

    name: str
    severity: str
    fired_at: float
    resolved_at: float | None
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class KnownSilence:
    """A silence as Alertmanager lists it: `state` is `active`, `pending` or `expired`, times are epoch seconds.

    `matchers` are as people write them, `alertname="ServiceDown"`.
    """

    id: str
    state: str
    begins_at: float
    ends_at: float
    author: str
    comment: str
    matchers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Target:
    """One scrape target; `health` is `up`, `down` or `unknown`."""

    job: str
    url: str
    health: str
    error: str = ""
