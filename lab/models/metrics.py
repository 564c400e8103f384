"""The metrics that the lab knows: for which task, which direction is better, and what a person reads of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Task(StrEnum):
    """What a model predicts."""

    BINARY = "binary"
    MULTICLASS = "multiclass"
    REGRESSION = "regression"


@dataclass(frozen=True)
class Metric:
    """One metric. `usual`: computed unless the contract chooses; `needs_chances`: of the classes, beside labels."""

    more_is_better: bool
    meaning: str
    usual: bool = True
    needs_chances: bool = False


# By task; the first one is the primary one unless the contract says otherwise.
METRICS: Mapping[Task, Mapping[str, Metric]] = {
    Task.BINARY: {
        "auc": Metric(True, "area under the ROC curve", needs_chances=True),
        "gini": Metric(True, "2 · AUC - 1", needs_chances=True),
        "ks": Metric(True, "greatest distance between the classes' cumulative scores", needs_chances=True),
        "accuracy": Metric(True, "share of rows whose label is predicted"),
        "log_loss": Metric(False, "cross-entropy of the predicted chances", needs_chances=True),
        "average_precision": Metric(True, "area under precision and recall", usual=False, needs_chances=True),
        "brier": Metric(False, "mean squared error of the predicted chance", usual=False, needs_chances=True),
        "balanced_accuracy": Metric(True, "recall, averaged over the classes", usual=False),
        "precision": Metric(True, "share of the predicted positives that are", usual=False),
        "recall": Metric(True, "share of the positives that are predicted", usual=False),
        "f1": Metric(True, "harmonic mean of precision and recall", usual=False),
    },
    Task.MULTICLASS: {
        "macro_f1": Metric(True, "F1, averaged over the classes"),
        "accuracy": Metric(True, "share of rows whose label is predicted"),
        "balanced_accuracy": Metric(True, "recall, averaged over the classes"),
        "auc_ovr": Metric(True, "area under the ROC curve, one class against the rest, averaged", needs_chances=True),
        "log_loss": Metric(False, "cross-entropy of the predicted chances", needs_chances=True),
    },
    Task.REGRESSION: {
        "rmse": Metric(False, "root of the mean squared error, in the target's unit"),
        "mae": Metric(False, "mean absolute error, in the target's unit"),
        "r2": Metric(True, "share of the target's variance that is explained"),
        "median_absolute_error": Metric(False, "median absolute error, in the target's unit", usual=False),
        "mape": Metric(False, "mean absolute error as a share of the true value", usual=False),
    },
}
# Of whatever task: a name has one direction.
MORE_IS_BETTER: Mapping[str, bool] = {
    name: metric.more_is_better for known in METRICS.values() for name, metric in known.items()
}


def usual(task: Task) -> tuple[str, ...]:
    """What is computed unless the contract chooses."""
    return tuple(name for name, metric in METRICS[task].items() if metric.usual)
