"""A model's folder tried on data by the code of its steps: checked, loaded, fitted, evaluated; nothing is logged."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from lab.base.errors import DatasetInvalid
from lab.dagster_host.source_snapshot import ROOT
from lab.models.dataset_csv import as_csv, is_parquet
from lab.models.environment_making import FOLDER, VARIABLE
from lab.models.metrics import METRICS, Task
from lab.models.model_folder import Model
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
            broken = "; ".join(map(str, found.violations))
            raise DatasetInvalid(f"{data} breaks its contract: {broken}.", "Mend the data, or what model.yaml says.")
        with _somewhere_to_install(), trained(model, path, lambda _: None) as fitted:
            return fitted


def better_than_guessing(model: Model, data: Path) -> tuple[bool, float]:
    """Whether the model beats a constant answer by its decisive metric, and what that answer reaches. Raises as above.

    A class is guessed at the shares of the held-out rows, a number as their mean.
    """
    return beats_a_guess(tried(model, data), model)


def beats_a_guess(trained: Trained, model: Model) -> tuple[bool, float]:
    """As `better_than_guessing`, of a model that was tried."""
    evaluation, contract = trained.evaluation, model.contract
    name = contract.decisive
    guess = scores(_guess(evaluation.predictions), [name])[name]
    ours = evaluation.metrics[name]
    return (ours > guess if METRICS[contract.task][name].more_is_better else ours < guess), guess


@contextmanager
def _somewhere_to_install() -> Iterator[None]:
    """A model's own packages lie in the lab's home during a run; for a try without a lab, beside the lab's uv."""
    home = Path(os.environ.get("LAB_HOME") or ROOT / ".lab")
    place = home / FOLDER if (home / "lab.json").exists() else ROOT / ".uv" / FOLDER
    before = os.environ.get(VARIABLE)
    os.environ[VARIABLE] = before or str(place)
    try:
        yield
    finally:
        if before is None:
            del os.environ[VARIABLE]


def _guess(found: Predictions) -> Predictions:
    import numpy as np

    rows = len(found.truth)
    if found.task is Task.REGRESSION:
        return replace(found, guess=np.full(rows, found.truth.mean()))
    shares = np.bincount(found.truth, minlength=len(found.labels)) / rows
    return replace(found, guess=np.full(rows, int(np.argmax(shares))), chances=np.tile(shares, (rows, 1)))
