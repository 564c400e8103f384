"""Scoring rows as a user has them."""

from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
import pytest
from mlflow.models import infer_signature

from lab.training.score_version import _served

EXACT = 0.12345678901234567


class _Same(mlflow.pyfunc.PythonModel):
    """Gives back what it is given."""

    def predict(self, context: Any, model_input: pd.DataFrame, params: Any = None) -> list[float]:  # noqa: ARG002
        return [float(value) for value in model_input["x"]]


@pytest.mark.filterwarnings("ignore")
def test_json_keeps_every_digit(tmp_path: Path) -> None:
    """A tree may stand between a number and the same with less of them."""
    rows = pd.DataFrame({"x": [EXACT, 1e-17, 3.0]})
    mlflow.pyfunc.save_model(tmp_path / "model", python_model=_Same(), signature=infer_signature(rows))
    assert _served(mlflow.pyfunc.load_model(str(tmp_path / "model")), rows) == [EXACT, 1e-17, 3.0]
