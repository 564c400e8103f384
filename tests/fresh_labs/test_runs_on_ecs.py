"""Runs as tasks of ECS: Dagster's own launcher, the emulator's API, and a process for each task."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from lab import wiring
from lab.base.catalogue import Service
from lab.base.runs import JOB, STEPS
from lab.governance.ledger import Status
from tests.support.aws import deployment, emulator
from tests.support.aws.deployment import ARTIFACTS, NAME, ROLE, RUN, Deployment
from tests.support.lab import LiveLab

pytestmark = [pytest.mark.lab, pytest.mark.timeout(900)]

ACCOUNT = "111111111111"
_LAUNCH = """mutation($p: ExecutionParams!) {
  launchRun(executionParams: $p) {__typename ... on LaunchRunSuccess {run {runId}} ... on PythonError {message}}}"""
_MESSAGES = """query($id: ID!) {logsForRun(runId: $id) {... on EventConnection {events {
  ... on MessageEvent {message}}}}}"""


@pytest.fixture
def on_aws(new_lab: LiveLab, tmp_path: Path) -> Iterator[Deployment]:
    """A lab whose daemon is the one of AWS."""
    tasks = tmp_path / "tasks"
    tasks.mkdir()
    new_lab.invoke("up")
    with emulator.running(ACCOUNT, tmp_path / "emulator.log", tasks) as aws:
        made = deployment.deployed(aws, new_lab, tasks)
        wiring.runtime(new_lab.config).stop([Service.DAGSTER_DAEMON])
        with made.daemon():
            yield made


def launched(lab: LiveLab) -> str:
    selector = {"repositoryLocationName": "pipelines", "repositoryName": "__repository__", "jobName": JOB}
    # Whatever a run's configuration claims.
    config = {"resources": {"governance": {"config": {"role": "risk-officer"}}}}
    answer = lab.graphql(_LAUNCH, p={"selector": selector, "runConfigData": config})["launchRun"]
    assert answer["__typename"] == "LaunchRunSuccess", answer
    return str(answer["run"]["runId"])


def test_a_run_is_a_task_whose_role_is_its_own(on_aws: Deployment) -> None:
    lab = on_aws.lab
    run_id = launched(lab)
    assert lab.finished(run_id, 400) == "SUCCESS", on_aws.said()

    assert_called_as_configured(on_aws, run_id)
    assert_audited(on_aws, run_id)
    version = lab.versions()[0]
    assert (version.tags["role"], version.tags["dagster_run_id"]) == (ROLE, run_id)
    messages = [event["message"] for event in lab.graphql(_MESSAGES, id=run_id)["logsForRun"]["events"] if event]
    assert any(f"role is {ROLE}" in text and "RUN_ROLE (risk-officer) is ignored" in text for text in messages)
    assert [key for key in on_aws.keys(ARTIFACTS, "dagster/logs/") if run_id in key]


def assert_called_as_configured(on_aws: Deployment, run_id: str) -> None:
    (call,) = on_aws.calls()
    network = {"subnets": list(on_aws.subnets), "securityGroups": [on_aws.security_group], "assignPublicIp": "DISABLED"}
    assert (call["cluster"], call["launchType"]) == (NAME, "FARGATE")
    assert call["taskDefinition"].endswith(f":task-definition/{RUN}:1")
    assert call["networkConfiguration"] == {"awsvpcConfiguration": network}
    tags = {tag["key"]: tag["value"] for tag in call["tags"]}
    assert tags == {"dagster/run_id": run_id, "dagster/job_name": JOB, "Lab": NAME}
    (override,) = call["overrides"]["containerOverrides"]
    assert (override["name"], override["command"][:3]) == (f"run-{ROLE}", ["dagster", "api", "execute_run"])
    definition = on_aws.aws.client("ecs").describe_task_definition(taskDefinition=RUN)["taskDefinition"]
    assert definition["taskRoleArn"] == f"arn:aws:iam::{ACCOUNT}:role/{RUN}"


def assert_audited(on_aws: Deployment, run_id: str) -> None:
    entries = on_aws.entries_of(run_id)
    steps = [(entry.action, entry.status) for entry in entries if entry.action in STEPS]
    assert steps == [(step, status) for step in STEPS for status in (Status.STARTED, Status.SUCCESS)]
    assert {entry.role for entry in entries} == {ROLE}
    (caller,) = {entry.details["caller"] for entry in entries}
    assert caller.startswith(f"arn:aws:sts::{ACCOUNT}:assumed-role/{RUN}/")
    verification = on_aws.verified()
    assert (verification.intact, verification.unfinished) == (True, ())
