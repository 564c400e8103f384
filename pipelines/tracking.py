"""MLflow as the steps use it; its errors become the lab's here."""

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from lab.core.dataset import NUMERIC
from lab.core.errors import NotFound, ServiceUnavailable
from lab.core.model_files import files_digest
from lab.core.models import EXPERIMENT, deleted_experiment
from pipelines.model import Trained, parameters
from pipelines.plots import confusion_picture, roc_picture

if TYPE_CHECKING:
    from mlflow.models import ModelSignature
    from mlflow.tracking import MlflowClient

# Given, because MLflow would otherwise load the model in a new process to find out, which takes ten seconds.
_REQUIREMENTS = ("mlflow", "scikit-learn", "skops", "pandas", "numpy")
_SETTINGS = {
    # Two attempts of 20 seconds each: MLflow's own defaults wait for minutes when the server is down.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    "MLFLOW_ARTIFACT_UPLOAD_DOWNLOAD_TIMEOUT": "20",
    # Or the model's artifacts would depend on the folder that the process was started in.
    "MLFLOW_UV_AUTO_DETECT": "false",
}


@contextmanager
def translated() -> Iterator[None]:
    """Turns MLflow's errors into ServiceUnavailable."""
    from mlflow.exceptions import MlflowException

    try:
        yield
    except MlflowException as err:
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


@contextmanager
def training_run(tracking_uri: str, name: str, tags: Mapping[str, str], url: str = "") -> Iterator[str]:
    """An MLflow run around the body, which gets its id; it ends as FAILED when the body raises.

    `url` is MLflow's address for a person. Raises ServiceUnavailable, and NotFound when the experiment is deleted.
    """
    client = connect(tracking_uri)
    import mlflow

    with translated():
        # Not `mlflow.start_run` alone: it would look for a git repository and tag the run with what it finds.
        _refuse_deleted(client, url or tracking_uri)
        run = client.create_run(mlflow.set_experiment(EXPERIMENT).experiment_id, tags=dict(tags), run_name=name)
        with mlflow.start_run(run_id=run.info.run_id):
            yield str(run.info.run_id)


def _refuse_deleted(client: "MlflowClient", url: str) -> None:
    """MLflow keeps a deleted experiment's name, so that no other can have it. Raises NotFound."""
    found = client.get_experiment_by_name(EXPERIMENT)
    if found and found.lifecycle_stage == "deleted":
        raise NotFound(*deleted_experiment(url, found.experiment_id))


def log_data(run_id: str, data_hash: str, source: str, rows: int) -> None:
    """Names the data set as the run's input."""
    import json

    import mlflow
    from mlflow.entities import Dataset, DatasetInput, InputTag

    # MLflow's digest holds 36 characters at most; the whole hash is a tag.
    named = Dataset("credit-applications", data_hash[:36], "s3", source, profile=json.dumps({"num_rows": rows}))
    use = [InputTag("mlflow.data.context", "training"), InputTag("data_hash", data_hash)]
    mlflow.MlflowClient().log_inputs(run_id, [DatasetInput(named, use)])


@dataclass(frozen=True)
class LoggedModel:
    """A model as it lies in MLflow; `digest` is that of its files there (see `lab.core.model_files`)."""

    model_id: str
    uri: str
    digest: str


def log_training(trained: Trained) -> LoggedModel:
    """Logs parameters, metrics, pictures and the model."""
    import mlflow
    import mlflow.sklearn

    mlflow.log_params(parameters() | {"train_rows": trained.train_rows, "test_rows": trained.test_rows})
    mlflow.log_figure(roc_picture(trained.evaluation), "plots/roc.png")
    mlflow.log_figure(confusion_picture(trained.evaluation), "plots/confusion_matrix.png")
    info = mlflow.sklearn.log_model(
        trained.model,
        name="model",
        signature=signature(trained),
        input_example=trained.example,
        pip_requirements=[f"{package}=={version(package)}" for package in _REQUIREMENTS],
        # skops loads no arbitrary code, which a pickle does.
        serialization_format="skops",
    )
    mlflow.log_metrics(trained.evaluation.metrics.as_dict(), model_id=info.model_id)
    return LoggedModel(str(info.model_id), str(info.model_uri), stored_digest(str(info.model_uri)))


def signature(trained: Trained) -> "ModelSignature":
    """The columns that the model takes, labels as text and numbers of any type.

    MLflow refuses integers for `double` and fractions for `long`, and a CSV of the same data has now the one, now the
    other. The model itself refuses what is no number.
    """
    from mlflow.models import ModelSignature, infer_signature
    from mlflow.types.schema import AnyType, ColSpec, DataType, Schema, TensorSpec

    number = AnyType()  # type: ignore[no-untyped-call]  # MLflow leaves it unannotated
    columns: list[ColSpec | TensorSpec] = [
        ColSpec(number if name in NUMERIC else DataType.string, name) for name in trained.example.columns
    ]
    outputs = infer_signature(trained.example, trained.model.predict(trained.example)).outputs
    return ModelSignature(Schema(columns), outputs)


def stored_digest(model_uri: str) -> str:
    """The digest of a model's files as MLflow gives them out."""
    from mlflow.artifacts import download_artifacts

    with tempfile.TemporaryDirectory() as folder:
        return files_digest(Path(download_artifacts(artifact_uri=model_uri, dst_path=folder)))
