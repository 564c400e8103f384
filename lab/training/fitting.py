"""From a validated data set to a fitted model and its evaluation, by the model's contract. No tracking here."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lab.base.errors import RunFailed
from lab.models.contract import Contract
from lab.models.model_folder import Model
from lab.training.frames import frames
from lab.training.schema import numbers_of

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

_DIGITS = 6
_PIECE = 50_000
# A frame with features and target, the contract's parameters, its seed → whatever predicts.
Fit = Callable[["pd.DataFrame", Mapping[str, Any], int], Any]


@dataclass(frozen=True)
class Metrics:
    """Quality on the held-out part, judged by the contract's positive class. Rounded, so that runs compare as text."""

    auc: float
    gini: float
    ks: float
    accuracy: float
    log_loss: float

    def as_dict(self) -> dict[str, float]:
        return asdict(self)


@dataclass(frozen=True)
class Evaluation:
    """Metrics and what the pictures show; `confusion` is by true row and predicted column, both by `labels`: the
    negative class before the positive one.
    """

    metrics: Metrics
    labels: tuple[str, str]
    confusion: tuple[tuple[int, int], tuple[int, int]]
    false_positive_rate: "np.ndarray[Any, Any]"
    true_positive_rate: "np.ndarray[Any, Any]"


@dataclass(frozen=True)
class Trained:
    """A fitted model with its evaluation, what decided the result besides the data, and a few rows it was fitted on."""

    model: Any
    evaluation: Evaluation
    parameters: Mapping[str, str | int | float]
    example: "pd.DataFrame"
    numeric: tuple[str, ...]
    train_rows: int
    test_rows: int


def load(path: Path, contract: Contract) -> "pd.DataFrame":
    """A validated data set, in about 70 bytes a row: numbers as floats, labels as categories."""
    import pandas as pd

    labels = {name: pd.CategoricalDtype(list(contract.columns[name].values)) for name in contract.categorical}
    labels[contract.target] = pd.CategoricalDtype(list(contract.classes))
    pieces = []
    for piece in frames(path, tuple(contract.columns), _PIECE):
        numbers = {name: numbers_of(piece[name]) for name in contract.numeric}
        pieces.append(piece.assign(**numbers).astype(labels))
    return pd.concat(pieces, ignore_index=True)


def fit_of(model: Model) -> Fit:
    """The model's own `fit`. Raises RunFailed when its code can't be imported or has none."""
    try:
        fit = getattr(import_module(model.module), "fit", None)
    except Exception as err:  # whatever somebody's code raises is an answer here
        raise RunFailed(f"{model.folder.name}/train.py can't be imported: {type(err).__name__}: {err}.") from err
    if not callable(fit):
        raise RunFailed(f"{model.folder.name}/train.py has no function fit.", "Write fit(frame, parameters, seed).")
    found: Fit = fit
    return found


def train(frame: "pd.DataFrame", contract: Contract, fit: Fit) -> Trained:
    """Fits on a stratified, seeded part of `frame` and evaluates on the rest."""
    from sklearn.model_selection import train_test_split

    share = contract.split.test
    known, held_out = train_test_split(
        frame, test_size=share, random_state=contract.seed, stratify=frame[contract.target].astype(object)
    )
    model = fit(known, contract.parameters, contract.seed)
    features = list(contract.features)
    example = _as_read(known[features].head(5).astype(dict.fromkeys(contract.categorical, object)), contract.numeric)
    # MLflow compares the column names with numbers, of which pandas warns for its own kind of text.
    example.columns = example.columns.astype(object)
    return Trained(
        model,
        _evaluate(model, held_out[features], held_out[contract.target].astype(object), contract),
        {
            "algorithm": _algorithm(model),
            **contract.parameters,
            "seed": contract.seed,
            "test_share": share,
            "positive_class": contract.positive,
        },
        example,
        contract.numeric,
        len(known),
        len(held_out),
    )


def _algorithm(model: Any) -> str:
    """The class of what predicts; a pipeline's last step."""
    steps = getattr(model, "steps", None)
    return type(steps[-1][1] if steps else model).__name__


def _as_read(frame: "pd.DataFrame", numeric: tuple[str, ...]) -> "pd.DataFrame":
    """Whole numbers as integers, as whoever reads the CSV has them."""
    whole = [name for name in numeric if (frame[name] % 1 == 0).all()]
    return frame.astype(dict.fromkeys(whole, "int64"))


def _evaluate(model: Any, features: "pd.DataFrame", target: "pd.Series[Any]", contract: Contract) -> Evaluation:
    from sklearn.metrics import confusion_matrix, log_loss, roc_auc_score, roc_curve

    labels = (contract.negative, contract.positive)
    positive = target == contract.positive
    chance = model.predict_proba(features)[:, list(model.classes_).index(contract.positive)]
    table = confusion_matrix(target, model.predict(features), labels=list(labels))
    false_rate, true_rate, _ = roc_curve(positive, chance)
    auc = roc_auc_score(positive, chance)
    gap, accuracy = (true_rate - false_rate).max(), table.trace() / table.sum()
    numbers = (auc, 2 * auc - 1, gap, accuracy, log_loss(positive, chance))
    negatives, positives = table.tolist()
    return Evaluation(
        Metrics(*(round(float(number), _DIGITS) for number in numbers)),
        labels,
        (tuple(negatives), tuple(positives)),
        false_rate,
        true_rate,
    )
