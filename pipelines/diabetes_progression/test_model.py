"""The contract covers the data, the model beats a guess, its figures stay: `pytest pipelines/diabetes_progression`."""

from pathlib import Path

from lab.models.model_folder import Model, read_contract
from lab.training.trying import better_than_guessing, tried

HERE = Path(__file__).resolve().parent
MODEL = Model(HERE, read_contract(HERE / "model.yaml"))
DATA = HERE.parents[1] / MODEL.contract.data


def test_the_contract_covers_every_column_of_the_data() -> None:
    assert DATA.read_text().partition("\n")[0].split(",") == list(MODEL.contract.columns)


def test_the_model_is_better_than_a_guess() -> None:
    better, guessed = better_than_guessing(MODEL, DATA)
    assert better, f"{MODEL.contract.decisive} is no better than {guessed:g}, which a guess has"


def test_the_figures_stay_and_groups_are_compared() -> None:
    trained = tried(MODEL, DATA)
    assert trained.evaluation.metrics == {"rmse": 56.551349, "mae": 46.840287, "r2": 0.446734}
    assert [group.column for group in trained.evaluation.groups.columns] == ["age", "sex"]
    assert not {"age", "sex"} & set(trained.example.columns)
