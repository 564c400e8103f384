import json
from dataclasses import replace
from typing import Any

import httpx
import pytest

from lab.base.errors import LabError, NotFound, RunFailed, ServiceUnavailable
from lab.base.model_id import ModelId
from lab.base.runs import INGEST, JOB, RunStatus
from lab.governance.rules.policy import Actor, Environment, Role
from lab.services import dagster_answers as read
from lab.services.dagster import Dagster, query
from lab.services.http import Incomplete, NotReady
from tests.services.answers import QUERIES, answer, http, query_name, says
from tests.support.contracts import MODEL

ACTOR = Actor("ada@example.com", Role.ML_ENGINEER, Environment.DEV)


def dagster(body: Any, status: int = 200) -> Dagster:
    return Dagster(http(says(body, status), "Dagster"))


async def test_a_loaded_code_location_is_no_problem() -> None:
    await dagster(answer("dagster_location")).ping()


@pytest.mark.parametrize(
    ("captured", "said"),
    [
        (
            "dagster_location_broken",
            "can't load the code location 'pipelines': RuntimeError: definitions are broken on purpose.",
        ),
        (
            "dagster_location_unreachable",
            "'pipelines': Could not reach user code server",
        ),
        ("dagster_location_unknown", "has no code location 'pipelines' in its workspace."),
    ],
)
async def test_a_code_location_that_fails_says_why(captured: str, said: str) -> None:
    body = json.loads(json.dumps(answer(captured)))
    with pytest.raises(Incomplete) as caught:
        await dagster(body).ping()
    assert said in caught.value.message


async def test_a_loading_code_location_is_not_ready_rather_than_broken() -> None:
    body = answer("dagster_location")
    body["data"]["workspaceLocationEntryOrError"] |= {"loadStatus": "LOADING", "locationOrLoadError": None}
    with pytest.raises(NotReady, match="still loading"):
        await dagster(body).ping()


async def test_daemons_are_the_required_ones_with_their_heartbeats() -> None:
    body = answer("dagster_daemons")
    body["data"]["instance"]["daemonHealth"]["allDaemonStatuses"][0]["required"] = False
    found = await dagster(body).daemons()
    assert {daemon.type for daemon in found} >= {"SCHEDULER", "QUEUED_RUN_COORDINATOR"}
    assert len(found) == len(body["data"]["instance"]["daemonHealth"]["allDaemonStatuses"]) - 1
    assert all(daemon.last_heartbeat and daemon.last_heartbeat > 1e9 for daemon in found)


async def test_errors_of_an_outage_that_is_over_are_told_from_present_ones() -> None:
    """Heartbeats as they came 6 s after a PostgreSQL that had been away for 50 s was there again."""
    again = 1795918265.0
    found = await dagster(answer("dagster_daemons_outage")).daemons()
    reporting = [daemon for daemon in found if daemon.errors]
    assert {daemon.type for daemon in reporting} == {"SENSOR", "QUEUED_RUN_COORDINATOR", "MONITORING", "ASSET"}
    assert all(error.at and error.at < again for daemon in reporting for error in daemon.errors)
    assert all(daemon.current_errors() for daemon in reporting)
    assert not any(daemon.current_errors(since=again) for daemon in reporting)
    later = [replace(daemon, last_heartbeat=(daemon.last_heartbeat or 0) + 30) for daemon in reporting]
    assert not any(daemon.current_errors() for daemon in later)


async def test_an_error_that_comes_without_a_time_counts() -> None:
    body = answer("dagster_daemons")
    first = body["data"]["instance"]["daemonHealth"]["allDaemonStatuses"][0]
    first["lastHeartbeatErrors"] = [{"message": "ValueError: bad cron\nat line 3"}]
    daemon = (await dagster(body).daemons())[0]
    assert daemon.current_errors(since=first["lastHeartbeatTime"]) == ["ValueError: bad cron"]


async def test_the_dashboard_holds_runs_newest_first_schedule_and_daemons() -> None:
    board = await dagster(answer("dagster_dashboard")).dashboard(4)
    created = [run.created_at or 0 for run in board.runs]
    assert created == sorted(created, reverse=True)
    assert len(created) == 4
    assert {run.status for run in board.runs} == {RunStatus.SUCCESS, RunStatus.FAILURE}
    assert {(run.job, run.owner, run.role, run.environment, run.trigger) for run in board.runs} == {
        (JOB, "me@x", "ml-engineer", "dev", "demo-run")
    }
    assert board.schedule
    assert (board.schedule.cron, board.schedule.status) == ("0 */6 * * *", "RUNNING")
    assert board.schedule.next_tick
    assert board.schedule.next_tick > 1e9
    assert board.daemons


async def test_the_newest_runs_are_ids_and_what_goes_on() -> None:
    body, first = answer("dagster_newest_runs"), answer("dagster_runs")["data"]["runsOrError"]["results"][0]
    body["data"]["going"]["results"] = [first | {"status": "STARTED", "endTime": None}]
    found = await dagster(body).newest_runs(4)
    assert len(found.run_ids) == 4
    assert [(run.run_id, run.status, run.owner) for run in found.going] == [(first["runId"], RunStatus.STARTED, "me@x")]
    assert found.schedule
    assert found.schedule.status == "RUNNING"


async def test_a_run_has_its_steps_in_the_order_they_began() -> None:
    run = await dagster(answer("dagster_run")).run("x")
    assert run.steps[0].name == "ingest_data"
    assert run.steps[-1].name == "models__CreditRiskModel"
    assert all(step.status == "SUCCESS" and step.seconds is not None and step.seconds > 0 for step in run.steps)
    assert run.status is RunStatus.SUCCESS
    assert run.seconds
    assert 0 < run.seconds < 60


async def test_the_state_of_a_run_is_known_without_its_steps() -> None:
    body = {"data": {"runOrError": {"__typename": "Run", "status": "STARTED"}}}
    assert await dagster(body).run_status("x") is RunStatus.STARTED
    body["data"]["runOrError"]["status"] = "DREAMING"
    with pytest.raises(LabError):
        await dagster(body).run_status("x")


async def test_a_skipped_step_comes_last_and_has_no_duration() -> None:
    body = answer("dagster_run")
    body["data"]["runOrError"]["stepStats"].insert(
        0, {"stepKey": "late", "status": "SKIPPED", "startTime": None, "endTime": None}
    )
    run = await dagster(body).run("x")
    assert (run.steps[-1].name, run.steps[-1].seconds) == ("late", None)


async def test_a_scheduled_run_says_what_started_it() -> None:
    body = answer("dagster_run")
    body["data"]["runOrError"]["tags"] = [{"key": "dagster/schedule_name", "value": "ml_training_schedule"}]
    assert (await dagster(body).run("x")).trigger == "schedule"


async def test_an_unknown_run_is_not_found() -> None:
    for call, captured in (("run", "run"), ("run_status", "run"), ("events", "events"), ("terminate", "terminate")):
        with pytest.raises(NotFound, match=r"Pipeline run nope could not be found\. .*mlops-lab --once"):
            await getattr(dagster(answer(f"dagster_{captured}_unknown")), call)("nope")


@pytest.mark.parametrize(("times", "last"), [([], 0.0), ([20.5, 10.0], 20.5)])
async def test_the_last_tick_is_the_newest_and_none_is_never(times: list[float], last: float) -> None:
    ticks = {"ticks": [{"timestamp": at} for at in times]}
    body = {"data": {"scheduleOrError": {"__typename": "Schedule", "scheduleState": ticks}}}
    assert await dagster(body).last_tick() == last
    assert await dagster(answer("dagster_schedule_unknown")).last_tick() == 0.0


async def test_an_undefined_schedule_is_none() -> None:
    assert await dagster(answer("dagster_schedule_unknown")).schedule() is None


@pytest.mark.parametrize(
    ("captured", "reason"),
    [
        ("ok", ""),
        ("check", "check schema_holds on ingest_data: age_in_years: 3 rows are not between 18 and 100"),
        ("declared", "ingest_data: The file is empty."),
        ("crash", "ingest_data: ValueError: boom [x]"),
    ],
)
async def test_the_reason_of_a_failure_is_the_one_closest_to_the_data(captured: str, reason: str) -> None:
    assert await dagster(answer(f"dagster_events_{captured}")).failure("x") == reason


@pytest.mark.parametrize("message", ["ValueError\n", "ValueError: ", "odd.errors.ValueError\n"])
async def test_a_failure_without_a_word_says_so(message: str) -> None:
    body = answer("dagster_events_crash")
    for event in body["data"]["logsForRun"]["events"]:
        if event.get("error"):
            event["error"]["causes"] = [{"message": message, "className": "ValueError"}]
    assert await dagster(body).failure("x") == "ingest_data: ValueError, without a message"


async def test_a_failure_in_a_models_code_tells_the_line() -> None:
    stack = [
        '  File "/home/ann/lab/lab/training/fitting.py", line 207, in _fitted\n    return code.fit(known)\n',
        '  File "/home/ann/lab/pipelines/churn/train.py", line 15, in fit\n    return helped(frame)\n',
        '  File "/home/ann/lab/pipelines/churn/help.py", line 3, in helped\n    raise ValueError\n',
        '  File "/usr/lib/python3.11/json/decoder.py", line 337, in decode\n    obj, end = self.raw_decode(s)\n',
    ]
    body = answer("dagster_events_crash")
    for event in body["data"]["logsForRun"]["events"]:
        if event.get("error"):
            event["error"]["causes"] = [
                {"message": "ValueError: no luck\nat all\n", "className": "ValueError", "stack": stack}
            ]
    assert await dagster(body).failure("x") == "ingest_data: ValueError: no luck (churn/help.py, line 3)\nat all"


async def test_a_warning_of_a_check_is_not_the_reason_of_a_failure() -> None:
    body = answer("dagster_events_check")
    for event in body["data"]["logsForRun"]["events"]:
        if "evaluation" in event:
            event["evaluation"]["severity"] = "WARN"
    assert "schema_holds on" not in await dagster(body).failure("x")


async def test_a_run_that_never_started_gives_its_last_words() -> None:
    event = {"__typename": "RunFailureEvent", "timestamp": "1700000000000", "level": "ERROR", "stepKey": None}
    event |= {"message": "The run's process vanished.", "eventType": "RUN_FAILURE", "error": None}
    body = {
        "data": {"logsForRun": {"__typename": "EventConnection", "cursor": "", "hasMore": False, "events": [event]}}
    }
    assert await dagster(body).failure("x") == "The run's process vanished"


async def test_check_results_carry_verdict_and_description() -> None:
    (check,) = [event.check for event in await dagster(answer("dagster_events_check")).all_events("x") if event.check]
    assert (check.name, check.asset, check.passed, check.severity) == ("schema_holds", "ingest_data", False, "ERROR")


async def test_events_are_read_page_by_page() -> None:
    page = answer("dagster_events_ok")["data"]["logsForRun"]
    asked: list[str | None] = []

    def serve(request: httpx.Request) -> httpx.Response:
        cursor = json.loads(request.content)["variables"]["cursor"]
        asked.append(cursor)
        last = cursor is not None
        half = len(page["events"]) // 2
        part = page | {
            "events": page["events"][half:] if last else page["events"][:half],
            "hasMore": not last,
            "cursor": "c1",
        }
        return httpx.Response(200, json={"data": {"logsForRun": part}})

    events = await Dagster(http(serve, "Dagster")).all_events("x")
    assert asked == [None, "c1"]
    assert len(events) == len(page["events"])


async def test_a_launch_carries_actor_data_and_tags() -> None:
    sent: dict[str, Any] = {}

    def serve(request: httpx.Request) -> httpx.Response:
        assert query_name(request) == "launch"
        sent.update(json.loads(request.content)["variables"]["params"])
        return httpx.Response(
            200, json={"data": {"launchRun": {"__typename": "LaunchRunSuccess", "run": {"runId": "r1"}}}}
        )

    client = Dagster(http(serve, "Dagster"))
    assert await client.launch(ACTOR, MODEL.id, "demo-run", "/data/x.csv", {"lab/owner": "m", "note": "n"}) == "r1"
    assert sent["selector"] == {
        "repositoryLocationName": "pipelines", "repositoryName": "__repository__", "jobName": JOB,
    }  # fmt: skip
    assert sent["runConfigData"] == {
        "resources": {"governance": {"config": {"owner": ACTOR.owner, "role": "ml-engineer", "environment": "dev"}}},
        "ops": {"ingest_data": {"config": {"data_path": "/data/x.csv"}}},
    }
    tags = {tag["key"]: tag["value"] for tag in sent["executionMetadata"]["tags"]}
    who = {"lab/owner": ACTOR.owner, "lab/role": "ml-engineer", "lab/environment": "dev"}
    assert tags == {**who, "lab/trigger": "demo-run", "note": "n"}
    await client.launch(ACTOR, MODEL.id, "demo-run")
    assert "ops" not in sent["runConfigData"]


async def test_a_launch_of_another_model_names_its_job_and_its_own_step() -> None:
    sent: dict[str, Any] = {}

    def serve(request: httpx.Request) -> httpx.Response:
        sent.update(json.loads(request.content)["variables"]["params"])
        done = {"launchRun": {"__typename": "LaunchRunSuccess", "run": {"runId": "r1"}}}
        return httpx.Response(200, json={"data": done})

    await Dagster(http(serve, "Dagster")).launch(ACTOR, ModelId("Churn", "churn"), "train", "/data/x.csv")
    assert sent["selector"]["jobName"] == "churn_training"
    assert sent["runConfigData"]["ops"] == {"churn__ingest_data": {"config": {"data_path": "/data/x.csv"}}}


@pytest.mark.parametrize(
    ("op", "path"),
    [("ingest_data", "/data/x.csv"), ("churn__ingest_data", "/data/x.csv"), ("somebodys__own", None)],
)
async def test_the_data_that_a_run_was_launched_on_are_found_whichever_model_it_was_of(
    op: str, path: str | None
) -> None:
    config = {"ops": {"churn__train_model": {}, op: {"config": {"data_path": "/data/x.csv"}}}}
    found = {"__typename": "Run", "jobName": "churn_training", "runConfig": config}
    client = dagster({"data": {"runOrError": found}})
    assert await client.launched_on("r1") == ("churn_training", path)


async def test_steps_and_runs_of_another_model_are_read_as_steps_of_a_model() -> None:
    body = json.loads(
        json.dumps(answer("dagster_run")).replace(f'"stepKey": "{INGEST}"', f'"stepKey": "churn__{INGEST}"')
    )
    body["data"]["runOrError"]["tags"].append({"key": "lab/model", "value": "Churn"})
    run = await dagster(body).run("x")
    assert run.model == "Churn"
    before = await dagster(answer("dagster_run")).run("x")
    assert INGEST in {one.name for one in run.steps}
    assert (run.steps, before.model) == (before.steps, "")


@pytest.mark.parametrize(
    ("captured", "said"),
    [
        ("dagster_launch_invalid", "nonsense"),
        ("dagster_launch_no_job", "Dagster doesn't know the job ml_training_pipeline of CreditRiskModel"),
    ],
)
async def test_a_refused_launch_says_why(captured: str, said: str) -> None:
    with pytest.raises(RunFailed) as caught:
        await dagster(answer(captured)).launch(ACTOR, MODEL.id, "demo-run")
    assert said in caught.value.message


async def test_errors_of_graphql_itself_are_told() -> None:
    with pytest.raises(ServiceUnavailable, match="refused the query 'daemons': Cannot query field"):
        await dagster(answer("dagster_bad_query"), status=400).daemons()
    with pytest.raises(ServiceUnavailable, match="couldn't answer the query 'daemons': Cannot query field"):
        await dagster(answer("dagster_bad_query")).daemons()


async def test_an_error_of_dagster_is_told_in_its_own_words() -> None:
    body = {
        "data": {
            "runsOrError": {"__typename": "PythonError", "message": "sqlalchemy.exc.OperationalError: no disk\nat x"}
        }
    }
    with pytest.raises(ServiceUnavailable, match=r"Dagster answered with an error: no disk\."):
        await dagster(body).runs()


WRONG: list[Any] = [None, [], "x", 1, {}, {"data": None}, {"data": []}, {"data": {}}, {"errors": "x"}, {"errors": [1]}]


@pytest.mark.parametrize("body", WRONG)
@pytest.mark.parametrize(
    "call", ["ping", "daemons", "schedule", "dashboard", "runs", "run", "failure", "launch", "terminate"]
)
async def test_a_wrong_shape_is_our_error(body: Any, call: str) -> None:
    args = {"run": ("x",), "failure": ("x",), "terminate": ("x",), "launch": (ACTOR, MODEL.id, "t")}.get(call, ())
    with pytest.raises(ServiceUnavailable):
        await getattr(dagster(body), call)(*args)


OTHERS: tuple[Any, ...] = (None, [[]], 7, {"x": 1})


def mutilations(value: Any) -> list[Any]:
    """`value` with each of its parts in turn replaced by something of another type, or taken away."""
    made: list[Any] = []
    if isinstance(value, dict):
        for key, part in value.items():
            made += [{**value, key: other} for other in OTHERS if type(other) is not type(part)]
            made.append({k: v for k, v in value.items() if k != key})
            made += [{**value, key: changed} for changed in mutilations(part)]
    elif isinstance(value, list) and value:
        made += [[changed, *value[1:]] for changed in mutilations(value[0])]
        made.append(["x", *value[1:]])
    return made


@pytest.mark.parametrize(
    ("captured", "call"),
    [
        ("dagster_location", "ping"),
        ("dagster_daemons", "daemons"),
        ("dagster_dashboard", "dashboard"),
        ("dagster_newest_runs", "newest_runs"),
        ("dagster_run", "run"),
        ("dagster_events_check", "failure"),
    ],
)
async def test_whatever_part_of_an_answer_changes_only_our_errors_come_out(captured: str, call: str) -> None:
    now: list[Any] = [None]
    client = Dagster(http(lambda _: httpx.Response(200, json=now[0]), "Dagster"))
    refused = 0
    for body in mutilations(answer(captured)):
        now[0] = body
        try:
            await getattr(client, call)(*(("x",) if call in {"run", "failure"} else ()))
        except ServiceUnavailable:
            refused += 1
    assert refused > 5


def test_an_unknown_state_of_a_run_is_refused() -> None:
    raw = answer("dagster_run")["data"]["runOrError"] | {"status": "DREAMING"}
    with pytest.raises(ValueError, match="DREAMING"):
        read.run(raw)


def test_every_query_file_is_an_operation_of_its_own() -> None:
    for name in QUERIES:
        assert query(name).startswith(("query ", "mutation ")), name


@pytest.mark.parametrize(
    ("config", "path"),
    [
        ({}, None),
        (None, None),
        ({"ops": {"ingest_data": {"config": {"data_path": "/data/x.csv"}}}, "resources": {}}, "/data/x.csv"),
        ({"ops": {"ingest_data": {"config": {}}}}, None),
    ],
)
async def test_a_run_tells_on_which_data_it_was_launched(config: Any, path: str | None) -> None:
    body = {"data": {"runOrError": {"__typename": "Run", "jobName": "some_job", "runConfig": config}}}
    assert await dagster(body).launched_on("r1") == ("some_job", path)
    with pytest.raises(NotFound):
        await dagster(answer("dagster_run_unknown")).launched_on("r1")
