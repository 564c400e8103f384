"""Metrics that the lab computes itself, because it does so hundreds of times, are those of scikit-learn."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from sklearn.metrics import log_loss, roc_auc_score

from lab.models.contract import Task
from lab.training.predictions import Predictions, rounded, scores

ROWS, LABELS = 12, ("a", "b", "c")
# Few values, so that there are ties, and chances of 0 and 1.
PARTS = arrays.arrays(np.int64, (ROWS, len(LABELS)), elements=st.integers(0, 3))


@st.composite
def predictions(draw: st.DrawFn, labels: tuple[str, ...], task: Task) -> Predictions:
    parts = draw(PARTS)[:, : len(labels)] + 0.0
    parts[parts.sum(axis=1) == 0] = 1.0
    chances = parts / parts.sum(axis=1, keepdims=True)
    truth = np.array(draw(st.permutations([*range(len(labels))] * (ROWS // len(labels)))))
    return Predictions(task, labels, truth, chances.argmax(axis=1), chances)


@given(predictions(LABELS, Task.MULTICLASS))
def test_of_several_classes(found: Predictions) -> None:
    assert found.chances is not None
    made = scores(found, ("auc_ovr", "log_loss"))
    assert made["auc_ovr"] == rounded(roc_auc_score(found.truth, found.chances, multi_class="ovr"))
    assert made["log_loss"] == rounded(log_loss(found.truth, found.chances, labels=[0, 1, 2]))


@given(predictions(LABELS[:2], Task.BINARY), st.lists(st.integers(0, ROWS - 1), min_size=1, max_size=ROWS))
def test_of_two_classes_also_in_a_sample(found: Predictions, rows: list[int]) -> None:
    assert found.chances is not None
    made = scores(found, ("auc", "gini", "log_loss"))
    assert made["auc"] == rounded(roc_auc_score(found.truth, found.positive))
    assert made["gini"] == rounded(2 * roc_auc_score(found.truth, found.positive) - 1)
    assert made["log_loss"] == rounded(log_loss(found.truth, found.chances))
    sample = found.at(np.array(rows))
    expected = rounded(log_loss(found.truth[rows], found.chances[rows], labels=[0, 1]))
    assert scores(sample, ["log_loss"])["log_loss"] == expected


def test_without_rows_of_a_class_there_is_no_area() -> None:
    found = Predictions(Task.MULTICLASS, LABELS, np.array([0, 1]), np.array([0, 1]), np.eye(3)[:2])
    with pytest.raises(ValueError, match="c"):
        scores(found, ["auc_ovr"])
