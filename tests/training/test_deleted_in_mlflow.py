"""What is gone in MLflow ends a run with the way back."""

from pathlib import Path

import mlflow
import pytest

from lab.base.errors import NotFound
from lab.training.tracking import training_run
from tests.support.contracts import EXPERIMENT

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:mlflow.*")


def test_a_deleted_experiment_is_named_with_the_call_that_restores_it(tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    client = mlflow.MlflowClient(uri, uri)
    number = client.create_experiment(EXPERIMENT, artifact_location=str(tmp_path))
    client.delete_experiment(number)
    before = mlflow.get_tracking_uri(), mlflow.get_registry_uri()
    try:
        with (
            pytest.raises(NotFound, match="credit-risk is deleted") as caught,
            training_run(uri, EXPERIMENT, "x", {}, "http://m"),
        ):
            pass
        assert "curl -X POST http://m/api/2.0/mlflow/experiments/restore" in caught.value.remedy
        assert f'{{"experiment_id": "{number}"}}' in caught.value.remedy
        client.restore_experiment(number)
        with training_run(uri, EXPERIMENT, "x", {}) as run_id:
            assert run_id
    finally:
        mlflow.set_tracking_uri(before[0])
        mlflow.set_registry_uri(before[1])
