"""Who is told of alerts: files with secrets, what is refused about them, and what Alertmanager is given."""

import json
from pathlib import Path
from typing import Any

import pytest

from lab.base.catalogue import BY_NAME, Service
from lab.base.errors import SettingsError
from lab.config import AlertSettings
from lab.runtime.alert_receivers import Kind, receivers
from lab.runtime.alertmanager_config import dependents, render
from tests.stack.toolbox import run

MAIL = {"email_to": "a@example.com, b@example.com", "email_from": "lab@example.com", "smtp_server": "mail:587"}


@pytest.fixture
def secret(tmp_path: Path) -> Any:
    """A file of mode 0600 with a text."""

    def made(text: str = "https://hooks.example.com:8443/services/T0/SECRET", mode: int = 0o600) -> Path:
        path = tmp_path / f"file-{len(list(tmp_path.iterdir()))}"
        path.write_text(text)
        path.chmod(mode)
        return path

    return made


def everything(secret: Any) -> AlertSettings:
    return AlertSettings(secret(), secret(), secret(), **MAIL, smtp_user="lab", smtp_password_file=secret("pa#: ss\n"))


def test_each_receiver_is_known_by_its_host_alone(secret: Any) -> None:
    found = receivers(everything(secret))

    assert [one.kind for one in found] == [Kind.SLACK, Kind.WEBHOOK, Kind.EMAIL, Kind.WATCHDOG]
    assert [one.host for one in found] == ["hooks.example.com:8443"] * 2 + ["mail:587", "hooks.example.com:8443"]
    assert "SECRET" not in repr(found)
    assert "pa#" not in repr(found)


def test_without_settings_nobody_is_told() -> None:
    assert receivers(AlertSettings()) == ()
    config = json.loads(render(AlertSettings()))
    assert config["receivers"] == [{"name": "nobody"}]
    assert {route["receiver"] for route in config["route"]["routes"]} == {"nobody"}


@pytest.mark.parametrize("given", [{}, {"smtp_tls": False}, MAIL, "all"])
def test_amtool_accepts_what_is_rendered(given: Any, secret: Any, tmp_path: Path) -> None:
    settings = everything(secret) if given == "all" else AlertSettings(**given)
    path = tmp_path / "alertmanager.yml"
    path.write_text(render(settings))
    checked = run("amtool", "check-config", str(path))
    assert checked.returncode == 0, checked.stdout + checked.stderr


def routed(path: Path, **labels: str) -> set[str]:
    """The receivers to which amtool says that an alert with these labels goes."""
    said = run("amtool", "config", "routes", "test", f"--config.file={path}", *(f"{k}={v}" for k, v in labels.items()))
    assert said.returncode == 0, said.stderr
    return set(said.stdout.strip().split(","))


def test_every_person_is_told_of_an_alert_and_the_switch_only_of_the_watchdog(secret: Any, tmp_path: Path) -> None:
    path = tmp_path / "alertmanager.yml"
    path.write_text(render(everything(secret)))

    assert routed(path, alertname="ServiceDown", service="mlflow") == {"slack", "webhook", "email"}
    assert routed(path, alertname="Watchdog") == {"watchdog"}
    assert routed(path, alertname="AlertTest", receiver_tried="email") == {"email"}
    assert routed(path, alertname="AlertTest", receiver_tried="watchdog") == {"watchdog"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "holds nothing"),
        ("https://a\nhttps://b", "holds several lines"),
        ("hooks.example.com/SECRET", "holds no URL"),
        ("https:///SECRET", "holds no URL"),
        ("https://host:port/SECRET", "holds no URL"),
        ("https://host/SEC RET", "holds no URL"),
        ("x" * 5000, "is not a small file"),
    ],
)
def test_a_file_without_a_url_is_refused_and_what_it_holds_is_not_told(text: str, said: str, secret: Any) -> None:
    path = secret(text)
    with pytest.raises(SettingsError) as caught:
        receivers(AlertSettings(webhook_url_file=path))
    assert said in caught.value.message
    assert "ALERT_WEBHOOK_URL_FILE" in caught.value.message
    assert str(path) in caught.value.message
    assert caught.value.remedy
    assert "SECRET" not in str(caught.value)


@pytest.mark.parametrize("given", ["https:/hooks.example.com/SECRET", "/lab/http:/hooks.example.com/SECRET"])
def test_a_url_in_place_of_a_file_is_refused_and_not_shown(given: str) -> None:
    with pytest.raises(SettingsError, match=r"ALERT_SLACK_URL_FILE holds a URL") as caught:
        receivers(AlertSettings(slack_url_file=Path(given)))
    assert "SECRET" not in str(caught.value)


def test_a_file_that_is_not_there_or_that_others_may_read_is_refused(secret: Any, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"ALERT_SLACK_URL_FILE: .*absent can't be read: No such file"):
        receivers(AlertSettings(slack_url_file=tmp_path / "absent"))
    path = secret(mode=0o640)
    with pytest.raises(SettingsError, match=f"Type `chmod 600 {path}`"):
        receivers(AlertSettings(slack_url_file=path))
    with pytest.raises(SettingsError, match="not a small file"):
        receivers(AlertSettings(slack_url_file=tmp_path))


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"email_to": "nobody"}, "ALERT_EMAIL_TO"),
        ({"email_to": ""}, "ALERT_EMAIL_TO"),
        ({"email_from": "a@b, "}, "ALERT_EMAIL_FROM"),
        ({"smtp_server": "mail"}, "ALERT_SMTP_SERVER"),
        ({"smtp_server": "mail:99999"}, "ALERT_SMTP_SERVER"),
        ({"smtp_user": "lab"}, "ALERT_SMTP_PASSWORD_FILE"),
    ],
)
def test_half_an_email_is_refused(changed: dict[str, str], named: str) -> None:
    with pytest.raises(SettingsError, match=named):
        receivers(AlertSettings(**{**MAIL, **changed}))


def test_a_service_that_is_down_silences_what_needs_it() -> None:
    assert dependents(Service.POSTGRES) == {
        Service.MLFLOW, Service.DAGSTER_CODE, Service.DAGSTER, Service.DAGSTER_DAEMON,
    }  # fmt: skip
    rules = json.loads(render(AlertSettings()))["inhibit_rules"]
    silenced = [rule for rule in rules if rule["source_matchers"][1] == 'service="postgres"']
    assert silenced[0]["target_matchers"] == ['service=~"dagster|dagster-code|dagster-daemon|mlflow"']
    named = {rule["source_matchers"][1].split('"')[1] for rule in rules}
    assert named == {str(service) for service in BY_NAME}
