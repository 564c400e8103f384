"""Scoring rows as a user has them."""

from pathlib import Path

import mlflow
import pandas as pd
import pytest
from mlflow.models import infer_signature

from lab.base.mlflow_private import SCORING_APPLICATION
from lab.training.apart.score_here import served

EXACT = 0.12345678901234567


@pytest.mark.filterwarnings("ignore")
def test_json_keeps_every_digit(tmp_path: Path) -> None:
    """A tree may stand between a number and the same with less of them."""

    class Same(mlflow.pyfunc.PythonModel):
        def predict(self, context, model_input, params=None):  # type: ignore[no-untyped-def]
            return [float(value) for value in model_input["x"]]

    rows = pd.DataFrame({"x": [EXACT, 1e-17, 3.0]})
    mlflow.pyfunc.save_model(tmp_path / "model", python_model=Same(), signature=infer_signature(rows))
    model = mlflow.pyfunc.load_model(str(tmp_path / "model"))
    assert served(model, rows, SCORING_APPLICATION) == [EXACT, 1e-17, 3.0]
