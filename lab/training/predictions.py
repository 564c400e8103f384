"""What a model says of held-out rows beside what is true, and the metrics of both; scikit-learn computes them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from inspect import signature
from typing import TYPE_CHECKING, Any

from lab.base.errors import RunFailed
from lab.models.contract import Contract, Task
from lab.models.metrics import METRICS

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    Array = np.ndarray[Any, Any]

_DIGITS, _SMALL = 6, 1e-3
# Resamplings of the held-out rows for an interval, fewer where there are many rows: it is bounded by work and not by
# the clock, so that the same data gives the same figures on every machine.
_ROUNDS, _FEWEST, _WORK = 200, 40, 10_000_000
_LEVEL = 0.95


@dataclass(frozen=True)
class Predictions:
    """Held-out rows: what is true and what is predicted, as places in `labels`, or as numbers in a regression.

    `labels` of a binary task has the negative one first. `chances` has a column per label; None when the model has no
    `predict_proba`.
    """

    task: Task
    labels: tuple[str, ...]
    truth: "Array"
    guess: "Array"
    chances: "Array | None" = None

    def at(self, rows: "Array") -> "Predictions":
        """Of these rows only, by place."""
        chances = None if self.chances is None else self.chances[rows]
        chosen = Predictions(self.task, self.labels, self.truth[rows], self.guess[rows], chances)
        if chances is not None:
            # A row's own loss is the same in every sample.
            vars(chosen)["losses"] = self.losses[rows]
        return chosen

    @cached_property
    def roc(self) -> "tuple[Array, Array]":
        """Of a binary task: false and true positive rates over all thresholds."""
        from sklearn.metrics import roc_curve

        false_rate, true_rate, _ = roc_curve(self.truth == 1, self.positive)
        return false_rate, true_rate

    @cached_property
    def area(self) -> float:
        """Of a binary task: under the curve of `roc`."""
        from sklearn.metrics import auc

        return float(auc(*self.roc))

    @cached_property
    def losses(self) -> "Array":
        """Row by row, minus the logarithm of the chance of what is true; scikit-learn's log_loss is their mean.

        A chance of 0 or 1 is taken as the nearest number to it, as there. Raises ValueError without chances.
        """
        import numpy as np

        chances = np.stack(self.by_label, axis=1)
        least = np.finfo(chances.dtype).eps
        losses: Array = -np.log(np.clip(chances[np.arange(len(self.truth)), self.truth], least, 1 - least))
        return losses

    @property
    def by_label(self) -> "Sequence[Array]":
        """The chance of each label, row by row. Raises ValueError without chances."""
        if self.chances is None:
            raise ValueError("a model without predict_proba has no chances")
        return list(self.chances.T)

    @property
    def positive(self) -> "Array":
        """Of a binary task: the chance of the positive label. Raises ValueError without chances."""
        return self.by_label[1]


def answer(model: Any, features: "pd.DataFrame") -> Any:
    """What the model's `predict` says; one for MLflow's pyfunc may take a context first."""
    if "context" in signature(model.predict).parameters:
        return model.predict(None, features)
    return model.predict(features)


def predict(model: Any, features: "pd.DataFrame", target: "pd.Series[Any]", contract: Contract) -> Predictions:
    """Asks the model. Raises RunFailed when what it answers can't be judged."""
    import numpy as np

    guessed = np.asarray(answer(model, features)).ravel()
    if len(guessed) != len(target):
        raise RunFailed(f"The model gave {len(guessed)} predictions for {len(target)} rows.", "Look at its predict.")
    if contract.task is Task.REGRESSION:
        numbers = guessed.astype(float)
        if not np.isfinite(numbers).all():
            raise RunFailed("The model predicts what is no finite number.", "Look at its predict.")
        return Predictions(contract.task, (), target.to_numpy(dtype=float), numbers)
    labels = (contract.negative, contract.positive) if contract.task is Task.BINARY else contract.classes
    places = {label: place for place, label in enumerate(labels)}
    if odd := next((str(one) for one in guessed if str(one) not in places), ""):
        raise RunFailed(f"The model predicts {odd!r}, none of {', '.join(labels)}.", "Let predict return labels.")
    guess = np.array([places[str(one)] for one in guessed])
    truth = np.array([places[str(one)] for one in target])
    return Predictions(contract.task, labels, truth, guess, _chances(model, features, labels, contract))


def _chances(model: Any, features: "pd.DataFrame", labels: Sequence[str], contract: Contract) -> "Array | None":
    import numpy as np

    needed = [name for name in contract.judged if METRICS[contract.task][name].needs_chances]
    if not (hasattr(model, "predict_proba") and hasattr(model, "classes_")):
        if needed:
            raise RunFailed(
                f"The model has no predict_proba and classes_, which {', '.join(needed)} need.",
                "Return a model that has them, or name other metrics in model.yaml.",
            )
        return None
    known = list(map(str, model.classes_))
    if absent := [label for label in labels if label not in known]:
        raise RunFailed(
            f"The model doesn't know {', '.join(absent)}: its classes_ are {', '.join(known)}.",
            "Let fit see each class, or take it out of model.yaml.",
        )
    return np.asarray(model.predict_proba(features), dtype=float)[:, [known.index(label) for label in labels]]


def rounded(value: float) -> float:
    """To six decimals, so that runs compare as text; to six digits where that would leave few of a small number."""
    return round(value, _DIGITS) if abs(value) >= _SMALL else float(f"{value:.{_DIGITS}g}")


def scores(found: Predictions, names: Sequence[str]) -> dict[str, float]:
    """These metrics, rounded."""
    with _quick():
        return {name: rounded(float(_SCORES[found.task][name](found))) for name in names}


def intervals(found: Predictions, names: Sequence[str], seed: int) -> dict[str, tuple[float, float]]:
    """Each metric's 95 % interval by resampling the held-out rows; without those that a resampling can't have."""
    import numpy as np

    chance, rows = np.random.default_rng(seed), len(found.truth)
    rounds = min(_ROUNDS, max(_FEWEST, _WORK // (rows * max(1, len(found.labels) - 1))))
    drawn = []
    for _ in range(rounds):
        sample = found.at(chance.integers(0, rows, rows))
        # Without a row of some class, what compares classes has no value.
        if len(np.unique(sample.truth)) >= len(found.labels or ((),)):
            drawn.append(scores(sample, names))
    if not drawn:
        return {}
    ends = ((1 - _LEVEL) / 2, (1 + _LEVEL) / 2)
    both = {name: np.quantile([one[name] for one in drawn], ends) for name in names}
    return {name: (rounded(float(low)), rounded(float(high))) for name, (low, high) in both.items()}


Score = Callable[[Predictions], float]


@contextmanager
def _quick() -> Iterator[None]:
    """Scikit-learn checks types of arguments, which takes longer here than the metrics do."""
    from sklearn import config_context

    with config_context(skip_parameter_validation=True, assume_finite=True):
        yield


def _matching(found: Predictions) -> float:
    return float((found.truth == found.guess).mean())


def _apart(found: Predictions) -> float:
    false_rate, true_rate = found.roc
    return float((true_rate - false_rate).max())


def _one_against_the_rest(found: Predictions) -> float:
    """The mean of each label's area under the curve, which is Mann and Whitney's U as a share of all pairs (1947).

    As scikit-learn's roc_auc_score for `ovr`, in a tenth of the time. Raises ValueError where a label has no row.
    """
    from scipy.stats import rankdata

    areas = []
    for label, chance in enumerate(found.by_label):
        theirs = found.truth == label
        rows = int(theirs.sum())
        if not 0 < rows < len(theirs):
            raise ValueError(f"no row is, or every row is, {found.labels[label]}")
        beaten = float(rankdata(chance)[theirs].sum()) - rows * (rows + 1) / 2
        areas.append(beaten / (rows * (len(theirs) - rows)))
    return sum(areas) / len(areas)


def _by_class(name: str, average: str = "macro", **options: Any) -> Score:
    """A score of scikit-learn over labels, which it has as numbers."""

    def score(found: Predictions) -> float:
        from sklearn import metrics

        # Labels are given, because a small sample may lack one.
        which = [1] if average == "binary" else list(range(len(found.labels)))
        how = {"average": "macro", "labels": which, "zero_division": 0.0}
        return float(getattr(metrics, name)(found.truth, found.guess, **how, **options))

    return score


def _of_chances(name: str, **options: Any) -> Score:
    def score(found: Predictions) -> float:
        from sklearn import metrics

        chances = found.positive if found.task is Task.BINARY else found.chances
        truth = found.truth == 1 if found.task is Task.BINARY else found.truth
        return float(getattr(metrics, name)(truth, chances, **options))

    return score


def _of_numbers(name: str) -> Score:
    def score(found: Predictions) -> float:
        from sklearn import metrics

        return float(getattr(metrics, name)(found.truth, found.guess))

    return score


_SCORES: Mapping[Task, Mapping[str, Score]] = {
    Task.BINARY: {
        "auc": lambda found: found.area,
        "gini": lambda found: 2 * found.area - 1,
        "ks": _apart,
        "accuracy": _matching,
        "log_loss": lambda found: float(found.losses.mean()),
        "average_precision": _of_chances("average_precision_score"),
        "brier": _of_chances("brier_score_loss"),
        "balanced_accuracy": _by_class("recall_score"),
        "precision": _by_class("precision_score", "binary"),
        "recall": _by_class("recall_score", "binary"),
        "f1": _by_class("f1_score", "binary"),
    },
    Task.MULTICLASS: {
        "macro_f1": _by_class("f1_score"),
        "accuracy": _matching,
        "balanced_accuracy": _by_class("recall_score"),
        "auc_ovr": _one_against_the_rest,
        "log_loss": lambda found: float(found.losses.mean()),
    },
    Task.REGRESSION: {
        "rmse": _of_numbers("root_mean_squared_error"),
        "mae": _of_numbers("mean_absolute_error"),
        "r2": _of_numbers("r2_score"),
        "median_absolute_error": _of_numbers("median_absolute_error"),
        "mape": _of_numbers("mean_absolute_percentage_error"),
    },
}
