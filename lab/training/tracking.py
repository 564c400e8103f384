"""MLflow as the steps use it; its errors become the lab's here."""

import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from lab.base.errors import NotFound, ServiceUnavailable
from lab.base.model_versions import deleted_experiment, files_digest
from lab.models.evaluation_file import FILE
from lab.training.evaluating import evaluation_file
from lab.training.fitting import Trained, single_threaded
from lab.training.model_logging import log_model, log_saved
from lab.training.own_environment import Saved
from lab.training.plots import pictures
from lab.training.predictions import answer
from lab.training.schema import input_schema

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.models import ModelSignature
    from mlflow.tracking import MlflowClient

T = TypeVar("T")
CREATE_DEADLINE_S = 90.0
_PAUSE_S = 2.0
# What MlflowException says when the server is away, or its database.
_TRANSIENT = {"INTERNAL_ERROR", "TEMPORARILY_UNAVAILABLE"}
_RETRIES = "MLFLOW_HTTP_REQUEST_MAX_RETRIES"
_SETTINGS = {
    # After 0, 4, 8, 16 and 32 seconds: a server that is restarted is there again by then, also on a busy machine.
    # MLflow's own defaults wait for longer when it is down for good.
    _RETRIES: "5",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    "MLFLOW_ARTIFACT_UPLOAD_DOWNLOAD_TIMEOUT": "20",
    # Files come through MLflow's server. Without this it names the object store by an address for its own network only.
    "MLFLOW_ENABLE_PROXY_MULTIPART_DOWNLOAD": "false",
    "MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD": "false",
    # Or the model's artifacts would depend on the folder that the process was started in.
    "MLFLOW_UV_AUTO_DETECT": "false",
}


@contextmanager
def translated() -> Iterator[None]:
    """Turns MLflow's errors into ServiceUnavailable, and those of the requests that carry its files."""
    from mlflow.exceptions import MlflowException
    from requests import RequestException

    try:
        yield
    except (MlflowException, RequestException) as err:
        what = str(err).splitlines()[0][:500]
        raise ServiceUnavailable(f"MLflow failed: {what}", "Type `invoke status`, then `invoke logs mlflow`.") from None


def connect(tracking_uri: str) -> "MlflowClient":
    """A client for runs and registry, also for MLflow's module-level functions; makes no request."""
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)
    import mlflow

    mlflow.set_tracking_uri(tracking_uri)
    mlflow.set_registry_uri(tracking_uri)
    return mlflow.MlflowClient(tracking_uri, tracking_uri)


def created(
    make: Callable[[], T],
    look: Callable[[], T | None],
    deadline_s: float = CREATE_DEADLINE_S,
    clock: Callable[[], float] = time.monotonic,
    pause: Callable[[float], None] = time.sleep,
) -> T:
    """What `make` creates, exactly once, also when MLflow is away for a while; `look` finds what is there already.

    An answer may get lost when the thing was made, so that nothing is asked for again before it was looked for; and
    never when the server took its time, because it may still do what it was asked. Raises MlflowException.
    """
    from mlflow.exceptions import MlflowException

    end = clock() + deadline_s
    while True:
        try:
            with _asked_once():
                return make()
        except MlflowException as err:
            failure = err
        if failure.error_code not in _TRANSIENT:
            raise failure
        if (found := look()) is not None:
            return found
        if "timed out" in str(failure) or "timeout" in str(failure) or clock() > end:
            raise failure
        pause(_PAUSE_S)


@contextmanager
def _asked_once() -> Iterator[None]:
    """MLflow's client repeats a request whose answer it didn't get, whatever the request makes; not in this block."""
    before = os.environ.get(_RETRIES)
    os.environ[_RETRIES] = "0"
    try:
        yield
    finally:
        if before is None:
            del os.environ[_RETRIES]
        else:
            os.environ[_RETRIES] = before


def _run_of(client: "MlflowClient", experiment: str, tags: Mapping[str, str]) -> "Run | None":
    """The run that the first request made, whose answer was lost: a step makes one only."""
    found = client.search_runs([experiment], f"tags.dagster_run_id = '{tags['dagster_run_id']}'", max_results=1)
    return found[0] if found else None


@contextmanager
def training_run(
    tracking_uri: str, experiment: str, name: str, tags: Mapping[str, str], url: str = ""
) -> Iterator[str]:
    """An MLflow run in an experiment around the body, which gets its id; it ends as FAILED when the body raises.

    `url` is MLflow's address for a person. Raises ServiceUnavailable, and NotFound when the experiment is deleted.
    """
    client = connect(tracking_uri)
    import mlflow

    with translated():
        # Not `mlflow.start_run` alone: it would look for a git repository and tag the run with what it finds.
        _refuse_deleted(client, experiment, url or tracking_uri)
        experiment_id = mlflow.set_experiment(experiment).experiment_id
        run = created(
            lambda: client.create_run(experiment_id, tags=dict(tags), run_name=name),
            lambda: _run_of(client, experiment_id, tags),
        )
        with mlflow.start_run(run_id=run.info.run_id):
            yield str(run.info.run_id)


@contextmanager
def continued(tracking_uri: str, run_id: str) -> Iterator[None]:
    """The body logs into a run that `training_run` has begun, here or in another process. Raises ServiceUnavailable."""
    connect(tracking_uri)
    import mlflow

    with translated():
        if (active := mlflow.active_run()) and active.info.run_id == run_id:
            yield
        else:
            with mlflow.start_run(run_id=run_id):
                yield


def _refuse_deleted(client: "MlflowClient", experiment: str, url: str) -> None:
    """MLflow keeps a deleted experiment's name, so that no other can have it. Raises NotFound."""
    found = client.get_experiment_by_name(experiment)
    if found and found.lifecycle_stage == "deleted":
        raise NotFound(*deleted_experiment(url, experiment, found.experiment_id))


def log_data(run_id: str, name: str, data_hash: str, source: str, rows: int) -> None:
    """Names the data set as the run's input; `name` is what pages call it."""
    import json

    import mlflow
    from mlflow.entities import Dataset, DatasetInput, InputTag

    # MLflow's digest holds 36 characters at most; the whole hash is a tag.
    named = Dataset(name, data_hash[:36], "s3", source, profile=json.dumps({"num_rows": rows}))
    use = [InputTag("mlflow.data.context", "training"), InputTag("data_hash", data_hash)]
    mlflow.MlflowClient().log_inputs(run_id, [DatasetInput(named, use)])


@dataclass(frozen=True)
class LoggedModel:
    """A model as it lies in MLflow; `digest` is that of its files there (see `lab.base.model_versions`)."""

    model_id: str
    uri: str
    digest: str


def log_training(trained: Trained) -> LoggedModel:
    """Logs parameters, metrics, pictures, what they are drawn from, what groups show, and the model."""
    import mlflow

    rows = {"train_rows": trained.train_rows, "test_rows": trained.test_rows}
    mlflow.log_params({**trained.parameters, **rows})
    for name, figure in pictures(trained.evaluation):
        mlflow.log_figure(figure, f"plots/{name}")
    mlflow.log_dict(evaluation_file(trained.evaluation.predictions).document(), FILE)
    if groups := trained.evaluation.groups.columns:
        found = [{**asdict(one), "difference": one.difference, "says": one.says} for one in groups]
        mlflow.log_dict({"groups": found, "caution": trained.caution}, "fairness.json")
    saved = trained.model
    # MLflow lets the model predict the example.
    with single_threaded(len(trained.example)):
        info = log_saved(saved) if isinstance(saved, Saved) else log_model(trained, signature(trained))
    mlflow.log_metrics({**trained.evaluation.metrics, **trained.evaluation.extras}, model_id=info.model_id)
    return LoggedModel(str(info.model_id), str(info.model_uri), stored_digest(str(info.model_uri)))


def signature(trained: Trained) -> "ModelSignature":
    """The columns that the model takes and what it answers."""
    from mlflow.models import ModelSignature, infer_signature

    outputs = infer_signature(trained.example, answer(trained.model, trained.example)).outputs
    return ModelSignature(input_schema(list(trained.example.columns), trained.numeric, trained.nullable), outputs)


def stored_digest(model_uri: str) -> str:
    """The digest of a model's files as MLflow gives them out."""
    from mlflow.artifacts import download_artifacts

    with tempfile.TemporaryDirectory() as folder:
        return files_digest(Path(download_artifacts(artifact_uri=model_uri, dst_path=folder)))
