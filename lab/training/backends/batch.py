"""Training as a job of AWS Batch, through Dagster Pipes: dagster-aws has clients for others, and none for it.

The job finds its order in its environment, and reports on S3: its log while it runs, its result at the end. Batch
itself tries again when a machine is taken back, and ends what takes too long; the job definition says when.
"""

import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

import dagster as dg
from dagster_aws.pipes import PipesS3MessageReader
from dagster_pipes import PipesParams

from lab.base.errors import LabError, ServiceUnavailable
from lab.services.s3 import S3
from lab.training.backends.batch_settings import PREFIX, BatchSettings, Order, Result, Work
from lab.training.backends.job_state import JobState, Phase, why_failed

_POLL_S, _READ_S = 3.0, 2.0
# Seconds for which Batch may not answer while a job runs: that goes on meanwhile.
_BLIND_S = 300.0
_LOGS = "Look at its log in CloudWatch: {}."


class Jobs(Protocol):
    """What is needed of boto3's client for Batch; methods raise ClientError and BotoCoreError."""

    def submit_job(self, **request: Any) -> Mapping[str, Any]: ...
    def describe_jobs(self, *, jobs: Sequence[str]) -> Mapping[str, Any]: ...
    def terminate_job(self, *, jobId: str, reason: str) -> object: ...  # noqa: N803 - boto3's name


class Reader(PipesS3MessageReader):
    """Reads what a job reports below one prefix of a bucket."""

    def __init__(self, bucket: str, prefix: str, client: Any) -> None:
        super().__init__(interval=_READ_S, bucket=bucket, client=client)
        self._prefix = prefix

    @contextmanager
    def get_params(self) -> Iterator[PipesParams]:
        with super().get_params() as params:
            yield {**params, "key_prefix": self._prefix}


def carried_out(
    context: dg.AssetExecutionContext, work: Work, order: Order, settings: BatchSettings, note: Callable[..., None]
) -> Result:
    """As `lab.training.backends.carried_out`, as a job. Interrupted, it ends the job, too."""
    import boto3

    jobs: Jobs = boto3.client("batch")
    run_id = context.run.run_id
    # A step that is executed again in the same run must not read what an earlier job reported.
    reader = Reader(settings.bucket, f"{PREFIX}/{run_id}/{secrets.token_hex(8)}", S3.from_environment(30.0).client)
    call = {"work": f"{work.__module__}:{work.__qualname__}", "order": dict(order)}
    with dg.open_pipes_session(
        context=context, context_injector=dg.PipesEnvContextInjector(), message_reader=reader, extras=call
    ) as session:
        tags = {"Lab": settings.lab, **session.default_remote_invocation_info}
        job_id = submitted(jobs, settings, run_id, session.get_bootstrap_env_vars(), tags)
        note(batch_job=job_id)
        context.log.info(f"Job {job_id} waits in {settings.queue}.")
        with ended_with_step(jobs, job_id, context.log.warning):
            state = followed(jobs, job_id, settings, context.log.info)
    return result_of(state, session.message_handler.get_custom_messages(), settings.timeout_s)


def submitted(
    jobs: Jobs, settings: BatchSettings, run_id: str, variables: Mapping[str, str], tags: Mapping[str, str]
) -> str:
    """Submits the job and returns its id. Raises ServiceUnavailable."""
    limited = {"timeout": {"attemptDurationSeconds": settings.timeout_s}} if settings.timeout_s else {}
    with _translated():
        answer = jobs.submit_job(
            jobName=f"{settings.lab}-train-{run_id[:8]}",
            jobQueue=settings.queue,
            jobDefinition=settings.definition,
            containerOverrides={"environment": [{"name": name, "value": value} for name, value in variables.items()]},
            # By `Lab`, a run's role may end this lab's jobs and no other's.
            tags=dict(tags),
            **limited,
        )
    return str(answer["jobId"])


@contextmanager
def ended_with_step(jobs: Jobs, job_id: str, warn: Callable[[str], object]) -> Iterator[None]:
    """Ends the job when the body is interrupted or fails: nobody waits for it any more."""
    try:
        yield
    except BaseException as err:
        try:
            with _translated():
                jobs.terminate_job(jobId=job_id, reason=f"its step ended: {type(err).__name__}")
        except LabError as failed:
            warn(f"Job {job_id} couldn't be ended, and may go on: {failed}")
        raise


def followed(
    jobs: Jobs,
    job_id: str,
    settings: BatchSettings,
    say: Callable[[str], object],
    clock: Callable[[], float] = time.monotonic,
    pause: Callable[[float], None] = time.sleep,
) -> JobState:
    """Waits for the job's end and says what becomes of it meanwhile.

    Raises LabError when it doesn't begin in time, and ServiceUnavailable when Batch doesn't answer for too long.
    """
    status, attempts, seen, waiting = "", 0, clock(), clock()
    while True:
        try:
            with _translated():
                state = _described(jobs, job_id)
            seen = clock()
        except ServiceUnavailable:
            if clock() - seen > _BLIND_S:
                raise
            pause(_POLL_S)
            continue
        for number, why in enumerate(state.attempts[attempts:], attempts + 1):
            say(f"Attempt {number} of job {job_id} ended: {why}.")
        if state.status != status:
            say(f"Job {job_id} is {state.status}.")
        if state.phase in {Phase.SUCCEEDED, Phase.FAILED}:
            return state
        if state.phase is not Phase.WAITING or len(state.attempts) > attempts:
            waiting = clock()
        status, attempts = state.status, len(state.attempts)
        if clock() - waiting > settings.start_s:
            raise LabError(
                f"The training job {job_id} didn't begin within {settings.start_s} s ({state.reason or status}).",
                f"Look at the queue {settings.queue} and its compute environments.",
            )
        pause(_POLL_S)


def result_of(state: JobState, messages: Sequence[Any], timeout_s: int = 0) -> Result:
    """What the job reported last. Raises LabError: with its own words when it had any, else with Batch's."""
    said: dict[str, Any] = {}
    for message in messages:
        if isinstance(message, Mapping):
            # Of several attempts the last one counts.
            said = dict(message)
    if state.phase is Phase.SUCCEEDED and isinstance(said.get("result"), Mapping):
        return dict(said["result"])
    if isinstance(failed := said.get("failed"), Mapping):
        raise LabError(str(failed.get("message")), str(failed.get("remedy", "")))
    why = why_failed(state, timeout_s) if state.phase is Phase.FAILED else "ended well, and its result is missing"
    raise LabError(f"The training job {why}.", _LOGS.format(state.log_stream or "it has none yet"))


def _described(jobs: Jobs, job_id: str) -> JobState:
    found = jobs.describe_jobs(jobs=[job_id])["jobs"]
    if not found:
        raise ServiceUnavailable(f"AWS Batch doesn't know the job {job_id}.", "Train again.")
    return JobState.read(found[0])


@contextmanager
def _translated() -> Iterator[None]:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except (BotoCoreError, ClientError) as err:
        raise ServiceUnavailable(f"AWS Batch failed: {err}.", "Look at the run's role and at the job queue.") from None
