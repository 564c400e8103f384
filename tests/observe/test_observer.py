import asyncio
import json
import threading
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import httpx
import pytest

from lab.base.catalogue import CATALOGUE, Service
from lab.base.runs import RunStatus
from lab.base.threads import OneThread
from lab.observe.observer import Observer
from lab.observe.probing import UP_FOR_S
from lab.observe.snapshot import Health, ServiceState, Slice, SliceState, Snapshot
from lab.observe.snapshot_json import snapshot_json
from lab.observe.sources import Backoff, Clocks, Source
from tests.services.answers import answer, query_name
from tests.support.observed_lab import MLFLOW, ObservedLab
from tests.support.played_lab import DRIFT, NOW

PARTS = {
    "runs": Service.DAGSTER,
    "models": Service.MLFLOW,
    "drift": Service.DRIFT_MONITOR,
    "alerts": Service.PROMETHEUS,
    "audit": Service.OBJECT_STORE,
}


async def hang(_request: httpx.Request) -> httpx.Response:
    await asyncio.Event().wait()
    raise AssertionError


async def test_one_tick_fills_every_part(observed: ObservedLab) -> None:
    shot = await observed.tick()
    assert (shot.taken_at, shot.lab.name, shot.lab.runtime) == (NOW, "mlops-lab", "native")
    assert shot.services.value
    assert [state.name for state in shot.services.value] == [spec.name for spec in CATALOGUE]
    assert shot.runs.value
    assert len(shot.runs.value.runs) == 4
    assert all(run.steps for run in shot.runs.value.runs)
    assert shot.runs.value.schedule
    assert shot.models.value
    assert [version.version for version in shot.models.value] == ["3", "2", "1"]
    assert [(one.model, one.detected, one.rows) for one in shot.drift.value or ()] == [("CreditRiskModel", False, 1000)]
    assert shot.alerts.value
    assert {alert.name for alert in shot.alerts.value} == {"ServiceDown", "Odd"}
    assert all(getattr(shot, part).fetched_at == NOW for part in PARTS)
    assert shot.audit.value
    assert [entry.seq for entry in shot.audit.value.entries] == [3, 2, 1]
    assert shot.audit.value.intact


async def test_what_answers_at_the_ports_of_a_lab_that_was_never_started_is_not_shown_as_its_own(
    tmp_path: Path,
) -> None:
    observed, started = ObservedLab(tmp_path), [False]
    await observed.observer.aclose()
    clocks = Clocks(lambda: observed.now, lambda: observed.now)
    observed.observer = Observer(
        observed.config, observed.runtime, observed.services.transport, clocks, 60.0, 60.0, started=lambda: started[0]
    )
    shot = await observed.tick()
    assert all("was never started" in getattr(shot, part).error for part in PARTS)
    assert all(getattr(shot, part).value is None for part in PARTS)
    started[0] = True
    shot = await observed.tick(15)
    assert all(getattr(shot, part).value for part in PARTS)
    await observed.observer.aclose()


async def test_facts_of_processes_are_merged_into_the_services(observed: ObservedLab) -> None:
    services = (await observed.tick()).services.value
    assert services
    mlflow = next(state for state in services if state.name == Service.MLFLOW)
    assert (mlflow.pid, mlflow.uptime_s, mlflow.restarts, mlflow.memory_bytes) == (4711, 90.0, 2, 250_000_000)
    assert mlflow.health is Health.UP
    observed.runtime.broken = True
    services = (await observed.tick()).services.value
    assert services
    mlflow = next(state for state in services if state.name == Service.MLFLOW)
    assert (mlflow.pid, mlflow.health) == (None, Health.UP)


@pytest.mark.parametrize(("part", "service"), PARTS.items())
async def test_a_failing_source_keeps_its_last_value_and_spoils_no_other(
    observed: ObservedLab, part: str, service: Service
) -> None:
    before = await observed.tick()
    observed.fail(service)
    after = await observed.tick(2)
    failed = getattr(after, part)
    assert failed.state is SliceState.STALE
    assert failed.value == getattr(before, part).value
    assert (failed.fetched_at, failed.attempted_at) == (NOW, NOW + 2)
    assert "invoke logs" in failed.error
    assert all(getattr(after, other).state is SliceState.OK for other in PARTS if other != part)


@pytest.mark.parametrize(("part", "service"), PARTS.items())
async def test_a_source_that_never_answered_has_failed(observed: ObservedLab, part: str, service: Service) -> None:
    observed.fail(service)
    assert getattr(await observed.tick(), part).state is SliceState.FAILED
    del observed.services.broken[service]
    assert getattr(await observed.tick(2), part).state is SliceState.OK


async def test_a_failing_source_is_asked_after_2_4_8_seconds_and_then_every_15(observed: ObservedLab) -> None:
    observed.fail(Service.MLFLOW)
    attempts = []
    for _ in range(80):
        shot = await observed.tick(1)
        if shot.models.attempted_at == observed.now:
            attempts.append(observed.now - NOW)
    pauses = [later - earlier for earlier, later in pairwise(attempts)]
    assert pauses == [2, 4, 8, 15, 15, 15, 15]


async def test_a_hung_source_is_cut_off_and_the_others_come_in(tmp_path: Path) -> None:
    observed = ObservedLab(tmp_path, deadline_s=0.3)
    observed.services.broken[Service.MLFLOW] = hang
    shot = await observed.tick()
    assert shot.models.state is SliceState.FAILED
    assert "didn't answer" in shot.models.error
    assert "Type `invoke " in shot.models.error
    assert shot.runs.state is SliceState.OK
    await observed.observer.aclose()


async def test_a_hung_service_is_not_probed_at_every_tick(tmp_path: Path) -> None:
    observed = ObservedLab(tmp_path, deadline_s=0.3)
    observed.services.broken[Service.GRAFANA] = hang
    for _ in range(3):
        shot = await observed.tick()
    assert observed.services.asked[Service.GRAFANA] == 1
    assert shot.services.value
    assert next(state for state in shot.services.value if state.name == Service.GRAFANA).health is Health.DOWN
    await observed.tick(2)
    assert observed.services.asked[Service.GRAFANA] == 2
    await observed.observer.aclose()


async def test_one_probe_that_runs_out_of_time_is_slow_and_the_next_one_tells(tmp_path: Path) -> None:
    observed = ObservedLab(tmp_path, deadline_s=0.3)

    def grafana(shot: Snapshot) -> ServiceState:
        return next(state for state in shot.services.value or () if state.name == Service.GRAFANA)

    assert grafana(await observed.tick()).health is Health.UP
    observed.services.broken[Service.GRAFANA] = hang
    slow = await observed.tick(UP_FOR_S)
    assert (grafana(slow).health, grafana(slow).overdue) == (Health.DEGRADED, True)
    assert "didn't answer within 0.3 s" in grafana(slow).reason
    down = grafana(await observed.tick(2))
    assert (down.health, down.overdue) == (Health.DOWN, False)
    del observed.services.broken[Service.GRAFANA]
    assert grafana(await observed.tick(4)).health is Health.UP
    # Once it has answered, it may miss one again.
    observed.services.broken[Service.GRAFANA] = hang
    assert grafana(await observed.tick(UP_FOR_S)).overdue
    await observed.observer.aclose()


async def test_a_wrong_answer_is_down_at_once(observed: ObservedLab) -> None:
    await observed.tick()
    observed.fail(Service.GRAFANA)
    shot = await observed.tick(UP_FOR_S)
    assert next(s for s in shot.services.value or () if s.name == Service.GRAFANA).health is Health.DOWN


async def test_a_new_process_has_not_been_slow_before(tmp_path: Path) -> None:
    observed = ObservedLab(tmp_path, deadline_s=0.3)
    await observed.tick()
    observed.services.broken[Service.MLFLOW] = hang
    observed.runtime.known[Service.MLFLOW] = replace(MLFLOW, pid=4712)
    shot = await observed.tick()
    # What answered was another process.
    state = next(s for s in shot.services.value or () if s.name == Service.MLFLOW)
    assert (state.health, state.overdue) == (Health.DOWN, False)
    await observed.observer.aclose()


@pytest.mark.parametrize(
    "broken",
    [
        httpx.Response(200, html="<html>Dagster</html>"),
        httpx.Response(200, content=b"[" * 100_000),
        httpx.Response(200, json=None),
        httpx.Response(200, json={"data": {}, "status": "success"}),
        httpx.Response(200, content=b"\x00\xff" * 99),
        httpx.Response(404, json=[]),
    ],
)
async def test_nonsense_from_everyone_at_once_ends_in_failed_parts(
    observed: ObservedLab, broken: httpx.Response
) -> None:
    for service in observed.services.asked:
        observed.services.broken[service] = lambda _request: broken
    shot = await observed.tick()
    # An empty object is what an empty registry answers.
    states = {part: getattr(shot, part).state for part in PARTS if part != "models"}
    assert set(states.values()) == {SliceState.FAILED}
    assert shot.services.state is SliceState.OK


async def test_cancelling_a_tick_cancels_it(observed: ObservedLab) -> None:
    asked = asyncio.Event()

    async def wait(_request: httpx.Request) -> httpx.Response:
        asked.set()
        return await hang(_request)

    observed.services.broken[Service.DAGSTER] = wait
    task = asyncio.create_task(observed.tick())
    await asked.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_steps_of_finished_runs_are_asked_for_once(observed: ObservedLab) -> None:
    asked: list[str] = []

    def serve(request: httpx.Request) -> httpx.Response:
        asked.append(query_name(request))
        return httpx.Response(200, json=answer(f"dagster_{asked[-1]}"))

    observed.services.broken[Service.DAGSTER] = serve
    first = (await observed.tick()).runs.value
    assert (await observed.tick()).runs.value == first
    assert asked.count("runs_with_steps") == 1
    assert asked.count("newest_runs") == 2


async def test_a_run_under_way_is_looked_at_again(observed: ObservedLab) -> None:
    sent: list[int] = []
    first = answer("dagster_runs")["data"]["runsOrError"]["results"][0]

    def serve(request: httpx.Request) -> httpx.Response:
        body = answer(f"dagster_{query_name(request)}")
        if query_name(request) == "newest_runs":
            body["data"]["going"]["results"] = [{**first, "status": "STARTED", "endTime": None}]
        if query_name(request) == "runs_with_steps":
            body["data"]["runsOrError"]["results"][0] |= {"status": "STARTED", "endTime": None}
            wanted = json.loads(request.content)["variables"]["filter"]["runIds"]
            sent.append(len(wanted))
            runs = body["data"]["runsOrError"]
            runs["results"] = [run for run in runs["results"] if run["runId"] in wanted]
        return httpx.Response(200, json=body)

    observed.services.broken[Service.DAGSTER] = serve
    await observed.tick()
    await observed.tick()
    assert sent == [4, 1]


async def test_a_run_that_waits_is_shown_without_being_asked_for_its_steps(observed: ObservedLab) -> None:
    waiting = answer("dagster_runs")["data"]["runsOrError"]["results"][0] | {"status": "QUEUED", "endTime": None}

    def serve(request: httpx.Request) -> httpx.Response:
        body = answer(f"dagster_{query_name(request)}")
        if query_name(request) == "newest_runs":
            body["data"]["runsOrError"]["results"] = [{"runId": waiting["runId"]}, {"runId": "deleted meanwhile"}]
            body["data"]["going"]["results"] = [waiting]
        elif query_name(request) == "runs_with_steps":
            assert json.loads(request.content)["variables"]["filter"]["runIds"] == ["deleted meanwhile"]
            body["data"]["runsOrError"]["results"] = []
        return httpx.Response(200, json=body)

    observed.services.broken[Service.DAGSTER] = serve
    shown = (await observed.tick()).runs.value
    assert shown
    assert [(run.run_id, run.status, run.steps) for run in shown.runs] == [(waiting["runId"], RunStatus.QUEUED, ())]


async def test_a_tick_reads_no_more_of_finished_runs_than_their_ids(observed: ObservedLab) -> None:
    many = [f"{number:08}-0000-4000-8000-000000000000" for number in range(25)]
    one = answer("dagster_runs_with_steps")["data"]["runsOrError"]["results"][0]

    def serve(request: httpx.Request) -> httpx.Response:
        body = answer(f"dagster_{query_name(request)}")
        if query_name(request) == "newest_runs":
            body["data"]["runsOrError"]["results"] = [{"runId": run_id} for run_id in many]
        elif query_name(request) == "runs_with_steps":
            body["data"]["runsOrError"]["results"] = [one | {"runId": run_id} for run_id in many]
        answered = httpx.Response(200, json=body)
        read.append(len(answered.content))
        return answered

    read: list[int] = []
    observed.services.broken[Service.DAGSTER] = serve
    shown = (await observed.tick()).runs.value
    assert shown
    assert [run.run_id for run in shown.runs] == many
    read.clear()
    await observed.tick()
    assert sum(read) < 100 * len(many)


async def test_ten_seconds_of_a_healthy_lab_cost_so_many_requests(observed: ObservedLab) -> None:
    for _ in range(6):
        await observed.tick(2)
    before = dict(observed.services.asked)
    for _ in range(5):
        await observed.tick(2)
    asked = {service: observed.services.asked[service] - before[service] for service in before}
    # One or two at each tick for what is drawn, and what a probe every 10 s needs.
    most = {
        Service.OBJECT_STORE: 5 + 6,
        Service.MLFLOW: 2 * 5 + 1,
        Service.DAGSTER: 5 + 3,
        Service.DRIFT_MONITOR: 5 + 1,
        Service.PROMETHEUS: 5 + 2,
        Service.GRAFANA: 2,
        **dict.fromkeys((Service.DAGSTER_METRICS, Service.GOVERNANCE_METRICS, Service.ALERTMANAGER), 1),
    }
    assert {name: count for name, count in asked.items() if count > most.get(name, 0)} == {}


async def test_what_is_as_it_was_is_the_very_same_value(observed: ObservedLab) -> None:
    first, second = await observed.tick(), await observed.tick(2)
    assert all(getattr(second, part).value is getattr(first, part).value for part in PARTS)
    assert all(getattr(second, part).fetched_at == NOW + 2 for part in PARTS)


async def test_a_young_drift_monitor_leaves_its_part_waiting(observed: ObservedLab) -> None:
    text = (
        "synthetic_data_check_interval_seconds 30.0\n"
        'synthetic_data_last_check_timestamp{model="M"} 0.0\nsynthetic_data_check_success{model="M"} 0.0\n'
    )
    observed.services.broken[Service.DRIFT_MONITOR] = lambda _request: httpx.Response(200, text=text)
    assert (await observed.tick()).drift.state is SliceState.WAITING
    failing = text + 'synthetic_data_check_failures_total{model="M"} 1.0\n'
    observed.services.broken[Service.DRIFT_MONITOR] = lambda _request: httpx.Response(200, text=failing)
    assert (await observed.tick()).drift.state is SliceState.FAILED


async def test_the_drift_of_every_model_is_shown(observed: ObservedLab) -> None:
    text = DRIFT + DRIFT.replace("CreditRiskModel", "Zebra").replace('"} 0.05', '"} 0.9')
    observed.services.broken[Service.DRIFT_MONITOR] = lambda _request: httpx.Response(200, text=text)
    shown = (await observed.tick()).drift.value
    assert shown
    assert {one.model: one.detected for one in shown} == {"CreditRiskModel": False, "Zebra": True}


async def test_a_snapshot_becomes_json_with_its_version(observed: ObservedLab) -> None:
    shot = await observed.tick()
    assert shot.models.value
    odd = replace(shot.models.value[0], metrics={"auc": float("nan")})
    shot = replace(shot, models=shot.models.succeeded((odd,), NOW))
    body = json.loads(json.dumps(snapshot_json(shot), allow_nan=False))
    assert (body["schema"], body["overall"], body["taken_at"]) == (2, "degraded", NOW)
    assert body["runs"]["state"] == "ok"
    assert body["runs"]["value"]["runs"][0]["status"] in {"SUCCESS", "FAILURE"}
    assert body["runs"]["value"]["runs"][0]["seconds"] > 0
    assert body["models"]["value"][0]["metrics"] == {"auc": None}
    assert "owner" not in body["models"]["value"][0]["missing_tags"]
    assert body["drift"]["value"][0]["features"][0] == {
        "name": "age_in_years",
        "psi": 0.05,
        "state": "stable",
        "p_value": 0.0,
        "limit": 0.25,
    }
    assert body["audit"]["value"]["length"] == 3
    assert body["services"]["value"][0]["name"] == "postgres"


def test_backoff_starts_anew_after_a_success() -> None:
    now = [0.0]
    backoff = Backoff(lambda: now[0])
    backoff.failed()
    backoff.failed()
    now[0] = 3.5
    assert backoff.waiting
    backoff.succeeded()
    assert not backoff.waiting
    backoff.failed()
    now[0] = 5.6
    assert not backoff.waiting


async def test_what_comes_before_an_attempt_is_not_held_against_the_source() -> None:
    order: list[str] = []

    async def prepare() -> None:
        order.append("prepare")

    async def fetch() -> int:
        order.append("fetch")
        return 1

    source = Source("X", fetch, Clocks(lambda: NOW, lambda: NOW), 1.0, prepare)
    assert (await source.settle(Slice())).value == 1
    assert order == ["prepare", "fetch"]


async def test_a_blocked_call_is_waited_for_instead_of_made_twice() -> None:
    free, calls = threading.Event(), []

    def work() -> int:
        calls.append(1)
        free.wait(10)
        return len(calls)

    thread = OneThread("test")
    call = thread.once(work)
    for _ in range(3):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await call()
    free.set()
    assert await call() == 1
    assert await call() == 2
    thread.close()
