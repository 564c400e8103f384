"""A model's folder tried on data by the code of its steps: checked, loaded, fitted, evaluated; nothing is logged."""

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from lab.base.errors import DatasetInvalid
from lab.models.metrics import METRICS, Task
from lab.models.model_folder import Model
from lab.models.snapshot import as_csv, is_parquet
from lab.training.dataset_checks import check_file
from lab.training.fitting import Trained
from lab.training.own_environment import trained
from lab.training.predictions import Predictions, scores

_MOST = 2 << 30


def tried(model: Model, data: Path) -> Trained:
    """Fits on the data set, CSV or Parquet. Raises DatasetInvalid for data that breaks the contract, and RunFailed."""
    with TemporaryDirectory() as folder:
        path = data
        if is_parquet(data):
            path = Path(folder) / "data.csv"
            as_csv(data, path, _MOST, lambda _: None)
        found = check_file(path, model.contract)
        if not found.valid:
            raise DatasetInvalid(f"{data} breaks its contract: {'; '.join(map(str, found.violations))}.")
        with trained(model, path, lambda _: None) as fitted:
            return fitted


def better_than_guessing(model: Model, data: Path) -> tuple[bool, float]:
    """Whether the model beats a constant answer by its decisive metric, and what that answer reaches. Raises as above.

    A class is guessed at the shares of the held-out rows, a number as their mean.
    """
    evaluation, contract = tried(model, data).evaluation, model.contract
    name = contract.decisive
    guess = scores(_guess(evaluation.predictions), [name])[name]
    ours = evaluation.metrics[name]
    return (ours > guess if METRICS[contract.task][name].more_is_better else ours < guess), guess


def _guess(found: Predictions) -> Predictions:
    import numpy as np

    rows = len(found.truth)
    if found.task is Task.REGRESSION:
        return replace(found, guess=np.full(rows, found.truth.mean()))
    shares = np.bincount(found.truth, minlength=len(found.labels)) / rows
    return replace(found, guess=np.full(rows, int(np.argmax(shares))), chances=np.tile(shares, (rows, 1)))
