from typing import Any

import httpx
import pytest

from exporters.dagster_metrics import DagsterCollector, DagsterProbe, DagsterStatus, look
from lab.base.runs import Run, RunStatus
from lab.governance.rules.approval_states import PROBE
from lab.services.dagster import Dashboard
from lab.services.http import Http
from tests.exporters.exposition import names, scrape, value
from tests.services.answers import answer, http, query_name

SERVER_INFO = {"dagster_webserver_version": "1.13.27"}


def dagster(**broken: Any) -> Http:
    """A webserver that gives captured answers, but for what is `broken`: an answer's name or `server_info`."""

    def handle(request: httpx.Request) -> httpx.Response:
        name = "server_info" if request.url.path == "/server_info" else query_name(request)
        if name in broken:
            if isinstance(broken[name], Exception):
                raise broken[name]
            return httpx.Response(200, json=broken[name])
        return httpx.Response(200, json=SERVER_INFO if name == "server_info" else answer(f"dagster_{name}"))

    return http(handle, "Dagster")


async def samples(client: Http) -> Any:
    status = await look(client)
    return scrape([DagsterCollector(lambda: status)])


async def test_a_healthy_dagster_shows_runs_daemons_and_schedule() -> None:
    found = await samples(dagster())
    captured = answer("dagster_dashboard")["data"]
    assert value(found, "dagster_webserver_up") == 1
    assert value(found, "dagster_code_location_loaded") == 1
    seconds = value(found, "dagster_webserver_response_seconds")
    assert value(found, "dagster_webserver_response_ms") == pytest.approx(seconds * 1000)
    succeeded = [run for run in captured["runsOrError"]["results"] if run["status"] == "SUCCESS"]
    assert value(found, "dagster_recent_runs", status="SUCCESS") == len(succeeded)
    newest = max(run["endTime"] for run in succeeded)
    assert value(found, "dagster_last_run_end_timestamp_seconds", status="SUCCESS") == newest
    for daemon in captured["instance"]["daemonHealth"]["allDaemonStatuses"]:
        if daemon["required"]:
            beat = value(found, "dagster_daemon_last_heartbeat_timestamp_seconds", daemon=daemon["daemonType"])
            assert beat == daemon["lastHeartbeatTime"]
    state = captured["scheduleOrError"]["scheduleState"]["status"]
    running = value(found, "dagster_schedule_running", schedule=captured["scheduleOrError"]["name"])
    assert running == (state == "RUNNING")


async def test_every_run_status_has_a_series_even_without_a_run() -> None:
    found = await samples(dagster())
    statuses = {dict(labels)["status"] for name, labels in found if name == "dagster_recent_runs"}
    assert statuses == set(RunStatus)


async def test_a_webserver_that_refuses_connections_is_down_and_the_rest_unknown() -> None:
    found = await samples(dagster(server_info=httpx.ConnectError("refused")))
    assert value(found, "dagster_webserver_up") == 0
    assert value(found, "dagster_code_location_loaded") == 0
    assert "dagster_recent_runs" not in names(found)


async def test_something_else_on_the_port_is_not_dagster() -> None:
    found = await samples(dagster(server_info={"name": "another service"}))
    assert value(found, "dagster_webserver_up") == 0


async def test_definitions_that_do_not_load_leave_the_webserver_up() -> None:
    found = await samples(dagster(location=answer("dagster_location_broken")))
    assert value(found, "dagster_webserver_up") == 1
    assert value(found, "dagster_code_location_loaded") == 0
    assert value(found, "dagster_graphql_up") == 1


async def test_runs_that_cannot_be_asked_for_leave_the_webserver_up() -> None:
    found = await samples(dagster(dashboard={"data": {"runsOrError": None}}))
    assert value(found, "dagster_webserver_up") == 1
    assert value(found, "dagster_graphql_up") == 0
    assert "dagster_recent_runs" not in names(found)


def test_scrapes_at_the_same_time_share_one_look() -> None:
    now, looks = [100.0], []

    def ask() -> DagsterStatus:
        looks.append(now[0])
        return DagsterStatus(up=True)

    probe = DagsterProbe(ask, monotonic=lambda: now[0])
    probe.status()
    probe.status()
    assert len(looks) == 1
    now[0] += 5
    probe.status()
    assert len(looks) == 2


def test_each_model_has_its_own_last_runs() -> None:
    runs = (
        Run("1", "j", RunStatus.FAILURE, 1.0, 2.0, 5.0, model="A"),
        Run("2", "j", RunStatus.SUCCESS, 1.0, 2.0, 9.0, model="B"),
        Run("3", "j", RunStatus.SUCCESS, 1.0, 2.0, 4.0, model="A"),
        Run("4", "j", RunStatus.FAILURE, 1.0, 2.0, 10.0, model="B", owner=PROBE),
    )
    found = scrape([DagsterCollector(lambda: DagsterStatus(True, 0.1, True, Dashboard(runs, None, ())))])
    name = "dagster_model_last_run_end_timestamp_seconds"
    ends = {(m, s): value(found, name, model=m, status=s) for m in "AB" for s in ("SUCCESS", "FAILURE")}
    assert ends == {("A", "SUCCESS"): 4.0, ("A", "FAILURE"): 5.0, ("B", "SUCCESS"): 9.0, ("B", "FAILURE"): 0.0}


def test_a_probes_refused_run_is_no_failed_training() -> None:
    def ended(status: RunStatus, at: float, owner: str) -> Run:
        return Run(f"r{at}", "j", status, 1.0, 2.0, at, owner=owner)

    runs = (
        ended(RunStatus.FAILURE, 9.0, PROBE),
        ended(RunStatus.SUCCESS, 5.0, "ann"),
        ended(RunStatus.FAILURE, 3.0, "ann"),
    )
    found = scrape([DagsterCollector(lambda: DagsterStatus(True, 0.1, True, Dashboard(runs, None, ())))])
    assert value(found, "dagster_last_run_end_timestamp_seconds", status="FAILURE") == 3.0
    assert value(found, "dagster_last_run_end_timestamp_seconds", status="SUCCESS") == 5.0
    assert value(found, "dagster_recent_runs", status="FAILURE") == 2
