"""Dashboards' client of Prometheus: what it asks, and what it makes of answers."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from lab.base.catalogue import Service
from lab.base.errors import ServiceUnavailable
from lab.base.monitoring import Series
from lab.services.http import Http
from lab.services.prometheus_data import PrometheusData

Answer = Callable[[httpx.Request], httpx.Response]


def client(answer: Answer, deadline_s: float = 5.0) -> PrometheusData:
    http = Http.to(Service.PROMETHEUS, "http://prometheus", transport=httpx.MockTransport(answer))
    return PrometheusData(http, deadline_s)


def saying(data: Any, **more: Any) -> Answer:
    return lambda _: httpx.Response(200, json={"status": "success", "data": data, **more})


def test_a_range_is_asked_by_get_and_read_as_series() -> None:
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        series = {"metric": {"__name__": "up", "job": "a"}, "values": [[10, "1"], [20, "NaN"], [30, "+Inf"]]}
        return saying({"resultType": "matrix", "result": [series]}, warnings=["slow"])(request)

    (one,), warnings = asyncio.run(client(answer).query_range("up & x", 10, 30, 10))
    assert (one.labels["job"], one.times, one.values[0], one.values[2]) == ("a", (10.0, 20.0, 30.0), 1.0, float("inf"))
    assert one.values[1] != one.values[1]
    assert warnings == ("slow",)
    (request,) = asked
    assert (request.method, request.url.host, request.url.path) == ("GET", "prometheus", "/api/v1/query_range")
    assert dict(request.url.params) == {"query": "up & x", "start": "10.000", "end": "30.000", "step": "10",
                                        "timeout": "4.5s"}  # fmt: skip


def test_a_scalar_is_a_series_without_labels() -> None:
    found, _ = asyncio.run(client(saying({"resultType": "scalar", "result": [5, "7"]})).query("7", 5))
    assert found == (Series({}, (5.0,), (7.0,)),)


def test_native_histograms_are_left_out_and_said() -> None:
    result = [{"metric": {"job": "a"}, "histogram": [5, {"count": "3"}]}]
    found, warnings = asyncio.run(client(saying({"resultType": "vector", "result": result})).query("h", 5))
    assert found == ()
    assert "histogram" in warnings[0]


def test_labels_are_asked_for_under_their_own_name_whatever_it_holds() -> None:
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return saying(["x", "y"])(request)

    data = client(answer)
    assert asyncio.run(data.label_values("../../admin?x", 'up{job="a"}', 0, 9)) == ("x", "y")
    assert asked[0].url.raw_path.startswith(b"/api/v1/label/..%2F..%2Fadmin%3Fx/values?")
    assert asked[0].url.params["match[]"] == 'up{job="a"}'


def test_what_prometheus_has_against_a_query_is_the_message() -> None:
    body = {"status": "error", "errorType": "bad_data", "error": "1:3: parse error: unexpected end of input"}
    with pytest.raises(ServiceUnavailable) as caught:
        asyncio.run(client(lambda _: httpx.Response(400, json=body)).query("up{", 0))
    assert caught.value.message == "Prometheus: 1:3: parse error: unexpected end of input"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"null",
        json.dumps({"status": "success", "data": {"resultType": "matrix", "result": 3}}).encode(),
        json.dumps(
            {"status": "success", "data": {"resultType": "vector", "result": [{"metric": {}, "value": ["a"]}]}}
        ).encode(),
        json.dumps(
            {"status": "success", "data": {"resultType": "vector", "result": [{"metric": {"a": 1}, "value": [1, "1"]}]}}
        ).encode(),
    ],
)
@pytest.mark.parametrize("status", [200, 400, 503])
def test_any_other_answer_is_an_error_of_the_lab(body: bytes, status: int) -> None:
    with pytest.raises(ServiceUnavailable) as caught:
        asyncio.run(client(lambda _: httpx.Response(status, content=body)).query("up", 0))
    assert caught.value.remedy


def test_an_answer_that_never_comes_ends_at_the_deadline() -> None:
    async def hang(_: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        raise AssertionError

    http = Http.to(Service.PROMETHEUS, "http://prometheus", transport=httpx.MockTransport(hang))
    with pytest.raises(ServiceUnavailable, match=r"within 0\.05 s"):
        asyncio.run(PrometheusData(http, 0.05).query("up", 0))
