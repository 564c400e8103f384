"""The same data and seed give the same model; the metrics are what they say."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from lab.training import fitting
from lab.training.fitting import Trained, code_of
from lab.training.plots import confusion_picture, roc_picture
from lab.training.predictions import rounded
from tests.support.contracts import CONTRACT, MODEL

SAMPLE = Path(__file__).resolve().parents[2] / "data" / "sample_data.csv"


def train(path: Path, seed: int = CONTRACT.seed) -> Trained:
    contract = CONTRACT.model_copy(update={"seed": seed})
    return fitting.train(fitting.load(path, contract), contract, code_of(MODEL))


def confusion(trained: Trained) -> list[list[int]]:
    found = trained.evaluation.predictions
    assert found.labels == ("good", "bad")
    counts = Counter(zip(found.truth.tolist(), found.guess.tolist(), strict=True))
    return [[counts[true, guessed] for guessed in (0, 1)] for true in (0, 1)]


@pytest.fixture(scope="module")
def trained() -> Trained:
    return train(SAMPLE)


def test_training_again_gives_the_same_metrics(trained: Trained) -> None:
    assert train(SAMPLE).evaluation.metrics == trained.evaluation.metrics


def test_another_seed_gives_other_metrics(trained: Trained) -> None:
    assert train(SAMPLE, seed=1).evaluation.metrics != trained.evaluation.metrics


def test_a_byte_order_mark_changes_nothing(sample: bytes, data_file: Callable[[bytes], Path], trained: Trained) -> None:
    assert train(data_file(b"\xef\xbb\xbf" + sample)).evaluation.metrics == trained.evaluation.metrics


def test_the_model_is_better_than_chance(trained: Trained) -> None:
    metrics = trained.evaluation.metrics
    assert 0.7 < metrics["auc"] < 0.95
    assert metrics["gini"] == pytest.approx(2 * metrics["auc"] - 1, abs=2e-6)
    assert 0 < metrics["ks"] < 1


def test_the_shipped_models_figures_stay_to_the_last_digit(trained: Trained) -> None:
    figures = {"auc": 0.770667, "gini": 0.541333, "ks": 0.434286, "accuracy": 0.744, "log_loss": 0.532268}
    assert trained.evaluation.metrics == figures
    assert trained.parameters == {
        "algorithm": "LogisticRegression",
        "C": 1.0,
        "max_iter": 1000,
        "seed": 20240601,
        "test_share": 0.25,
        "positive_class": "bad",
    }


def test_each_metric_lies_in_its_interval(trained: Trained) -> None:
    found = trained.evaluation
    assert set(found.intervals) == set(found.metrics)
    for name, (low, high) in found.intervals.items():
        assert low < found.metrics[name] < high, name


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.7351234567, "0.735123"), (56.5513491, "56.551349"), (0.00012345678, "0.000123457"), (-2.5e-12, "-2.5e-12")],
)
def test_a_metric_of_a_small_unit_keeps_its_digits(value: float, text: str) -> None:
    assert str(rounded(value)) == text


def test_accuracy_and_confusion_agree(trained: Trained) -> None:
    (good_good, good_bad), (bad_good, bad_bad) = confusion(trained)
    assert (good_good + good_bad, bad_good + bad_bad) == (175, 75)
    assert trained.evaluation.metrics["accuracy"] == pytest.approx((good_good + bad_bad) / 250)


def test_the_split_uses_every_row_once(trained: Trained) -> None:
    assert (trained.train_rows, trained.test_rows) == (750, 250)


def test_the_example_is_what_the_model_takes(trained: Trained) -> None:
    assert list(trained.example.columns) == list(CONTRACT.features)
    assert set(trained.model.predict(trained.example)) <= {"good", "bad"}


def test_a_category_never_seen_is_predicted_all_the_same(trained: Trained) -> None:
    strange = trained.example.copy()
    strange[CONTRACT.categorical[0]] = "never seen"
    assert len(trained.model.predict(strange)) == len(strange)


def test_pictures_show_the_figures(trained: Trained) -> None:
    (axes,) = confusion_picture(trained.evaluation).axes
    assert {text.get_text() for text in axes.texts} == {str(n) for row in confusion(trained) for n in row}
    (roc,) = roc_picture(trained.evaluation).axes
    assert f"{trained.evaluation.metrics['auc']:.3f}" in roc.get_legend().get_texts()[0].get_text()
