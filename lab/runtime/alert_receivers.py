"""Who is told of alerts: the settings, and the files with secrets that they name, checked and made into values."""

import os
import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from lab.base.errors import SettingsError
from lab.config import AlertSettings

_MOST_BYTES = 4096
_ADDRESS = re.compile(r"[^@\s,<>]+@[^@\s,<>]+")
_SERVER = re.compile(r"[A-Za-z0-9.-]+:(\d{1,5})")
_HIGHEST_PORT = 65535


class Kind(StrEnum):
    """A way by which alerts reach somebody; also the receiver's name in Alertmanager."""

    SLACK = "slack"
    WEBHOOK = "webhook"
    EMAIL = "email"
    WATCHDOG = "watchdog"


@dataclass(frozen=True)
class Receiver:
    """One receiver: `host` may be shown, `configuration` is Alertmanager's and holds secrets."""

    kind: Kind
    host: str
    configuration: Mapping[str, Any] = field(repr=False)


def receivers(settings: AlertSettings) -> tuple[Receiver, ...]:
    """Every receiver that is set. Raises SettingsError, which names the variable and never what its file holds."""
    return tuple(_receivers(settings))


def _receivers(settings: AlertSettings) -> Iterator[Receiver]:
    if path := settings.slack_url_file:
        url, host = _url("ALERT_SLACK_URL_FILE", path)
        yield Receiver(Kind.SLACK, host, {"slack_configs": [{"api_url": url, **_SLACK, **_TOLD}]})
    if path := settings.webhook_url_file:
        url, host = _url("ALERT_WEBHOOK_URL_FILE", path)
        yield Receiver(Kind.WEBHOOK, host, {"webhook_configs": [{"url": url, **_TOLD}]})
    if settings.email:
        yield Receiver(Kind.EMAIL, settings.smtp_server, {"email_configs": [_email(settings)]})
    if path := settings.watchdog_url_file:
        url, host = _url("ALERT_WATCHDOG_URL_FILE", path)
        yield Receiver(Kind.WATCHDOG, host, {"webhook_configs": [{"url": url, "send_resolved": False}]})


_TOLD = {"send_resolved": True}
# A line an alert, with what to do: the default shows labels only.
_SLACK = {
    "title": "{{ .Status | toUpper }}: {{ .CommonLabels.alertname }} in {{ .CommonLabels.lab }}",
    "text": "{{ range .Alerts }}{{ .Annotations.summary }} ({{ .Labels.severity }}): {{ .Annotations.runbook_url }}\n"
    "{{ end }}",
}


def _email(settings: AlertSettings) -> Mapping[str, Any]:
    for name, value in (("ALERT_EMAIL_TO", settings.email_to), ("ALERT_EMAIL_FROM", settings.email_from)):
        addresses = [one.strip() for one in value.split(",")]
        if not all(_ADDRESS.fullmatch(one) for one in addresses):
            remedy = f"Set {name} to an address such as team@example.com, or take every ALERT_EMAIL_… and SMTP_… out."
            raise SettingsError(f"{name}={value!r} is no e-mail address.", remedy)
    server = _SERVER.fullmatch(settings.smtp_server)
    if not server or not 0 < int(server[1]) <= _HIGHEST_PORT:
        raise SettingsError(
            f"ALERT_SMTP_SERVER={settings.smtp_server!r} is no host with a port.",
            "Set it to something like smtp.example.com:587.",
        )
    if bool(settings.smtp_user) != bool(settings.smtp_password_file):
        raise SettingsError(
            "ALERT_SMTP_USER and ALERT_SMTP_PASSWORD_FILE belong together, and one of them is empty.",
            "Set both, or none for a server without a login.",
        )
    login = {}
    if path := settings.smtp_password_file:
        password = _secret("ALERT_SMTP_PASSWORD_FILE", path)
        login = {"auth_username": settings.smtp_user, "auth_password": password}
    own = {"to": settings.email_to, "from": settings.email_from, "smarthost": settings.smtp_server}
    return {**own, **login, "require_tls": settings.smtp_tls, **_TOLD}


def _url(name: str, path: Path) -> tuple[str, str]:
    """The URL in a file, and its host."""
    url = _secret(name, path)
    try:
        parts = urlsplit(url)
        host = f"{parts.hostname}:{parts.port}" if parts.port else parts.hostname
    except ValueError:
        parts, host = urlsplit(""), ""
    if parts.scheme not in {"http", "https"} or not host or re.search(r"\s", url):
        raise SettingsError(f"{name}: {path} holds no URL.", "Write one line into it that begins with https://.")
    return url, host


def _secret(name: str, path: Path) -> str:
    """The one line of a file that nobody else may read."""
    if re.search(r"(?:\A|/)https?:/", str(path)):
        # Not shown: what was taken for a path is the secret itself.
        raise SettingsError(
            f"{name} holds a URL, where the name of a file belongs.",
            "Write the URL into a file of your own, mode 0600, and that file's name here: see docs/alerts.md.",
        )
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode) or found.st_size > _MOST_BYTES:
            raise SettingsError(f"{name}: {path} is not a small file.", "Name a file with one line.")
        text = path.read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as err:
        reason = (err.strerror if isinstance(err, OSError) else "") or "not text"
        raise SettingsError(f"{name}: {path} can't be read: {reason}.", f"Write it, or empty {name}.") from None
    if found.st_mode & 0o077:
        raise SettingsError(f"{name}: others may read {path}.", f"Type `chmod 600 {path}`.")
    if found.st_uid not in {os.getuid(), 0}:
        raise SettingsError(f"{name}: {path} belongs to somebody else.", "Name a file of your own.")
    if not text or "\n" in text:
        raise SettingsError(
            f"{name}: {path} holds {'several lines' if text else 'nothing'}.", "Write one line into it."
        )
    return text
