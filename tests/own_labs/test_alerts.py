"""Alerts from a rule to a receiver that the test started, and who is silent while another alert explains it."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lab import wiring
from lab.base.catalogue import Service
from lab.observe.snapshot import Health
from tests.support.alert_inbox import Mail, Webhook
from tests.support.lab import INVOKE, LiveLab
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from tests.own_labs.conftest import Starts

pytestmark = pytest.mark.lab

LOGIN = ("lab", "very-secret")
MLOPS_LAB = str(Path(INVOKE).with_name("mlops-lab"))


@dataclass(frozen=True)
class Told:
    """A lab whose Alertmanager tells three receivers in this process; `folder` has the files with their URLs."""

    lab: LiveLab
    folder: Path
    people: Webhook
    chat: Webhook
    mail: Mail
    settings: Mapping[str, str]


def secret(folder: Path, name: str, text: str) -> str:
    path = folder / name
    path.write_text(text)
    path.chmod(0o600)
    return str(path)


@pytest.fixture(scope="module")
def _told(starts: "Starts", tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    spare, folder = starts.lab, tmp_path_factory.mktemp("receivers")
    if spare.states()[Service.ALERTMANAGER].health is Health.ABSENT:
        pytest.skip("no Alertmanager can be had here")
    people, chat, mail = Webhook(), Webhook(), Mail(LOGIN)
    with people.running(), chat.running(), mail.running():
        settings = {
            "ALERT_WEBHOOK_URL_FILE": secret(folder, "people", f"{people.url}/very-secret"),
            "ALERT_SLACK_URL_FILE": secret(folder, "chat", f"{chat.url}/very-secret"),
            "ALERT_WATCHDOG_URL_FILE": secret(folder, "switch", f"{people.url}/switch"),
            "ALERT_EMAIL_TO": "team@example.com",
            "ALERT_EMAIL_FROM": "lab@example.com",
            "ALERT_SMTP_SERVER": mail.address,
            "ALERT_SMTP_USER": LOGIN[0],
            "ALERT_SMTP_PASSWORD_FILE": secret(folder, "password", LOGIN[1]),
            "ALERT_SMTP_TLS": "off",
        }
        spare.invoke("up", **settings)
        try:
            yield Told(spare, folder, people, chat, mail, settings)
        finally:
            spare.invoke("up")


@pytest.fixture
def told(_told: Told) -> Told:
    """The same, with receivers that take everything."""
    _told.people.status, _told.chat.status, _told.mail.refusing, _told.mail.login = 200, 200, False, LOGIN
    return _told


def tried(told: Told) -> tuple[int, dict[str, tuple[str, int | None]]]:
    done = told.lab.invoke("alert-test", "--json", check=False, **told.settings)
    answers = json.loads(done.stdout)["answers"]
    return done.returncode, {one["receiver"]: (one["outcome"], one["status"]) for one in answers}


def test_alert_test_says_what_each_receiver_answered(told: Told) -> None:
    assert tried(told) == (0, dict.fromkeys(("slack", "webhook", "email", "watchdog"), ("sent", None)))
    # A service that took long to start has alerts of its own.
    assert any("AlertTest" in mail for mail in told.mail.messages)
    assert told.chat.messages[-1][0] == "/very-secret"

    told.people.status, told.chat.status, told.mail.refusing = 500, 404, True
    code, answers = tried(told)
    assert code == 1
    assert answers == {
        "slack": ("refused", 404),
        "webhook": ("refused", 500),
        "email": ("refused", 550),
        "watchdog": ("refused", 500),
    }


def test_a_wrong_password_of_the_mail_server_is_told_with_its_code(told: Told) -> None:
    told.mail.login = (LOGIN[0], "another one")
    before = len(told.mail.messages)
    code, answers = tried(told)
    assert (code, answers.pop("email")) == (1, ("refused", 535))
    assert set(answers.values()) == {("sent", None)}
    assert len(told.mail.messages) == before


def test_where_alerts_go_is_told_to_nobody(told: Told) -> None:
    for process in told.lab.processes():
        shown = " ".join(process.cmdline()) + str(process.environ())
        assert "very-secret" not in shown
    logs = (told.lab.home / "logs").glob("*.log*")
    assert not [path.name for path in logs if "very-secret" in path.read_text(errors="replace")]
    for command in (("doctor", "--json"), ("status", "--json"), ("logs", "alertmanager")):
        assert "very-secret" not in told.lab.invoke(*command, check=False, **told.settings).stdout


def test_receivers_of_which_alertmanager_does_not_know_yet_are_not_tried(told: Told) -> None:
    other = {**told.settings, "ALERT_WEBHOOK_URL_FILE": secret(told.folder, "other", told.chat.url)}
    done = told.lab.invoke("alert-test", check=False, **other)
    assert done.returncode == 1
    assert "Alertmanager was started with other settings" in done.stderr
    assert "Type `invoke up`" in done.stderr


def test_a_wrong_setting_is_one_error_before_anything_starts(told: Told) -> None:
    path = told.folder / "people"
    pid = told.lab.pids()[Service.ALERTMANAGER]
    path.chmod(0o644)
    try:
        done = told.lab.invoke("up", check=False, **told.settings)
    finally:
        path.chmod(0o600)

    assert done.returncode == 1
    assert f"ALERT_WEBHOOK_URL_FILE: others may read {path}" in done.stderr
    assert f"chmod 600 {path}" in done.stderr
    assert told.lab.pids()[Service.ALERTMANAGER] == pid


def test_a_planted_drift_reaches_the_receiver_and_its_end_does(told: Told) -> None:
    told.lab.invoke("seed", "--drift", **told.settings)
    try:
        told.people.wait_for("DataDriftDetected", "firing", 120)
        eventually(lambda: any("DataDriftDetected" in mail for mail in told.mail.messages), 60, "the e-mail")
        assert all(told.lab.config.name in mail for mail in told.mail.messages if "DataDriftDetected" in mail)
        chat = next(body for _, body in told.chat.messages if "DataDriftDetected" in str(body))
        assert f"DataDriftDetected in {told.lab.config.name}" in str(chat)
    finally:
        told.lab.invoke("seed", "--reset", **told.settings)
    told.people.wait_for("DataDriftDetected", "resolved", 180)
    listed = json.loads(told.lab.command(MLOPS_LAB, "alerts", "--hours", "1", "--json").stdout)
    ended = [one for one in listed if one["name"] == "DataDriftDetected"]
    assert ended
    assert all(one["resolved_at"] for one in ended)


def suppressed(lab: LiveLab) -> dict[str, str]:
    """The state in which Alertmanager has each alert."""
    login = ("admin", lab.config.secrets.alertmanager)
    found = lab.get(Service.ALERTMANAGER, "/api/v2/alerts", auth=login).json()
    return {one["labels"]["alertname"]: one["status"]["state"] for one in found}


def test_while_postgres_is_down_nothing_is_said_of_what_needs_it(told: Told) -> None:
    runtime = wiring.runtime(told.lab.config)
    runtime.stop([Service.POSTGRES], 60)
    try:
        told.people.wait_for("PostgresDown", "firing", 90)
        for child in ("DagsterRunsUnreadable", "RegistryUnreadable"):
            eventually(lambda name=child: suppressed(told.lab).get(name) == "suppressed", 150, child)  # type: ignore[misc]
    finally:
        told.lab.invoke("up", **told.settings)
    told.people.wait_for("PostgresDown", "resolved", 180)
    assert told.people.statuses("DagsterRunsUnreadable") == []
    assert told.people.statuses("RegistryUnreadable") == []


def test_the_switch_hears_again_and_again_and_people_never(told: Told) -> None:
    def heard() -> list[str]:
        return [path for path, body in told.people.messages if body["commonLabels"].get("alertname") == "Watchdog"]

    eventually(lambda: len(heard()) >= 2, 180, "two beats")
    assert set(heard()) == {"/switch"}
