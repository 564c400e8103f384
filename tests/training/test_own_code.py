"""What a model's own `train.py` may do, and what it is told when that can't be judged or logged."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LinearRegression, RidgeClassifier

import pipelines
from lab.base.errors import RunFailed
from lab.models.contract import Contract
from lab.models.model_folder import Model, read_contract
from lab.training import fitting
from lab.training.fitting import Code, Trained, code_of
from lab.training.model_logging import untrusted
from lab.training.tracking import log_training
from tests.support import datasets

pytestmark = [pytest.mark.filterwarnings("ignore::UserWarning:mlflow.*")]
SALES = """\
version: 1
name: Sales
owner: ann
purpose: What is sold.
task: regression
target: amount
columns:
  day: {type: date}
  store: {type: category, values: [north, south, west]}
  celsius: {type: number}
  amount: {type: number, min: 0}
split: {by: time, column: day}
"""
OWN = """\
def features(frame):
    made = frame[["celsius"]].astype(float)
    stores = {name: (frame["store"] == name) * 1.0 for name in ("south", "west")}
    return made.assign(square=made["celsius"] ** 2, **stores)

def fit(frame, parameters, seed):
    from sklearn.linear_model import LinearRegression
    return LinearRegression().fit(frame.drop(columns="amount"), frame["amount"])

def evaluate(model, features, target):
    return {"worst": abs(model.predict(features) - target).max()}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Callable[[str], Model]]:
    (tmp_path / "pipelines" / "own_sales").mkdir(parents=True)
    pipelines.__path__.append(str(tmp_path / "pipelines"))

    def make(code: str) -> Model:
        path = tmp_path / "pipelines" / "own_sales"
        (path / "model.yaml").write_text(SALES)
        (path / "train.py").write_text(code)
        return Model(path, read_contract(path / "model.yaml"))

    yield make
    pipelines.__path__.remove(str(tmp_path / "pipelines"))


@pytest.fixture(scope="module")
def logging(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    folder, before = tmp_path_factory.mktemp("mlflow"), mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(f"sqlite:///{folder / 'mlflow.db'}")
    mlflow.set_experiment(experiment_id=mlflow.create_experiment("x", artifact_location=(folder / "a").as_uri()))
    yield
    mlflow.set_tracking_uri(before)


@pytest.fixture
def contract(tmp_path: Path) -> Contract:
    (tmp_path / "model.yaml").write_text(SALES)
    return read_contract(tmp_path / "model.yaml")


@pytest.fixture
def frame(tmp_path: Path, contract: Contract) -> pd.DataFrame:
    datasets.sales().to_csv(tmp_path / "s.csv", index=False)
    return fitting.load(tmp_path / "s.csv", contract)


def loaded(trained: Trained) -> Any:
    with mlflow.start_run():
        return mlflow.pyfunc.load_model(log_training(trained).uri)


@pytest.mark.usefixtures("logging")
def test_features_of_its_own_are_part_of_the_model(folder: Callable[[str], Model], frame: pd.DataFrame) -> None:
    model = folder(OWN)
    trained = fitting.train(frame, model.contract, code_of(model))
    assert trained.evaluation.metrics["r2"] > 0.5
    assert trained.evaluation.own["worst"] > trained.evaluation.metrics["mae"]
    assert trained.parameters["algorithm"] == "LinearRegression"
    # Whoever loads it has no such module, and gives the contract's columns.
    (model.folder / "train.py").unlink()
    assert loaded(trained).predict(trained.example) == pytest.approx(trained.model.predict(trained.example))


def test_rows_split_by_time_are_evaluated_on_the_latest(contract: Contract, frame: pd.DataFrame) -> None:
    known, held_out = fitting.split(frame.sample(frac=1, random_state=1), contract)
    assert len(held_out) == 150
    assert known["day"].max() <= held_out["day"].min()


@pytest.mark.usefixtures("logging")
@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning")
def test_one_of_mlflows_own_models_is_judged_and_logged(contract: Contract, frame: pd.DataFrame) -> None:
    # MLflow warns of its own type hints when it is imported.
    from mlflow.pyfunc import PythonModel

    class Constant(PythonModel):
        # MLflow takes type hints for what it must check.
        def predict(self, context, model_input, params=None):
            return np.full(len(model_input), 250.0)

    trained = fitting.train(frame, contract, Code(lambda *_: Constant()))
    assert trained.evaluation.metrics["rmse"] > 10
    assert list(loaded(trained).predict(trained.example)) == [250.0] * 5


def linear(frame: pd.DataFrame, _parameters: Mapping[str, Any], _seed: int) -> Any:
    return LinearRegression().fit(frame[["celsius"]], frame["amount"])


class Odd:
    def __init__(self, answer: Callable[[int], Any]) -> None:
        self.answer = answer

    def predict(self, features: pd.DataFrame) -> Any:
        return self.answer(len(features))


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda rows: np.full(rows, np.nan), "no finite number"),
        (lambda rows: np.zeros(rows - 1), "gave 149 predictions for 150 rows"),
    ],
)
def test_predictions_that_cannot_be_judged_are_told(
    answer: Callable[[int], Any], said: str, contract: Contract, frame: pd.DataFrame
) -> None:
    with pytest.raises(RunFailed, match=said):
        fitting.train(frame, contract, Code(lambda *_: Odd(answer)))


@pytest.mark.parametrize(
    ("returned", "said"),
    [
        (None, "fit returned nothing. Let it return the fitted model."),
        ((LinearRegression(), 3), "fit returned a tuple, which has no predict."),
    ],
)
@pytest.mark.parametrize("features", [None, lambda given: given])
def test_what_fit_returns_must_be_a_model(
    returned: object, features: Any, said: str, contract: Contract, frame: pd.DataFrame
) -> None:
    with pytest.raises(RunFailed, match=said):
        fitting.train(frame, contract, Code(lambda *_: returned, features))


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ({"rmse": 1.0}, "'rmse'"),
        ({"rmse_low": 1.0}, "'rmse_low'"),
        ({"mae_difference_sex": 0.0}, "'mae_difference_sex'"),
        ({"a b": 1.0}, "'a b'"),
        ({"ok": float("nan")}, "nan for ok"),
    ],
)
def test_metrics_of_its_own_cannot_pass_for_the_labs(
    found: Mapping[str, float], said: str, contract: Contract, frame: pd.DataFrame
) -> None:
    code = Code(lambda *_: Odd(lambda rows: np.zeros(rows)), evaluate=lambda *_: found)
    with pytest.raises(RunFailed, match=said):
        fitting.train(frame, contract, code)


def test_what_it_does_to_its_arguments_changes_no_figure(contract: Contract, frame: pd.DataFrame) -> None:
    def evaluate(_: Any, features: pd.DataFrame, target: "pd.Series[Any]") -> Mapping[str, float]:
        target.iloc[:] = 0.0
        features.iloc[:, :] = features.iloc[0, :]
        return {"ok": 1.0}

    def fit(*_: Any) -> Any:
        return Odd(lambda rows: np.zeros(rows))

    honest = fitting.train(frame.copy(), contract, Code(fit)).evaluation
    meddled = fitting.train(frame.copy(), contract, Code(fit, evaluate=evaluate)).evaluation
    assert (meddled.metrics, meddled.groups) == (honest.metrics, honest.groups)
    assert meddled.own == {"ok": 1.0}


@pytest.fixture
def classes(tmp_path: Path) -> tuple[pd.DataFrame, Contract]:
    text = SALES[: SALES.index("target")].replace("regression", "multiclass") + (
        "target: class\ncolumns:\n  width: {type: number}\n  height: {type: number}\n  noise: {type: number}\n"
        "  class: {type: category, values: [kind 0, kind 1, kind 2, kind 3, kind 4]}\n"
    )
    (tmp_path / "model.yaml").write_text(text)
    datasets.five_classes().to_csv(tmp_path / "c.csv", index=False)
    contract = read_contract(tmp_path / "model.yaml")
    return fitting.load(tmp_path / "c.csv", contract), contract


def test_a_model_without_chances_is_judged_by_its_labels(classes: tuple[pd.DataFrame, Contract]) -> None:
    frame, contract = classes

    def fit(known: pd.DataFrame, *_: Any) -> Any:
        return RidgeClassifier().fit(known[list(contract.features)], known["class"].astype(object))

    class Bare:
        def __init__(self, model: Any) -> None:
            self.predict = model.predict

    code = Code(lambda *given: Bare(fit(*given)))
    with pytest.raises(RunFailed, match="no predict_proba and classes_, which auc_ovr, log_loss need"):
        fitting.train(frame[[*contract.columns]], contract, code)
    few = Contract.model_validate({**contract.model_dump(), "metrics": ["accuracy", "macro_f1"]})
    assert fitting.train(frame, few, code).evaluation.metrics["accuracy"] > 0.4


def test_a_label_that_nobody_knows_is_told(classes: tuple[pd.DataFrame, Contract]) -> None:
    frame, contract = classes

    def fit(known: pd.DataFrame, *_: Any) -> Any:
        return DummyClassifier(strategy="constant", constant="kind 9").fit(
            known[["width"]], ["kind 9", *known["class"].astype(str)[1:]]
        )

    with pytest.raises(RunFailed, match="'kind 9', none of kind 0"):
        fitting.train(frame, contract, Code(lambda *given: replace_features(fit(*given))))


def replace_features(model: Any) -> Any:
    class Narrow:
        classes_ = model.classes_

        def predict(self, features: pd.DataFrame) -> Any:
            return model.predict(features[["width"]])

    return Narrow()


def test_only_what_scikit_learn_is_made_of_is_trusted() -> None:
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer

    assert untrusted(LinearRegression().fit([[1.0], [2.0]], [1, 2])) == []
    assert untrusted(make_pipeline(FunctionTransformer(replace))) is None
