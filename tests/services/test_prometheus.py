from typing import Any

import httpx
import pytest

from lab.base.errors import ServiceUnavailable
from lab.governance.ledger import Head
from lab.governance.ledger.published_heads import to_parts
from lab.services.http import NotReady
from lab.services.prometheus import Prometheus, read_head
from tests.services.answers import answer, http, says


def prometheus(body: Any) -> Prometheus:
    return Prometheus(http(says(body), "Prometheus"))


async def test_targets_come_by_job_with_the_reason_of_a_failure() -> None:
    drift, own = await prometheus(answer("prometheus_targets")).targets()
    assert (drift.job, drift.health) == ("drift-monitor", "down")
    assert "connection refused" in drift.error
    assert (own.job, own.health, own.error) == ("prometheus", "up", "")
    assert own.url.endswith("/metrics")


async def test_alerts_carry_state_severity_and_summary() -> None:
    alerts = {alert.name: alert for alert in await prometheus(answer("prometheus_alerts")).alerts()}
    down = alerts["ServiceDown"]
    assert (down.state, down.severity, down.summary) == ("firing", "critical", "drift-monitor is down")
    assert down.labels["job"] == "drift-monitor"
    assert down.active_at == pytest.approx(1795444847.418)
    assert (alerts["Odd"].state, alerts["Odd"].summary) == ("pending", "")


async def test_the_alert_that_always_fires_is_none() -> None:
    body = answer("prometheus_alerts")
    before = await prometheus(body).alerts()
    watchdog = {"alertname": "Watchdog", "severity": "none"}
    found = {"labels": watchdog, "annotations": {}, "state": "firing", "activeAt": "2026-11-29T15:00:00Z", "value": "1"}
    body["data"]["alerts"].append(found)
    assert await prometheus(body).alerts() == before


async def test_an_error_of_prometheus_is_told_in_its_own_words() -> None:
    with pytest.raises(ServiceUnavailable, match="parse error"):
        await prometheus(answer("prometheus_error")).alerts()


async def test_ready_believes_only_prometheus_own_words() -> None:
    await Prometheus(http(lambda _: httpx.Response(200, text="Prometheus Server is Ready.\n"))).ready()
    with pytest.raises(ServiceUnavailable, match="isn't its own answer"):
        await Prometheus(http(lambda _: httpx.Response(200, html="<html>Dagster</html>"))).ready()
    with pytest.raises(NotReady):
        await Prometheus(http(lambda _: httpx.Response(503, text="Service Unavailable"))).ready()


@pytest.mark.parametrize("body", [None, [], {"status": "success"}, {"status": "success", "data": {"alerts": [1]}}])
async def test_a_wrong_shape_is_our_error(body: Any) -> None:
    for call in (prometheus(body).targets, prometheus(body).alerts):
        with pytest.raises(ServiceUnavailable):
            await call()


async def test_the_published_head_is_put_together_from_its_metrics() -> None:
    digest = "0123456789abcdef" * 4
    values = {"governance_ledger_entries": {"": 42.0}, "governance_ledger_head_hash": to_parts(digest)}
    result = [
        {"metric": {"__name__": name, **({"part": part} if part else {})}, "value": [1.5, repr(number)]}
        for name, parts in values.items()
        for part, number in parts.items()
    ]
    whole = {"status": "success", "data": {"resultType": "vector", "result": result}}
    assert await prometheus(whole).published_head() == Head(42, digest, "in Prometheus")
    part = {"status": "success", "data": {"resultType": "vector", "result": result[:3]}}
    assert await prometheus(part).published_head() is None
    none = {"status": "success", "data": {"resultType": "vector", "result": []}}
    assert await prometheus(none).published_head() is None


@pytest.mark.parametrize("number", ["+Inf", "-Inf", "NaN", "1e999", "-1", "1.5", "x"])
@pytest.mark.parametrize("name", ["governance_ledger_entries", "governance_ledger_head_hash"])
async def test_a_head_that_is_no_number_is_an_answer_that_is_not_understood(name: str, number: str) -> None:
    result = [{"metric": {"__name__": name, "part": "0"}, "value": [1.5, number]}]
    given = {"status": "success", "data": {"resultType": "vector", "result": result}}
    with pytest.raises(ValueError, match=r"counts nothing|could not convert"):
        read_head(given)
    with pytest.raises(ServiceUnavailable):
        await prometheus(given).published_head()
