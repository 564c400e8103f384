"""Where alerts are to be sent."""

from dataclasses import dataclass
from pathlib import Path


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
