"""The real webserver behind its guard: what its UI does works, what a foreign page does is refused."""

import asyncio
import contextlib
import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import httpx
import pytest
import websockets

from tests.support.ports import reserved_port
from tests.support.waiting import eventually

ROOT = Path(__file__).resolve().parents[2]
DEADLINE_S = 120.0
# Without a daemon nothing empties a queue.
INSTANCE = """
telemetry: { enabled: false }
run_coordinator: { module: dagster.core.run_coordinator, class: DefaultRunCoordinator }
"""
DEFINITIONS = """
import dagster as dg

@dg.op
def say() -> None: ...

@dg.job(executor_def=dg.in_process_executor)
def small() -> None:
    say()

defs = dg.Definitions(jobs=[small])
"""
LAUNCH = """
mutation Launch($params: ExecutionParams!) {
  launchRun(executionParams: $params) { __typename ... on LaunchRunSuccess { run { runId } } }
}
"""
SELECTOR = {"repositoryLocationName": "small", "repositoryName": "__repository__", "jobName": "small"}
LOGS = """
subscription Logs($runId: ID!) {
  pipelineRunLogs(runId: $runId) {
    ... on PipelineRunLogsSubscriptionSuccess { messages { __typename } hasMorePastEvents }
  }
}
"""


class Webserver:
    """The UI's requests to one running webserver."""

    def __init__(self, port: int, home: Path) -> None:
        self.home = home
        self.host = f"127.0.0.1:{port}"
        self.url = f"http://{self.host}"
        page = {"Origin": self.url, "Referer": f"{self.url}/runs"}
        self.page = page | {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"}

    def ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        with httpx.Client(base_url=self.url, trust_env=False, timeout=60) as client:
            return client.request(method, path, **options)

    def query(self, query: str, **variables: Any) -> Any:
        answer = self.ask("POST", "/graphql", headers=self.page, json={"query": query, "variables": variables})
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    def launch(self) -> str:
        started = self.query(LAUNCH, params={"selector": SELECTOR, "mode": "default"})["launchRun"]
        assert started["__typename"] == "LaunchRunSuccess"
        return str(started["run"]["runId"])


def wait_until_it_answers(process: "subprocess.Popen[bytes]", server: Webserver, log: Path) -> None:
    end = time.monotonic() + DEADLINE_S
    while time.monotonic() < end:
        assert process.poll() is None, log.read_text()
        try:
            server.ask("GET", "/server_info").raise_for_status()
        except httpx.HTTPError:
            time.sleep(0.1)
        else:
            return
    pytest.fail(f"no answer within {DEADLINE_S:g} s\n{log.read_text()}")


ARGV = [sys.executable, "-m", "lab.dagster_host.web_server", "--workspace", "workspace.yaml"]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Webserver]:
    home = tmp_path_factory.mktemp("dagster")
    (home / "dagster.yaml").write_text(INSTANCE)
    (home / "small.py").write_text(DEFINITIONS)
    workspace = "load_from: [{ python_file: { relative_path: small.py, location_name: small } }]\n"
    (home / "workspace.yaml").write_text(workspace)
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    environ = kept | {"DAGSTER_HOME": str(home), "PYTHONPATH": str(ROOT)}
    with (
        reserved_port() as port,
        (home / "log").open("wb") as log,
        subprocess.Popen(
            [*ARGV, "--port", str(port)], cwd=home, env=environ, stdout=log, stderr=log, start_new_session=True
        ) as process,
    ):
        try:
            made = Webserver(port, home)
            wait_until_it_answers(process, made, home / "log")
            yield made
        finally:
            process.terminate()
            process.wait(60)


def test_the_ui_and_its_files_are_served(server: Webserver) -> None:
    typed = {"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    page = server.ask("GET", "/", headers=typed | {"Accept": "text/html"})
    assert page.status_code == 200
    assert "Content-Security-Policy" in page.headers
    assert page.headers["X-Frame-Options"] == "SAMEORIGIN"
    assert server.ask("GET", "/favicon.svg", headers=server.page).status_code == 200


def test_a_program_asks_as_before(server: Webserver) -> None:
    assert server.ask("GET", "/graphql", params={"query": "{ version }"}).json()["data"]["version"]
    assert server.ask("POST", "/graphql", json={"query": "{ version }"}).json()["data"]["version"]


def runs(server: Webserver) -> int:
    return len(server.query("{ runsOrError { ... on Runs { results { runId } } } }")["runsOrError"]["results"])


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("GET", {}),
        ("GET", {"Origin": "http://evil.example"}),
        ("GET", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}),
        ("POST", {"Origin": "http://evil.example", "Content-Type": "text/plain"}),
        ("POST", {"Origin": "http://evil.example", "Content-Type": "application/json"}),
        ("POST", {"Content-Type": "application/x-www-form-urlencoded"}),
        ("POST", {"Host": "evil.example", "Content-Type": "application/json"}),
        ("GET", {"Host": "evil.example"}),
    ],
)
def test_a_foreign_page_launches_nothing(server: Webserver, method: str, headers: dict[str, str]) -> None:
    before = runs(server)
    asked = {"query": LAUNCH, "variables": json.dumps({"params": {"selector": SELECTOR, "mode": "default"}})}
    answer = server.ask(method, "/graphql", params=asked, headers=headers, content=json.dumps(asked))
    assert answer.status_code in {403, 405, 415}
    assert "access-control-allow-origin" not in answer.headers
    assert runs(server) == before


def status(server: Webserver, run_id: str) -> str:
    query = "query ($id: ID!) { runOrError(runId: $id) { ... on Run { status } } }"
    return str(server.query(query, id=run_id)["runOrError"]["status"])


@pytest.mark.parametrize("tag", ["\ud800", "a\0b"])
def test_runs_can_be_listed_whatever_an_earlier_one_was_tagged_with(
    server: Webserver, tag: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = server.launch()
    # A run that goes on writes what it read of itself over what is planted here.
    eventually(lambda: status(server, run_id) in {"SUCCESS", "FAILURE"}, DEADLINE_S, "the run's end")
    monkeypatch.setenv("DAGSTER_HOME", str(server.home))
    with dg.DagsterInstance.get() as instance:
        instance.add_run_tags(run_id, {"lab/owner": "TAG"})
    # As PostgreSQL has it: the run holds the tag before the table of tags refuses it.
    with contextlib.closing(sqlite3.connect(server.home / "history" / "runs.db")) as runs_db, runs_db:
        runs_db.execute("UPDATE runs SET run_body = replace(run_body, '\"TAG\"', ?)", (json.dumps(tag),))

    listed = server.query("{ runsOrError { ... on Runs { results { runId tags { key value } } } } }")

    (run,) = [one for one in listed["runsOrError"]["results"] if one["runId"] == run_id]
    assert {"key": "lab/owner", "value": tag} in run["tags"]


def test_a_tag_that_cannot_be_stored_launches_nothing(server: Webserver) -> None:
    before = runs(server)
    metadata = {"tags": [{"key": "lab/owner", "value": "\ud800"}]}
    params = {"selector": SELECTOR, "mode": "default", "executionMetadata": metadata}
    asked = json.dumps({"query": LAUNCH, "variables": {"params": params}})
    answer = server.ask("POST", "/graphql", headers=server.page | {"Content-Type": "application/json"}, content=asked)
    assert (answer.status_code, "can't be stored" in answer.text) == (400, True)
    assert runs(server) == before


async def follow(server: Webserver, run_id: str) -> list[str]:
    """Events of a run as its page in the UI follows them, until the run ends."""
    channel = websockets.connect(
        f"ws://{server.host}/graphql",
        origin=websockets.Origin(server.url),
        subprotocols=[websockets.Subprotocol("graphql-ws")],
        proxy=None,
    )
    seen: list[str] = []
    async with asyncio.timeout(DEADLINE_S), channel as opened:
        await opened.send(json.dumps({"type": "connection_init"}))
        assert json.loads(await opened.recv()) == {"type": "connection_ack"}
        payload = {"query": LOGS, "variables": {"runId": run_id}}
        await opened.send(json.dumps({"type": "start", "id": "1", "payload": payload}))
        while not {"RunSuccessEvent", "RunFailureEvent"} & set(seen):
            message = json.loads(await opened.recv())
            seen += [event["__typename"] for event in message["payload"]["data"]["pipelineRunLogs"]["messages"]]
    return seen


async def test_the_ui_launches_a_run_and_follows_it(server: Webserver) -> None:
    seen = await follow(server, await asyncio.to_thread(server.launch))
    assert "ExecutionStepSuccessEvent" in seen
    assert "RunSuccessEvent" in seen
