"""`invoke alert-test` and `mlops-lab alerts`, over what Alertmanager and Prometheus say."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from lab.base.catalogue import ProcessFact, Service
from lab.base.errors import LabError
from lab.base.monitoring import Firing
from lab.operations.alert_history import alert_history
from lab.operations.alert_test import Answer, Outcome, alert_test, answers
from lab.runtime.alert_receivers import Kind, Receiver
from tests.support.played_lab import config

KNOWN = [Receiver(kind, f"{kind}.example.com", {}) for kind in Kind]
# As Alertmanager 0.25 wrote them; the fourth is of 0.27 and newer, which names the group, too.
LINES = r"""
ts=2026-11-29T15:02:19.697Z caller=dispatch.go:163 level=debug component=dispatcher msg="Received alert" alert=T[9478b21][active]
ts=2026-11-29T15:02:19.700Z caller=notify.go:732 level=warn component=dispatcher receiver=webhook integration=webhook[0] msg="Notify attempt failed, will retry later" attempts=1 err="Post \"http://127.0.0.1:1/SECRET/x\": dial tcp 127.0.0.1:1: connect: connection refused"
ts=2026-11-29T15:02:19.709Z caller=notify.go:743 level=debug component=dispatcher receiver=email integration=email[0] msg="Notify success" attempts=1
time=2026-11-29T15:02:19.709Z level=DEBUG source=notify.go:943 msg="Notify success" component=dispatcher receiver=watchdog integration=webhook[0] aggrGroup="{}:{}" attempts=1
ts=2026-11-29T15:02:19.718Z caller=dispatch.go:354 level=error component=dispatcher msg="Notify for alerts failed" num_alerts=1 err="slack/slack[0]: notify retry canceled due to unrecoverable error after 1 attempts: channel \"\": unexpected status code 404: no_such_team"
""".strip().splitlines()  # noqa: E501 - captured


def test_the_log_tells_what_each_receiver_answered() -> None:
    found = answers(LINES, KNOWN)

    assert found["email"] == Answer("email", "email.example.com", Outcome.SENT)
    assert found["watchdog"].outcome is Outcome.SENT
    assert (found["slack"].outcome, found["slack"].status) == (Outcome.REFUSED, 404)
    assert found["slack"].detail == 'channel "": unexpected status code 404: no_such_team'
    assert found["webhook"].outcome is Outcome.UNREACHABLE
    assert "connection refused" in found["webhook"].detail
    assert "SECRET" not in str(found)


def test_what_a_receiver_answered_last_counts() -> None:
    sent = 'receiver=webhook integration=webhook[0] msg="Notify success" attempts=2'
    assert answers([*LINES, sent], KNOWN)["webhook"].outcome is Outcome.SENT


def test_an_smtp_server_that_refuses_is_told_with_its_code() -> None:
    line = 'receiver=email integration=email[0] msg="Notify attempt failed" err="*email.loginAuth auth: 535 5.7.8 no"'
    found = answers([line], KNOWN)["email"]
    assert (found.outcome, found.status) == (Outcome.REFUSED, 535)


@pytest.mark.parametrize(
    "error",
    [
        "*email.loginAuth auth: unexpected server challenge",
        "send STARTTLS command: x509: certificate signed by unknown authority",
        "'require_tls' is true (default) but \\\"mail:25\\\" does not advertise the STARTTLS extension",
    ],
)
def test_a_mail_server_that_was_reached_is_not_called_unreachable(error: str) -> None:
    line = f'receiver=email integration=email[0] msg="Notify attempt failed, will retry later" attempts=1 err="{error}"'
    found = answers([line], KNOWN)["email"]
    assert (found.outcome, found.status) == (Outcome.REFUSED, None)
    assert found.detail == error.replace('\\"', '"')


@pytest.mark.parametrize(
    "error", ["dial tcp 127.0.0.1:1: i/o timeout", "dial tcp: lookup nowhere: no such host", "EOF"]
)
def test_a_mail_server_that_was_not_reached_is(error: str) -> None:
    line = f'receiver=email integration=email[0] msg="Notify attempt failed" err="establish connection: {error}"'
    assert answers([line], KNOWN)["email"].outcome is Outcome.UNREACHABLE


class Running:
    """A runtime with an Alertmanager whose log has `lines`, and which `up` would start with what `changed`."""

    def __init__(self, lines: Sequence[str] = (), state: str = "running", changed: Sequence[str] = ()) -> None:
        self.lines, self.state, self.changed = lines, state, changed

    def changes(self) -> Mapping[Service, Sequence[str]]:
        return {Service.ALERTMANAGER: self.changed} if self.changed else {}

    def facts(self, measured: bool = False) -> Mapping[Service, ProcessFact]:
        return {Service.ALERTMANAGER: ProcessFact(self.state, reason="no binary on PATH", remedy="Install it.")}

    def tail(self, _service: Service, _lines: int, since: datetime) -> Sequence[str]:
        assert since.microsecond == 0, "times of log lines are cut to the second"
        return self.lines


def webhook(tmp_path: Path) -> dict[str, str]:
    path = tmp_path / "url"
    path.write_text("http://127.0.0.1:1/SECRET")
    path.chmod(0o600)
    return {"ALERT_WEBHOOK_URL_FILE": str(path), "ALERTMANAGER_PASSWORD": "secret"}


def served(asked: list[Any]) -> httpx.MockTransport:
    def serve(request: httpx.Request) -> httpx.Response:
        asked.append(json.loads(request.content))
        return httpx.Response(200)

    return httpx.MockTransport(serve)


async def test_each_receiver_gets_an_alert_of_its_own(tmp_path: Path) -> None:
    asked: list[Any] = []
    runtime: Any = Running(LINES)
    result = await alert_test(config(tmp_path, **webhook(tmp_path)), runtime, transport=served(asked))

    (alert,) = asked[0]
    assert (alert["labels"]["alertname"], alert["labels"]["receiver_tried"]) == ("AlertTest", "webhook")
    assert [one.outcome for one in result.answers] == [Outcome.UNREACHABLE]
    assert not result.succeeded


async def test_a_receiver_of_which_nothing_is_heard_has_failed_at_the_deadline(tmp_path: Path) -> None:
    runtime: Any = Running()
    result = await alert_test(config(tmp_path, **webhook(tmp_path)), runtime, deadline_s=0.1, transport=served([]))
    assert [one.outcome for one in result.answers] == [Outcome.SILENT]
    assert not result.succeeded


async def test_what_stands_in_the_way_is_said_with_a_remedy(tmp_path: Path) -> None:
    runtime: Any = Running()
    with pytest.raises(LabError, match=r"No receiver is set: .*docs/alerts.md"):
        await alert_test(config(tmp_path), runtime)
    absent: Any = Running(state="absent")
    with pytest.raises(LabError, match=r"no Alertmanager here, .*no binary on PATH.* Install it\."):
        await alert_test(config(tmp_path, **webhook(tmp_path)), absent)


async def test_an_alertmanager_that_would_tell_others_than_are_shown_is_not_tried(tmp_path: Path) -> None:
    asked: list[Any] = []
    runtime: Any = Running(LINES, changed=["file alertmanager.yml"])
    with pytest.raises(LabError, match=r"other settings than there are now.* Type `invoke up`"):
        await alert_test(config(tmp_path, **webhook(tmp_path)), runtime, transport=served(asked))
    assert asked == []


async def test_the_history_tells_each_time_that_an_alert_fired(tmp_path: Path) -> None:
    now = {"mlflow": 219, "postgres": 218, "dagster": 219}

    def serve(request: httpx.Request) -> httpx.Response:
        labels = {"alertname": "ServiceDown", "alertstate": "firing", "severity": "critical"}
        if request.url.path == "/api/v1/query":
            result: Any = [{"metric": {**labels, "job": job}, "value": [220, str(at)]} for job, at in now.items()]
        else:
            assert request.url.path == "/api/v1/query_range"
            times: Mapping[str, Sequence[int]] = {"mlflow": [101, 118, 130, 208], "postgres": [101]}
            result = [
                {"metric": {**labels, "job": job}, "values": [[205, str(one)] for one in fired]}
                for job, fired in times.items()
            ]
        return httpx.Response(200, json={"status": "success", "data": {"result": result}})

    found = await alert_history(config(tmp_path), 1, httpx.MockTransport(serve), lambda: 220.0)

    def firing(job: str, fired_at: float, resolved_at: float | None) -> Firing:
        return Firing("ServiceDown", "critical", fired_at, resolved_at, {"job": job})

    expected = [
        firing("dagster", 219.0, None),
        firing("mlflow", 208.0, None),
        firing("mlflow", 101.0, 130.0),
        firing("postgres", 218.0, None),
        firing("postgres", 101.0, 101.0),
    ]
    assert sorted(found, key=lambda one: (one.labels["job"], -one.fired_at)) == expected
    assert [one.fired_at for one in found] == [219.0, 218.0, 208.0, 101.0, 101.0]
