"""Training as jobs of AWS Batch: the emulator's API, containers of a real engine, and MLflow of a lab in containers."""

import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from docker import DockerClient
from docker.models.containers import Container

from lab.base.catalogue import Service
from lab.base.dataset import dataset_key, hash_file
from lab.base.runs import TRAIN
from lab.governance.ledger import Entry, Status
from lab.runtime.images.image_names import tag
from lab.training import tracking
from tests.support import containers
from tests.support.aws import deployment, emulator, training
from tests.support.aws.deployment import DATA, NAME, RUN, Deployment
from tests.support.aws.jobs import TAKEN_BACK
from tests.support.aws.training import BRIEF, SPOT, OrderedRun
from tests.support.containers import STACK
from tests.support.lab import ROOT, LiveLab
from tests.support.waiting import eventually

pytestmark = [
    pytest.mark.compose,
    pytest.mark.timeout(2400),
    # MLflow warns of its own type hints when it is imported.
    pytest.mark.filterwarnings("ignore::UserWarning:mlflow.*"),
]

SAMPLE = ROOT / "data" / "sample_data.csv"
Order = Callable[..., Any]


@pytest.fixture(scope="module")
def on_batch(stack: LiveLab, engine: DockerClient, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """Runs here train in containers of the image that the stack has."""
    folder = tmp_path_factory.mktemp("aws")
    variables = containers.variables() | {"MOTO_DOCKER_NETWORK_MODE": "host"}
    with emulator.running("111111111111", folder / "emulator.log", variables=variables) as aws:
        made = deployment.deployed(aws, stack, folder)
        training.offered(made, tag("pipelines", STACK))
        try:
            yield made
            assert jobs_of(engine) == []
        finally:
            # A test that failed leaves its job to an emulator that is about to go.
            for job in jobs_of(engine):
                job.remove(force=True)


@pytest.fixture
def order(on_batch: Deployment, tmp_path: Path) -> Order:
    return lambda **variables: training.ordered(on_batch, tmp_path / "run", **variables)


@pytest.fixture
def held(stack: LiveLab, engine: DockerClient) -> Callable[[], Any]:
    """MLflow answers nobody in the block: a job that has begun waits for it."""

    return lambda: containers.paused(containers.of_lab(engine, STACK)[Service.MLFLOW])


def jobs_of(engine: DockerClient) -> list[Container]:
    found = engine.containers.list(all=True, ignore_removed=True)
    return [one for one in found if one.name.startswith(f"{NAME}-train-")]


def begun(run: OrderedRun) -> None:
    """Waits until the job trains: its own words are in the event log."""
    run.says("Training on 1000 rows")
    assert run.process.poll() is None


def ends(on_batch: Deployment, run: OrderedRun) -> list[Entry]:
    """The entries of the step that trains; the last one says how it ended."""
    return [entry for entry in on_batch.entries_of(run.run_id) if entry.action == TRAIN]


def assert_failed(on_batch: Deployment, run: OrderedRun, reason: str) -> None:
    assert run.ended() == "FAILURE"
    started, failed = ends(on_batch, run)
    assert (started.status, failed.status) == (Status.STARTED, Status.FAILURE)
    assert reason in failed.details["reason"]
    assert failed.details["batch_job"]
    assert failed.details["caller"].startswith(f"arn:aws:sts::111111111111:assumed-role/{RUN}/")
    assert mlflow_run(on_batch, failed.details["mlflow_run_id"])["info"]["status"] == "FAILED"
    assert on_batch.verified().intact


def mlflow_run(on_batch: Deployment, run_id: str) -> Any:
    return on_batch.lab.get(Service.MLFLOW, "/api/2.0/mlflow/runs/get", params={"run_id": run_id}).json()["run"]


def test_a_job_trains_and_reports_while_it_runs(
    on_batch: Deployment, order: Order, held: Any, engine: DockerClient, first_run: dict[str, Any]
) -> None:
    with order() as run:
        run.says(" waits in ")
        with held():
            begun(run)
            (job,) = jobs_of(engine)
            assert job.status == "running"
        assert run.ended() == "SUCCESS", "\n".join(run.said()[-20:])

        started, done = ends(on_batch, run)
        assert (started.status, done.status) == (Status.STARTED, Status.SUCCESS)
        logged = mlflow_run(on_batch, done.details["mlflow_run_id"])
        assert logged["info"]["status"] == "FINISHED"
        assert_as_trained_here(on_batch, done, first_run["run"]["run_id"])
        tags = {tag["key"]: tag["value"] for tag in logged["data"]["tags"]}
        assert (tags["dagster_run_id"], tags["owner"]) == (run.run_id, "ann")
        verification = on_batch.verified()
        assert (verification.intact, verification.unfinished) == (True, ())
    eventually(lambda: jobs_of(engine) == [], 60, "the job's container removed")


def assert_as_trained_here(on_batch: Deployment, done: Entry, run_id: str) -> None:
    """The step's entry says what that of a run says which trained by itself, with the digest of what is in MLflow."""
    (here,) = (
        entry.details
        for entry in on_batch.lab.entries()
        if (entry.run_id, entry.action, entry.status) == (run_id, TRAIN, Status.SUCCESS)
    )
    own = {"model_id", "model_digest", "mlflow_run_id"}
    assert {name: value for name, value in done.details.items() if name in here.keys() - own} == {
        name: value for name, value in here.items() if name not in own
    }
    assert set(done.details) - set(here) == {"batch_job", "caller"}
    tracking.connect(on_batch.lab.config.url(Service.MLFLOW))
    assert tracking.stored_digest(f"models:/{done.details['model_id']}") == done.details["model_digest"]


def test_a_job_that_is_killed_is_a_failed_step(
    on_batch: Deployment, order: Order, held: Any, engine: DockerClient
) -> None:
    with order() as run:
        run.says(" waits in ")
        with held():
            begun(run)
            (job,) = jobs_of(engine)
            job.kill()
        assert_failed(on_batch, run, "was killed by signal 9")


def test_a_machine_that_is_taken_back_is_one_attempt_of_two(
    on_batch: Deployment, order: Order, held: Any, engine: DockerClient
) -> None:
    with order(TRAINING_JOB_DEFINITION=SPOT) as run:
        run.says(" waits in ")
        with held():
            begun(run)
            (job,) = jobs_of(engine)
            job.kill()
            run.says("Attempt 1 of job")
        assert run.ended() == "SUCCESS", "\n".join(run.said()[-20:])
        assert [line for line in run.said() if TAKEN_BACK in line]
        # Both attempts said so, and the second one's words weren't lost among the first one's.
        assert len([line for line in run.said() if "Training on 1000 rows" in line]) == 2
        assert [entry.status for entry in ends(on_batch, run)] == [Status.STARTED, Status.SUCCESS]


def test_a_training_that_fails_says_why(on_batch: Deployment, order: Order, held: Any) -> None:
    key, s3 = dataset_key(hash_file(SAMPLE)), on_batch.aws.client("s3")
    with order() as run:
        run.says(" waits in ")
        with held():
            begun(run)
            s3.put_object(Bucket=DATA, Key=key, Body=b"changed")
        try:
            assert_failed(on_batch, run, "was changed: its hash is")
        finally:
            s3.upload_file(str(SAMPLE), DATA, key)


def test_a_job_that_takes_too_long_is_a_failed_step(on_batch: Deployment, order: Order, held: Any) -> None:
    with order(TRAINING_JOB_DEFINITION=BRIEF) as run:
        run.says(" waits in ")
        with held():
            run.says("is FAILED")
        assert_failed(on_batch, run, "took longer than its definition allows")


def test_a_run_that_is_cancelled_ends_its_job(
    on_batch: Deployment, order: Order, held: Any, engine: DockerClient
) -> None:
    with order() as run:
        run.says(" waits in ")
        with held():
            begun(run)
            run.process.send_signal(signal.SIGINT)
            eventually(lambda: jobs_of(engine) == [], 120, "the job's container removed")
        # Nobody asked Dagster: to it, an interrupted process of its command is a failed run.
        assert_failed(on_batch, run, "Interrupted")
