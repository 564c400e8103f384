"""What is kept of an evaluation: small, true to the metrics, and read back as it was written."""

import json
from typing import Any

import numpy as np
import pytest

from lab.models.evaluation_file import EvaluationFile, read
from lab.models.metrics import Task
from lab.training.evaluating import evaluation_file
from lab.training.predictions import Predictions, scores

CHANCE = np.random.default_rng(7)
TRUTH = CHANCE.integers(0, 2, 20_000)
SCORES = np.clip(TRUTH * 0.3 + CHANCE.random(20_000) * 0.7, 0, 1)
BINARY = Predictions(
    Task.BINARY, ("good", "bad"), TRUTH, (SCORES > 0.5).astype(int), np.column_stack([1 - SCORES, SCORES])
)


def kept(found: Predictions) -> tuple[EvaluationFile, bytes]:
    made = evaluation_file(found)
    body = json.dumps(made.document()).encode()
    assert read(body) == made
    return made, body


def test_a_binary_evaluation_is_small_and_agrees_with_its_metrics() -> None:
    made, body = kept(BINARY)
    metrics = scores(BINARY, ("auc", "accuracy"))
    (curve,) = made.roc
    assert len(body) < 8_000
    assert (curve.label, curve.auc) == ("bad", metrics["auc"])
    assert curve.points[0] == (0.0, 0.0)
    assert curve.points[-1] == (1.0, 1.0)
    # The curve that is drawn has the area that is written beside it.
    x, y = np.array(curve.points).T
    assert np.trapezoid(y, x) == pytest.approx(curve.auc, abs=0.002)
    right = made.confusion[0][0] + made.confusion[1][1]
    assert right / made.rows == pytest.approx(metrics["accuracy"], abs=1e-6)
    assert sum(map(sum, made.confusion)) == made.rows == 20_000


def test_several_classes_have_a_curve_each_but_for_those_that_no_row_has() -> None:
    truth = np.array([0, 1, 1, 0, 1, 0])
    chances = np.array(
        [[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.4, 0.5, 0.1], [0.6, 0.3, 0.1], [0.2, 0.7, 0.1], [0.5, 0.4, 0.1]]
    )
    made, _ = kept(Predictions(Task.MULTICLASS, ("a", "b", "c"), truth, chances.argmax(1), chances))
    assert [one.label for one in made.roc] == ["a", "b"]
    assert made.confusion == ((3, 0, 0), (0, 3, 0), (0, 0, 0))


def test_a_model_without_chances_has_a_matrix_only_and_one_of_many_classes_neither() -> None:
    truth = np.array([0, 1])
    assert kept(Predictions(Task.BINARY, ("a", "b"), truth, truth))[0].roc == ()
    many = tuple(map(str, range(51)))
    made, _ = kept(Predictions(Task.MULTICLASS, many, np.arange(51), np.arange(51)))
    assert made.confusion == ()
    assert len(made.labels) == 51


def test_a_regression_keeps_a_bounded_number_of_pairs() -> None:
    truth = np.linspace(0.0, 1e6, 10_000)
    made, body = kept(Predictions(Task.REGRESSION, (), truth, truth + 3.123456789))
    assert made.rows == 10_000
    assert len(made.pairs) == 400
    assert made.pairs[0] == (0.0, 3.12346)
    assert len(body) < 12_000


def without(name: str) -> dict[str, Any]:
    document = evaluation_file(BINARY).document()
    del document[name]
    return document


@pytest.mark.parametrize(
    "document",
    [
        [],
        3,
        without("roc"),
        without("schema"),
        {**evaluation_file(BINARY).document(), "schema": 2},
        {**evaluation_file(BINARY).document(), "task": "poetry"},
        {**evaluation_file(BINARY).document(), "confusion": [[1, 2]]},
        {**evaluation_file(BINARY).document(), "roc": [{"label": "x", "auc": 1, "points": [3]}]},
    ],
)
def test_what_is_no_evaluation_is_said(document: object) -> None:
    with pytest.raises(ValueError, match=r"."):
        read(json.dumps(document).encode())


def test_what_is_no_json_is_said() -> None:
    with pytest.raises(ValueError, match=r"."):
        read(b"\x89PNG")
