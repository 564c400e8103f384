import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from lab.base.catalogue import ProcessFact, Service
from lab.observe import probes as probes_module
from lab.observe.probes import ProbeResult, Probes
from lab.observe.service_state import service_state
from lab.observe.snapshot import Health
from lab.services.heartbeats import dated
from tests.services.answers import answer, query_name, server
from tests.support.played_lab import DRIFT, NOW, Services, config
from tests.support.ports import NEVER_STARTED

HTTP = [s for s in Service if s not in {Service.POSTGRES, Service.DAGSTER_CODE}]


class ProbedLab:
    """Probes of a lab whose HTTP services are played."""

    def __init__(
        self,
        tmp_path: Path,
        started_at: Callable[[Service], float | None] = lambda _: None,
        deadline_s: float = 2.0,
    ) -> None:
        self.config = config(tmp_path)
        self.services = Services(self.config)
        self.now = NOW
        self.probes = Probes(self.config, self.services.transport, deadline_s, lambda: self.now, started_at)

    def answers(self, service: Service, response: httpx.Response) -> None:
        self.services.broken[service] = lambda _request: response

    async def check(self, service: Service) -> ProbeResult:
        return await self.probes.check(service)


@pytest.fixture
async def probed(tmp_path: Path) -> AsyncIterator[ProbedLab]:
    made = ProbedLab(tmp_path)
    yield made
    await made.probes.aclose()


@pytest.mark.parametrize("service", HTTP)
async def test_a_healthy_service_is_up(probed: ProbedLab, service: Service) -> None:
    result = await probed.check(service)
    assert (result.service, result.health, result.reason) == (service, Health.UP, "")
    assert result.latency_s > 0


@pytest.mark.parametrize("service", [s for s in HTTP if s is not Service.DAGSTER_DAEMON])
async def test_an_answer_that_only_looks_alive_is_not_up(probed: ProbedLab, service: Service) -> None:
    """Dagster's webserver, for one, answers every path with its page."""
    probed.answers(service, httpx.Response(200, html="<!DOCTYPE html><html>Dagster</html>"))
    expected = Health.UP if service is Service.ALERTMANAGER else Health.DOWN
    assert (await probed.check(service)).health is expected


@pytest.mark.parametrize("service", HTTP)
async def test_a_service_that_fails_says_so_with_a_remedy(probed: ProbedLab, service: Service) -> None:
    asked = Service.DAGSTER if service is Service.DAGSTER_DAEMON else service
    probed.answers(asked, httpx.Response(500, text="no space left on device"))
    result = await probed.check(service)
    assert result.health is Health.DOWN
    assert "no space left on device" in result.reason
    assert result.remedy.startswith("Type `invoke ")


async def test_a_dagster_that_cannot_list_its_runs_is_not_up(probed: ProbedLab) -> None:
    def answers(request: httpx.Request) -> httpx.Response:
        if query_name(request) == "location":
            return httpx.Response(200, json=answer("dagster_location"))
        return httpx.Response(500, text="Internal Server Error")

    probed.services.broken[Service.DAGSTER] = answers
    result = await probed.check(Service.DAGSTER)
    assert result.health is Health.DOWN
    assert "500" in result.reason


async def test_a_service_that_hangs_is_down_at_the_deadline_and_hurts_no_other(tmp_path: Path) -> None:
    probed = ProbedLab(tmp_path, deadline_s=0.3)

    async def hang(_request: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        raise AssertionError

    probed.services.broken[Service.MLFLOW] = hang
    results = {result.service: result for result in await asyncio.gather(*map(probed.probes.check, Service))}
    assert set(results) == set(Service)
    assert results[Service.MLFLOW].health is Health.DOWN
    assert "within 0.3 s" in results[Service.MLFLOW].reason
    assert results[Service.DAGSTER].health is Health.UP
    await probed.probes.aclose()


async def test_a_mistake_in_a_probe_is_a_result_too(probed: ProbedLab) -> None:
    def explode(_request: httpx.Request) -> httpx.Response:
        raise ZeroDivisionError("oops")

    probed.services.broken[Service.GRAFANA] = explode
    result = await probed.check(Service.GRAFANA)
    assert result.health is Health.DOWN
    assert "ZeroDivisionError: oops" in result.reason


async def test_cancelling_a_probe_cancels_it(probed: ProbedLab) -> None:
    asked = asyncio.Event()

    async def hang(_request: httpx.Request) -> httpx.Response:
        asked.set()
        await asyncio.Event().wait()
        raise AssertionError

    probed.services.broken[Service.MLFLOW] = hang
    task = asyncio.create_task(probed.check(Service.MLFLOW))
    await asked.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.parametrize("service", [Service.POSTGRES, Service.OBJECT_STORE, Service.DAGSTER_CODE])
async def test_a_closed_port_is_down_with_its_reason(tmp_path: Path, service: Service) -> None:
    probes = Probes(config(tmp_path))
    result = await probes.check(service)
    await probes.aclose()
    assert result.health is Health.DOWN
    assert any(word in result.reason for word in ("refused", "doesn't listen", "Could not connect"))
    assert "invoke logs" in result.remedy


@pytest.mark.parametrize("service", [Service.POSTGRES, Service.OBJECT_STORE, Service.DAGSTER_CODE])
async def test_a_server_that_accepts_and_stays_silent_is_down(tmp_path: Path, service: Service) -> None:
    async with server(None) as port:
        lab = config(tmp_path)
        probes = Probes(replace(lab, port_offset=lab.port_offset + port - lab.port(service)), deadline_s=0.5)
        result = await probes.check(service)
        assert result.health is Health.DOWN
        assert "0.4" in result.reason or "0.5 s" in result.reason
        await probes.aclose()


def daemons(probed: ProbedLab, **changes: Any) -> None:
    body = answer("dagster_daemons")
    body["data"]["instance"]["daemonHealth"]["allDaemonStatuses"][0] |= changes
    loaded = answer("dagster_location")
    probed.services.broken[Service.DAGSTER] = lambda request: httpx.Response(
        200, json=body if query_name(request) == "daemons" else loaded
    )


async def test_a_daemon_without_a_fresh_heartbeat_is_down(probed: ProbedLab) -> None:
    daemons(probed, lastHeartbeatTime=NOW - 121)
    result = await probed.check(Service.DAGSTER_DAEMON)
    assert result.health is Health.DOWN
    assert "121 s ago" in result.reason
    daemons(probed, lastHeartbeatTime=NOW - 119)
    assert (await probed.check(Service.DAGSTER_DAEMON)).health is Health.UP


async def test_a_daemon_that_never_reported_is_starting(probed: ProbedLab) -> None:
    daemons(probed, lastHeartbeatTime=None)
    assert (await probed.check(Service.DAGSTER_DAEMON)).health is Health.STARTING


async def test_a_heartbeat_of_an_earlier_process_does_not_count(tmp_path: Path) -> None:
    probed = ProbedLab(tmp_path, lambda _service: NOW - 20)
    daemons(probed, lastHeartbeatTime=NOW - 25)
    assert (await probed.check(Service.DAGSTER_DAEMON)).health is Health.STARTING
    await probed.probes.aclose()


async def test_errors_that_a_daemon_reports_degrade_it(probed: ProbedLab) -> None:
    daemons(probed, lastHeartbeatErrors=[{"message": "builtins.ValueError: bad cron\nat"}])
    result = await probed.check(Service.DAGSTER_DAEMON)
    assert result.health is Health.DEGRADED
    assert "bad cron" in result.reason


@pytest.mark.parametrize(
    ("again", "health"), [(NOW - 20, Health.UP), (NOW - 40, Health.DEGRADED), (None, Health.DEGRADED)]
)
async def test_what_a_daemon_met_before_its_database_came_back_does_not_count(
    tmp_path: Path, again: float | None, health: Health
) -> None:
    probed = ProbedLab(tmp_path, {Service.POSTGRES: again}.get)
    daemons(probed, lastHeartbeatTime=NOW - 10, lastHeartbeatErrors=[{"message": dated("no connection", NOW - 30)}])
    assert (await probed.check(Service.DAGSTER_DAEMON)).health is health
    await probed.probes.aclose()


async def test_the_store_must_take_something_and_keeps_nothing_of_it(probed: ProbedLab) -> None:
    assert (await probed.check(Service.OBJECT_STORE)).health is Health.UP
    assert probed.services.uploads == ["POST", "PUT", "DELETE"]


async def test_a_store_that_answers_and_takes_nothing_is_down(probed: ProbedLab) -> None:
    """What SeaweedFS does on a full disk: each HEAD is answered well."""
    full = "<Error><Code>InternalError</Code><Message>We encountered an internal error.</Message></Error>"

    def serve(request: httpx.Request) -> httpx.Response:
        if request.method == "PUT":
            return httpx.Response(500, text=full)
        return probed.services._object_store(request)

    probed.services.broken[Service.OBJECT_STORE] = serve
    result = await probed.check(Service.OBJECT_STORE)
    assert (result.health, result.reason) == (Health.DOWN, "Object store (S3) takes nothing new: InternalError.")
    assert "invoke restart object-store" in result.remedy
    assert probed.services.uploads == ["POST", "DELETE"]


async def test_a_lab_elsewhere_is_looked_at_and_not_written_to(tmp_path: Path) -> None:
    lab = config(tmp_path)
    services = Services(lab)
    elsewhere = replace(lab, endpoints={Service.OBJECT_STORE: lab.url(Service.OBJECT_STORE)})
    probes = Probes(elsewhere, services.transport)
    assert (await probes.check(Service.OBJECT_STORE)).health is Health.UP
    assert services.uploads == []
    await probes.aclose()


async def test_little_room_on_the_disk_shows_before_nothing_can_be_written(
    probed: ProbedLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probes_module, "LOW_DISK", 1 << 62)
    result = await probed.check(Service.OBJECT_STORE)
    assert result.health is Health.DEGRADED
    assert "MB are left on the disk of" in result.reason
    probed.answers(Service.OBJECT_STORE, httpx.Response(500, text="<Error><Code>InternalError</Code></Error>"))
    result = await probed.check(Service.OBJECT_STORE)
    assert result.health is Health.DOWN
    assert "MB are left on the disk of" in result.reason
    assert "Free some" in result.remedy


async def test_a_broken_code_location_degrades_dagster(probed: ProbedLab) -> None:
    probed.answers(Service.DAGSTER, httpx.Response(200, json=answer("dagster_location_broken")))
    result = await probed.check(Service.DAGSTER)
    assert result.health is Health.DEGRADED
    assert "definitions are broken on purpose" in result.reason


async def test_a_target_that_is_down_degrades_prometheus_by_name(probed: ProbedLab) -> None:
    def serve(request: httpx.Request) -> httpx.Response:
        ready = request.url.path == "/-/ready"
        return httpx.Response(200, text="Ready" if ready else json.dumps(answer("prometheus_targets")))

    probed.services.broken[Service.PROMETHEUS] = serve
    result = await probed.check(Service.PROMETHEUS)
    assert (result.health, result.reason) == (Health.DEGRADED, "Targets down: drift-monitor.")


@pytest.mark.parametrize("targets", [[], [{"labels": {"job": "a"}, "scrapeUrl": "u", "health": "unknown"}]])
async def test_targets_that_nobody_scraped_yet_are_starting(probed: ProbedLab, targets: list[Any]) -> None:
    def serve(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/-/ready":
            return httpx.Response(200, text="Ready")
        return httpx.Response(200, json={"status": "success", "data": {"activeTargets": targets}})

    probed.services.broken[Service.PROMETHEUS] = serve
    assert (await probed.check(Service.PROMETHEUS)).health is Health.STARTING


async def test_the_drift_monitor_is_judged_by_the_age_of_its_check(probed: ProbedLab) -> None:
    probed.now = NOW - 10 + 3 * probed.config.drift_interval_s
    assert (await probed.check(Service.DRIFT_MONITOR)).health is Health.UP
    probed.now += 1
    result = await probed.check(Service.DRIFT_MONITOR)
    assert result.health is Health.DEGRADED
    assert "91 s ago" in result.reason


@pytest.mark.parametrize(("failures", "health"), [(0, Health.STARTING), (2, Health.DEGRADED)])
async def test_a_drift_monitor_without_a_check_is_young_or_failing(
    probed: ProbedLab, failures: int, health: Health
) -> None:
    young = DRIFT.replace("1795444690.0", "0.0").replace(
        'check_success{model="CreditRiskModel"} 1.0', 'check_success{model="CreditRiskModel"} 0.0'
    )
    text = f'{young}synthetic_data_check_failures_total{{model="CreditRiskModel"}} {failures}\n'
    probed.answers(Service.DRIFT_MONITOR, httpx.Response(200, text=text))
    assert (await probed.check(Service.DRIFT_MONITOR)).health is health


async def test_a_drift_monitor_without_a_baseline_waits_for_a_person(probed: ProbedLab) -> None:
    assert not (await probed.check(Service.DRIFT_MONITOR)).waits_for_person
    text = f'{DRIFT}synthetic_data_seeded{{model="CreditRiskModel"}} 0.0\n'
    probed.answers(Service.DRIFT_MONITOR, httpx.Response(200, text=text))
    result = await probed.check(Service.DRIFT_MONITOR)
    assert result.health is Health.DEGRADED
    assert result.waits_for_person
    assert "baseline" in result.reason
    assert "invoke seed" in result.remedy


async def test_an_exporter_without_its_own_metric_is_degraded(probed: ProbedLab) -> None:
    probed.answers(Service.GOVERNANCE_METRICS, httpx.Response(200, text="python_info 1\n"))
    result = await probed.check(Service.GOVERNANCE_METRICS)
    assert result.health is Health.DEGRADED
    assert "governance_ledger_entries" in result.reason


@pytest.mark.parametrize(
    ("service", "text"),
    [(Service.GOVERNANCE_METRICS, "governance_ledger_entries 3.0\n"), (Service.DRIFT_MONITOR, DRIFT)],
)
async def test_an_exporter_that_no_longer_looks_is_degraded(probed: ProbedLab, service: Service, text: str) -> None:
    pollers = 'exporter_poller_up{poller="first"} 1.0\nexporter_poller_up{poller="second"} 0.0\n'
    probed.answers(service, httpx.Response(200, text=text + pollers))
    result = await probed.check(service)
    assert result.health is Health.DEGRADED
    assert "no longer looks at second" in result.reason


@pytest.mark.parametrize("service", [Service.PROMETHEUS, Service.ALERTMANAGER])
async def test_a_service_that_answers_503_is_starting(probed: ProbedLab, service: Service) -> None:
    probed.answers(service, httpx.Response(503, text="Service Unavailable"))
    assert (await probed.check(service)).health is Health.STARTING


async def test_grafana_without_the_dashboard_is_degraded(probed: ProbedLab) -> None:
    def serve(request: httpx.Request) -> httpx.Response:
        health = request.url.path == "/api/health"
        return httpx.Response(200 if health else 404, json={"database": "ok"} if health else {"message": "not found"})

    probed.services.broken[Service.GRAFANA] = serve
    result = await probed.check(Service.GRAFANA)
    assert result.health is Health.DEGRADED
    assert "mlops-observability" in result.reason


DOWN = ProbeResult(Service.MLFLOW, Health.DOWN, "MLflow doesn't listen.", "Type `invoke logs mlflow`.", 0.1)
UP = ProbeResult(Service.MLFLOW, Health.UP, latency_s=0.1)


@pytest.mark.parametrize(
    ("fact", "result", "health", "reason"),
    [
        (None, UP, Health.UP, ""),
        (None, DOWN, Health.DOWN, "MLflow doesn't listen."),
        (ProcessFact("running", uptime_s=100), DOWN, Health.DOWN, "MLflow doesn't listen."),
        (ProcessFact("running", uptime_s=5), DOWN, Health.STARTING, "MLflow doesn't listen."),
        (ProcessFact("starting"), DOWN, Health.STARTING, "MLflow doesn't listen."),
        (ProcessFact("starting"), UP, Health.UP, ""),
        (ProcessFact("failed", reason="exit code 1"), DOWN, Health.DOWN, "exit code 1"),
        (ProcessFact("stopped"), DOWN, Health.DOWN, "Its process is stopped."),
        (ProcessFact("stopped"), UP, Health.DEGRADED, "Something answers, but the lab's own process is stopped."),
        (ProcessFact("absent", reason="no binary"), None, Health.ABSENT, "no binary"),
        (ProcessFact("absent", reason="no binary"), DOWN, Health.ABSENT, "no binary"),
        (ProcessFact("absent", reason="no binary"), UP, Health.UP, ""),
    ],
)
def test_process_and_probe_make_one_state(
    tmp_path: Path, fact: ProcessFact | None, result: ProbeResult | None, health: Health, reason: str
) -> None:
    state = service_state(config(tmp_path), Service.MLFLOW, fact, result)
    assert (state.health, state.reason) == (health, reason)
    assert state.url == f"http://127.0.0.1:{NEVER_STARTED + 5000}"


def test_a_dead_daemon_is_down_however_fresh_its_heartbeats_are(tmp_path: Path) -> None:
    result = ProbeResult(Service.DAGSTER_DAEMON, Health.UP)
    state = service_state(config(tmp_path), Service.DAGSTER_DAEMON, ProcessFact("failed", reason="killed"), result)
    assert (state.health, state.reason) == (Health.DOWN, "killed")


@pytest.mark.parametrize(("once", "cpu"), [(True, 0.05), (False, None)])
def test_a_single_look_has_processor_time_since_the_service_began(
    tmp_path: Path, once: bool, cpu: float | None
) -> None:
    fact = ProcessFact("running", pid=7, uptime_s=60.0, cpu_s=3.0)
    assert service_state(config(tmp_path), Service.MLFLOW, fact, None, once).cpu == cpu
    # Where it was seen twice, the newest seconds say more.
    assert service_state(config(tmp_path), Service.MLFLOW, replace(fact, cpu=0.4), None, once).cpu == 0.4
