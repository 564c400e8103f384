"""The contract covers the data, the model beats a guess, its figures stay: `pytest pipelines/diabetes_progression`.

The model has packages of its own, which the first call installs.
"""

from pathlib import Path

import pytest

from lab.models.model_folder import Model, read_contract
from lab.training.fitting import Trained
from lab.training.trying import beats_a_guess, tried

HERE = Path(__file__).resolve().parent
MODEL = Model(HERE, read_contract(HERE / "model.yaml"))
DATA = HERE.parents[1] / MODEL.contract.data


@pytest.fixture(scope="module")
def trained() -> Trained:
    return tried(MODEL, DATA)


def test_the_contract_covers_every_column_of_the_data() -> None:
    assert DATA.read_text().partition("\n")[0].split(",") == list(MODEL.contract.columns)


def test_the_model_is_better_than_a_guess(trained: Trained) -> None:
    better, guessed = beats_a_guess(trained, MODEL)
    assert better, f"{MODEL.contract.decisive} is no better than {guessed:g}, which a guess has"


def test_the_figures_stay_and_groups_are_compared(trained: Trained) -> None:
    assert trained.evaluation.metrics == pytest.approx({"rmse": 55.96, "mae": 46.59, "r2": 0.458}, rel=0.05)
    assert [group.column for group in trained.evaluation.groups.columns] == ["age", "sex"]
    assert not {"age", "sex"} & set(trained.example.columns)
