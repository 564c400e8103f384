"""Real answers captured from Dagster 1.13.27, MLflow 3.17.2 and Prometheus 2.42, and a transport that replays them."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx

from lab.services.dagster import query
from lab.services.http import Http

_DATA = Path(__file__).parent / "data"
QUERIES = (
    "daemons",
    "dashboard",
    "events",
    "launch",
    "location",
    "newest_runs",
    "run",
    "run_config",
    "runs",
    "runs_with_steps",
    "schedule",
    "terminate",
    "ticks",
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


@asynccontextmanager
async def server(greeting: bytes | None) -> AsyncIterator[int]:
    """The port of a server that sends `greeting` and hangs up or, for None, accepts and stays silent."""
    writers: list[asyncio.StreamWriter] = []

    async def serve(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        if greeting is not None:
            writer.write(greeting)
            writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield listening.sockets[0].getsockname()[1]
    finally:
        listening.close()
        for writer in writers:
            writer.transport.abort()
            with suppress(OSError):
                await writer.wait_closed()
        await listening.wait_closed()
