"""Whatever was killed gets an end on record, what may still go on does not, and nothing is added to a forged trail."""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

import httpx
import pytest

from lab.base.catalogue import Service
from lab.base.errors import LedgerError
from lab.base.file_lock import held
from lab.base.runs import JOB, OWNER_TAG, RunStatus
from lab.governance.cases.deploy_approval import deployment_lock
from lab.governance.cases.orphans import COMMAND_S, Closer, Closing
from lab.governance.cases.trail import TrailReader
from lab.governance.ledger import Status
from lab.governance.rules.deployments import APPLY, PLAN
from lab.governance.rules.policy import Environment
from lab.services.dagster import Dagster
from lab.services.http import Http
from tests.support.governed_lab import GovernedLab

STEP = "train_model"


@pytest.fixture
def governed(tmp_path: Path) -> GovernedLab:
    return GovernedLab(tmp_path)


TIMES = {"creationTime": 1.0, "startTime": 1.0, "endTime": None}


async def close(
    governed: GovernedLab,
    steps: Mapping[str, str] = MappingProxyType({}),
    events: Sequence[tuple[str, str]] = (),
    job: str = JOB,
    only: tuple[str, ...] = (),
    meanwhile: Callable[[], object] = lambda: None,
    **states: RunStatus,
) -> Closing:
    """With a Dagster that knows these runs, each with these steps and their states, and events by kind and step."""

    def answer(request: httpx.Request) -> httpx.Response:
        asked = json.loads(request.content)
        if "logsForRun" in asked["query"]:
            page = {"__typename": "EventConnection", "cursor": "1", "hasMore": False, "events": listed}
            return httpx.Response(200, json={"data": {"logsForRun": page}})
        chosen = asked["variables"]["filter"].get("statuses", list(RunStatus))
        if "statuses" not in asked["variables"]["filter"]:
            meanwhile()
        runs = [run(name, at) for name, at in states.items() if at in chosen]
        return httpx.Response(200, json={"data": {"runsOrError": {"__typename": "Runs", "results": runs}}})

    def run(name: str, state: RunStatus) -> dict[str, Any]:
        stats = [{"stepKey": step, "status": at, "startTime": 1.0, "endTime": None} for step, at in steps.items()]
        tags = [{"key": OWNER_TAG, "value": "dora"}]
        return {"runId": name, "jobName": job, "status": state, "tags": tags, "stepStats": stats, **TIMES}

    plain = {"__typename": "Event", "timestamp": "1000", "level": "DEBUG", "message": ""}
    listed = [{**plain, "stepKey": step, "eventType": kind} for kind, step in events]

    http = Http.to(Service.DAGSTER, "http://dagster", transport=httpx.MockTransport(answer))
    closer = Closer(governed.config, Dagster(http), governed.store)
    try:
        return await closer.close(only)
    finally:
        await closer.aclose()


def unfinished(governed: GovernedLab) -> list[int]:
    found = TrailReader(governed.config, governed.store).read().verification
    assert found.intact
    return [entry.seq for entry in found.unfinished]


@pytest.mark.parametrize(
    ("states", "said"),
    [({"r1": RunStatus.FAILURE}, "failure"), ({"r1": RunStatus.CANCELED}, "canceled"), ({}, "knows it no more")],
)
async def test_a_step_of_a_run_that_is_over_ends_as_failed(
    states: dict[str, RunStatus], said: str, governed: GovernedLab
) -> None:
    begun = governed.append(STEP, Status.STARTED, "dora", run_id="r1")

    [entry] = (await close(governed, **states)).closed

    assert (entry.action, entry.run_id, entry.status) == (STEP, "r1", Status.FAILURE)
    assert (entry.details["closes"], entry.details["begun_by"]) == (begun.seq, "dora")
    assert said in entry.details["reason"]
    assert entry.owner == governed.config.actor.owner
    assert unfinished(governed) == []
    assert await close(governed, **states) == Closing((), ())


async def test_a_step_that_ends_while_dagster_is_asked_gets_no_second_end(governed: GovernedLab) -> None:
    governed.append(STEP, Status.STARTED, "dora", run_id="r1")

    def ends() -> None:
        governed.append(STEP, Status.FAILURE, "dora", run_id="r1")

    assert await close(governed, meanwhile=ends, r1=RunStatus.FAILURE) == Closing((), ())
    assert unfinished(governed) == []


@pytest.mark.parametrize("state", [RunStatus.STARTED, RunStatus.CANCELING, RunStatus.SUCCESS])
async def test_a_step_that_may_go_on_or_that_cannot_have_failed_is_left(
    state: RunStatus, governed: GovernedLab
) -> None:
    begun = governed.append(STEP, Status.STARTED, run_id="r1")

    found = await close(governed, r1=state)

    assert found.closed == ()
    assert [one.begun.seq for one in found.left] == unfinished(governed) == [begun.seq]
    assert found.left[0].reason


@pytest.mark.parametrize(("age", "ends"), [(COMMAND_S - 60, False), (COMMAND_S + 60, True)])
async def test_a_persons_command_ends_once_it_cannot_go_on_any_more(
    age: float, ends: bool, governed: GovernedLab
) -> None:
    then = (datetime.now(UTC) - timedelta(seconds=age)).isoformat(timespec="microseconds")
    governed.copy(governed.append("reconcile", Status.SUCCESS), status=Status.STARTED, time=then.replace("+00:00", "Z"))

    found = await close(governed)

    assert (len(found.closed), len(found.left)) == ((1, 0) if ends else (0, 1))
    assert bool(unfinished(governed)) is not ends


@pytest.mark.parametrize("stage", [PLAN, APPLY])
async def test_a_deployment_ends_as_failed_as_soon_as_no_process_of_it_is_at_work(
    stage: str, governed: GovernedLab
) -> None:
    details = {"stage": stage}
    begun = governed.append("deploy", Status.STARTED, environment=Environment.STAGING, details=details)
    lock = deployment_lock(governed.config.home, "staging")
    lock.parent.mkdir(parents=True)

    with held(lock, 1):
        (left,) = (await close(governed)).left
    assert (left.begun.seq, left.reason) == (begun.seq, "a deployment to staging is at work")

    (entry,) = (await close(governed)).closed
    assert (entry.status, entry.details["closes"]) == (Status.FAILURE, begun.seq)
    assert ("Terraform's state" in entry.details["reason"]) is (stage == APPLY)
    assert unfinished(governed) == []


async def test_a_deployment_that_goes_on_after_an_hour_is_left(governed: GovernedLab) -> None:
    begun = governed.append("deploy", Status.SUCCESS, environment=Environment.DEV)
    governed.copy(begun, status=Status.STARTED, time="2026-01-01T00:00:00.000000Z")
    lock = deployment_lock(governed.config.home, "dev")
    lock.parent.mkdir(parents=True)
    with held(lock, 1):
        assert len((await close(governed)).left) == 1
    assert len((await close(governed)).closed) == 1


async def test_the_end_of_one_deployment_is_not_taken_for_that_of_another(governed: GovernedLab) -> None:
    governed.append("deploy", Status.STARTED, environment=Environment.DEV)
    other = governed.append("deploy", Status.STARTED, environment=Environment.PROD)
    lock = deployment_lock(governed.config.home, "prod")
    lock.parent.mkdir(parents=True)
    with held(lock, 1):
        assert len((await close(governed)).closed) == 1
    assert unfinished(governed) == [other.seq]


@pytest.mark.parametrize("time", ["", "yesterday", "2026-11-29T10:00:00", "0001-01-01T00:00:00+23:59"])
async def test_a_beginning_whose_time_is_none_can_be_ended(time: str, governed: GovernedLab) -> None:
    governed.copy(governed.append("reconcile", Status.SUCCESS), status=Status.STARTED, time=time)
    assert len((await close(governed)).closed) == 1
    assert unfinished(governed) == []


async def test_nothing_is_added_to_a_trail_that_was_tampered_with(governed: GovernedLab) -> None:
    governed.append(STEP, Status.STARTED, "dora", run_id="r1")
    key = sorted(governed.store.objects)[0]
    governed.store.objects[key] = governed.store.objects[key].replace(b"dora", b"evil")
    before = dict(governed.store.objects)
    with pytest.raises(LedgerError, match="can't be trusted"):
        await close(governed, r1=RunStatus.FAILURE)
    assert governed.store.objects == before


@pytest.mark.parametrize("run", [RunStatus.FAILURE, RunStatus.CANCELED])
@pytest.mark.parametrize("step", ["FAILURE", "IN_PROGRESS"])
async def test_a_step_that_ended_before_its_beginning_was_recorded_is_put_on_record(
    run: RunStatus, step: str, governed: GovernedLab
) -> None:
    planned = [("ASSET_MATERIALIZATION_PLANNED", STEP), ("STEP_START", STEP), ("STEP_OUTPUT", "ingest_data")]

    [entry] = (await close(governed, {STEP: step}, planned, r1=run)).closed

    assert (entry.action, entry.run_id, entry.status) == (STEP, "r1", Status.FAILURE)
    assert entry.owner == governed.config.actor.owner
    assert entry.details["begun_by"] == "dora"
    assert "before its beginning was recorded" in entry.details["reason"]
    assert run.lower() in entry.details["reason"]
    assert unfinished(governed) == []
    assert await close(governed, {STEP: step}, planned, r1=run) == Closing((), ())


@pytest.mark.parametrize("kind", ["STEP_OUTPUT", "ASSET_MATERIALIZATION", "ASSET_CHECK_EVALUATION"])
async def test_a_step_that_worked_without_an_entry_is_named_and_never_recorded(
    kind: str, governed: GovernedLab
) -> None:
    found = await close(governed, {STEP: "FAILURE"}, [("STEP_START", STEP), (kind, STEP)], r1=RunStatus.FAILURE)
    assert (found.closed, found.left) == ((), ())
    [one] = found.unaudited
    assert (one.run_id, one.action) == ("r1", STEP)
    assert kind.lower() in one.reason
    assert governed.store.entries == []


@pytest.mark.parametrize(
    ("step", "run", "job"),
    [
        ("SUCCESS", RunStatus.FAILURE, JOB),
        ("SKIPPED", RunStatus.FAILURE, JOB),
        ("IN_PROGRESS", RunStatus.STARTED, JOB),
        ("FAILURE", RunStatus.FAILURE, "another"),
    ],
)
async def test_steps_that_succeeded_never_began_go_on_or_are_nobodys_get_no_entry(
    step: str, run: RunStatus, job: str, governed: GovernedLab
) -> None:
    assert await close(governed, {STEP: step}, job=job, r1=run) == Closing((), ())
    assert governed.store.entries == []


async def test_of_runs_that_are_named_only_those_are_ended(governed: GovernedLab) -> None:
    governed.append(STEP, Status.STARTED, run_id="r1")
    governed.append(STEP, Status.STARTED, run_id="r2")
    found = await close(governed, only=("r2",), r1=RunStatus.FAILURE, r2=RunStatus.FAILURE)
    assert [entry.run_id for entry in found.closed] == ["r2"]
