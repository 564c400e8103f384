"""Where training runs, how a job's end is judged, and what is done while one runs."""

from collections.abc import Mapping, Sequence
from io import StringIO
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from lab.base.errors import LabError, ServiceUnavailable, SettingsError
from lab.training.backends.batch import ended_with_step, followed, result_of, submitted
from lab.training.backends.batch_job import Channel, work_named
from lab.training.backends.batch_settings import BatchSettings, read_settings
from lab.training.backends.job_state import JobState, Phase, why_failed

SETTINGS = BatchSettings("queue", "definition", "bucket", "mlops-dev", start_s=60)
TOLD = {
    "TRAINING_BACKEND": "batch",
    "TRAINING_QUEUE": "queue",
    "TRAINING_JOB_DEFINITION": "definition",
    "ARTIFACT_BUCKET": "bucket",
    "LAB_NAME": "mlops-dev",
}
SPOT = "Host EC2 (instance i-0abc) terminated."


class PlayedJobs:
    """Batch that describes a job as it is told, one answer after the other; the last one for ever."""

    def __init__(self, *answers: Mapping[str, Any] | Exception) -> None:
        self.answers, self.asked = list(answers), [Mapping[str, Any]]
        self.submitted: dict[str, Any] = {}
        self.terminated: list[tuple[str, str]] = []

    def submit_job(self, **request: Any) -> Mapping[str, Any]:
        self.submitted = request
        return {"jobId": "job-1"}

    def describe_jobs(self, *, jobs: Sequence[str]) -> Mapping[str, Any]:
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return {"jobs": [answer]}

    def terminate_job(self, *, jobId: str, reason: str) -> None:  # noqa: N803
        self.terminated.append((jobId, reason))


class Clock:
    """Time that goes on by being waited for."""

    now = 0.0

    def __call__(self) -> float:
        return self.now

    def pause(self, seconds: float) -> None:
        self.now += seconds


def job(status: str, **more: Any) -> dict[str, Any]:
    return {"status": status, **more}


def follow(*answers: Mapping[str, Any] | Exception) -> tuple[JobState, list[str]]:
    said: list[str] = []
    clock = Clock()
    state = followed(PlayedJobs(*answers), "job-1", SETTINGS, said.append, clock, clock.pause)
    return state, said


def test_runs_train_themselves_unless_they_are_told_otherwise() -> None:
    assert read_settings({}) is read_settings({"TRAINING_BACKEND": "local"}) is None


def test_a_queue_and_a_definition_are_where_jobs_go() -> None:
    assert read_settings(TOLD) == BatchSettings("queue", "definition", "bucket", "mlops-dev")


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"TRAINING_BACKEND": "sagemaker"}, "'sagemaker' is unknown"),
        ({"TRAINING_QUEUE": ""}, "TRAINING_QUEUE isn't set"),
        ({"TRAINING_TIMEOUT_SECONDS": "59"}, "'59' is no number of seconds"),
        ({"TRAINING_START_SECONDS": "soon"}, "'soon' is no number of seconds"),
    ],
)
def test_what_cannot_be_used_is_refused_by_name(change: dict[str, str], problem: str) -> None:
    with pytest.raises(SettingsError, match=problem):
        read_settings(TOLD | change)


@pytest.mark.parametrize(
    ("described", "why"),
    [
        (job("FAILED", statusReason="Job attempt duration exceeded timeout"), "took longer than 90 s"),
        (
            job("FAILED", statusReason=SPOT, attempts=[{"stoppedAt": 1}, {"stoppedAt": 2}, {"stoppedAt": 3}]),
            f"lost its machine 3 times: {SPOT}",
        ),
        (
            job("FAILED", container={"exitCode": 137, "reason": "OutOfMemoryError: Container killed"}),
            "needed more memory than its definition gives it (OutOfMemoryError: Container killed)",
        ),
        (job("FAILED", container={"exitCode": 137}), "was killed by signal 9"),
        (
            job("FAILED", statusReason="Essential container in task exited", container={"exitCode": 3}),
            "ended with exit status 3: Essential container in task exited",
        ),
        (
            job("FAILED", statusReason="Task failed to start", container={"reason": "CannotPullContainerError: no"}),
            "failed: Task failed to start; CannotPullContainerError: no",
        ),
        (job("FAILED"), "failed: Batch gives no reason"),
    ],
)
def test_a_failed_job_is_given_its_reason(described: Mapping[str, Any], why: str) -> None:
    state = JobState.read(described)
    assert (state.phase, why_failed(state, 90)) == (Phase.FAILED, why)


def test_a_result_is_what_was_reported_last() -> None:
    state = JobState.read(job("SUCCEEDED"))
    assert result_of(state, [{"failed": {"message": "spot"}}, {"result": {"model_id": "m"}}]) == {"model_id": "m"}


def test_what_the_training_said_of_its_failure_comes_before_what_batch_says() -> None:
    state = JobState.read(job("FAILED", container={"exitCode": 1}))
    with pytest.raises(LabError, match="The data set was changed") as caught:
        result_of(state, [{"failed": {"message": "The data set was changed.", "remedy": "Ingest it again."}}])
    assert caught.value.remedy == "Ingest it again."


def test_a_job_that_was_killed_says_so_and_where_its_log_is() -> None:
    state = JobState.read(job("FAILED", container={"exitCode": 137, "logStreamName": "train/default/1"}))
    with pytest.raises(LabError, match="was killed by signal 9") as caught:
        result_of(state, [])
    assert "train/default/1" in caught.value.remedy


def test_a_job_that_ends_well_without_a_result_has_failed() -> None:
    with pytest.raises(LabError, match="its result is missing"):
        result_of(JobState.read(job("SUCCEEDED")), ["noise"])


def test_every_state_and_every_attempt_is_said_once() -> None:
    spot = {"stoppedAt": 1, "statusReason": SPOT}
    state, said = follow(
        job("RUNNABLE"), job("RUNNING"), job("RUNNING"), job("RUNNABLE", attempts=[spot]),
        job("RUNNING", attempts=[spot, {}]), job("SUCCEEDED", attempts=[spot, {"stoppedAt": 2}]),
    )  # fmt: skip
    assert state.phase is Phase.SUCCEEDED
    assert said == [
        "Job job-1 is RUNNABLE.",
        "Job job-1 is RUNNING.",
        f"Attempt 1 of job job-1 ended: {SPOT}",
        "Job job-1 is RUNNABLE.",
        "Job job-1 is RUNNING.",
        "Attempt 2 of job job-1 ended: no reason given.",
        "Job job-1 is SUCCEEDED.",
    ]


def test_a_job_that_never_begins_is_given_up() -> None:
    with pytest.raises(LabError, match=r"didn't begin within 60 s \(no capacity\)"):
        follow(job("RUNNABLE", statusReason="no capacity"))


def test_batch_may_be_away_for_a_while() -> None:
    away = EndpointConnectionError(endpoint_url="https://batch")
    assert follow(job("RUNNING"), away, away, job("SUCCEEDED"))[0].phase is Phase.SUCCEEDED


def test_batch_that_stays_away_is_a_failure() -> None:
    with pytest.raises(ServiceUnavailable, match="AWS Batch failed"):
        follow(EndpointConnectionError(endpoint_url="https://batch"))


def test_a_job_is_tagged_as_the_labs_and_limited() -> None:
    jobs = PlayedJobs()
    settings = BatchSettings("queue", "definition", "bucket", "mlops-dev", timeout_s=90)
    assert submitted(jobs, settings, "0123456789", {"A": "b"}, {"Lab": "mlops-dev"}) == "job-1"
    assert (jobs.submitted["jobName"], jobs.submitted["tags"]) == ("mlops-dev-train-01234567", {"Lab": "mlops-dev"})
    assert jobs.submitted["timeout"] == {"attemptDurationSeconds": 90}
    assert jobs.submitted["containerOverrides"] == {"environment": [{"name": "A", "value": "b"}]}


def test_a_step_that_is_interrupted_ends_its_job() -> None:
    jobs = PlayedJobs()
    with pytest.raises(KeyboardInterrupt), ended_with_step(jobs, "job-1", pytest.fail):
        raise KeyboardInterrupt
    assert jobs.terminated == [("job-1", "its step ended: KeyboardInterrupt")]


def test_a_job_that_cannot_be_ended_is_named() -> None:
    class Deaf(PlayedJobs):
        def terminate_job(self, **_: Any) -> None:
            raise EndpointConnectionError(endpoint_url="https://batch")

    warned: list[str] = []
    with pytest.raises(KeyboardInterrupt), ended_with_step(Deaf(), "job-1", warned.append):
        raise KeyboardInterrupt
    assert "job-1 couldn't be ended" in warned[0]


def test_a_second_attempt_reports_where_the_first_one_stopped() -> None:
    class Bucket:
        keys: list[str] = []  # noqa: RUF012 - one for the test

        def get_paginator(self, _: str) -> "Bucket":
            return self

        def paginate(self, **_: str) -> list[dict[str, int]]:
            return [{"KeyCount": len(self.keys)}]

        def put_object(self, *, Key: str, **_: Any) -> None:  # noqa: N803
            self.keys.append(Key)

    bucket = Bucket()
    for _ in range(2):
        channel = Channel(bucket, "bucket", "prefix")
        for index in (1, 2):
            channel.upload_messages_chunk(StringIO("{}"), index)
    assert bucket.keys == [f"prefix/{number}.json" for number in (1, 2, 3, 4)]


def test_a_job_finds_the_function_that_a_run_names() -> None:
    from lab.training.steps.train_step import fit

    assert work_named(f"{fit.__module__}:{fit.__qualname__}") is fit
