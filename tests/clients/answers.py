"""Real answers captured from Dagster 1.13.27, MLflow 3.17.2 and Prometheus 2.42, and a transport that replays them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from lab.clients.dagster import query
from lab.clients.http import Http

_DATA = Path(__file__).parent / "data"
QUERIES = (
    "daemons",
    "dashboard",
    "events",
    "launch",
    "location",
    "run",
    "runs",
    "runs_with_steps",
    "schedule",
    "terminate",
)


def answer(name: str) -> Any:
    """A captured answer."""
    return json.loads((_DATA / f"{name}.json").read_text())


def http(handler: Callable[[httpx.Request], httpx.Response], title: str = "MLflow", timeout_s: float = 2.0) -> Http:
    """A client whose service is `handler`."""
    return Http("http://service", title, timeout_s, httpx.MockTransport(handler), logs=title.lower())


def says(body: Any, status: int = 200) -> Callable[[httpx.Request], httpx.Response]:
    """A service that gives the same JSON to every question."""
    return lambda _request: httpx.Response(status, json=body)


def query_name(request: httpx.Request) -> str:
    """Which of the query files a GraphQL request sends."""
    sent = json.loads(request.content)["query"]
    return next(name for name in QUERIES if query(name) == sent)
