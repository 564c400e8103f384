"""Silencing an alert."""

import base64
import json
from datetime import datetime, timedelta
from pathlib import Path

import httpx
import pytest

from lab.base.errors import ServiceUnavailable, UsageError
from lab.operations.silence import silence
from tests.support.played_lab import config

LABELS = {"alertname": "ServiceDown", "job": "mlflow"}


async def test_exactly_this_alert_is_silenced_for_two_hours_in_the_actors_name(tmp_path: Path) -> None:
    asked: list[httpx.Request] = []

    def serve(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200, json={"silenceID": "s-1"})

    lab = config(tmp_path, RUN_OWNER="ada@example.com", ALERTMANAGER_PASSWORD="secret")
    made = await silence(lab, LABELS, "we  are on it", transport=httpx.MockTransport(serve))

    body = json.loads(asked[0].content)
    assert asked[0].url.path == "/api/v2/silences"
    assert base64.b64decode(asked[0].headers["authorization"].split()[1]) == b"admin:secret"
    assert {one["name"]: one["value"] for one in body["matchers"]} == LABELS
    assert not any(one["isRegex"] or not one["isEqual"] for one in body["matchers"])
    assert (body["createdBy"], body["comment"]) == ("ada@example.com", "we are on it")
    begin, end = (datetime.fromisoformat(body[name]) for name in ("startsAt", "endsAt"))
    assert end - begin == timedelta(hours=2)
    assert (made.id, made.until) == ("s-1", end)


@pytest.mark.parametrize("body", [None, [], {}, {"silenceID": 7}])
async def test_a_wrong_shape_is_our_error(tmp_path: Path, body: object) -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(200, json=body))
    with pytest.raises(ServiceUnavailable, match="Alertmanager"):
        await silence(config(tmp_path), LABELS, "why", transport=transport)


@pytest.mark.parametrize(("labels", "reason"), [({}, "why"), ({"job": "mlflow"}, "why"), (LABELS, " ")])
async def test_what_is_no_alert_or_has_no_reason_is_refused_before_anything_is_asked(
    tmp_path: Path, labels: dict[str, str], reason: str
) -> None:
    with pytest.raises(UsageError):
        await silence(config(tmp_path), labels, reason)


async def test_without_an_alertmanager_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(ServiceUnavailable, match="doesn't listen"):
        await silence(config(tmp_path), LABELS, "why")
