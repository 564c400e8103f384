"""The credit model: what it is made of, how it is trained, and how good it is. No tracking here."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lab.base.dataset import BAD, CATEGORICAL, FEATURES, GOOD, NUMERIC, TARGET
from lab.training.frames import frames
from pipelines.schema import CATEGORIES, numbers_of

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from sklearn.pipeline import Pipeline

SEED = 20_240_601
TEST_SHARE = 0.25
_DIGITS = 6
_PIECE = 50_000


@dataclass(frozen=True)
class Metrics:
    """Quality on the held-out part; `bad` is the positive class. Rounded, so that runs compare as text."""

    auc: float
    gini: float
    ks: float
    accuracy: float
    log_loss: float

    def as_dict(self) -> dict[str, float]:
        return asdict(self)


@dataclass(frozen=True)
class Evaluation:
    """Metrics and what the pictures show; `confusion` is by true row and predicted column, good before bad."""

    metrics: Metrics
    confusion: tuple[tuple[int, int], tuple[int, int]]
    false_positive_rate: "np.ndarray[Any, Any]"
    true_positive_rate: "np.ndarray[Any, Any]"


@dataclass(frozen=True)
class Trained:
    """A fitted model with its evaluation, and a few rows it was fitted on."""

    model: "Pipeline"
    evaluation: Evaluation
    example: "pd.DataFrame"
    train_rows: int
    test_rows: int


def load(path: Path) -> "pd.DataFrame":
    """A validated data set, in about 70 bytes a row: numbers as floats, labels as categories."""
    import pandas as pd

    labels = {name: pd.CategoricalDtype(list(CATEGORIES[name])) for name in CATEGORICAL}
    labels[TARGET] = pd.CategoricalDtype([BAD, GOOD])
    pieces = []
    for piece in frames(path, _PIECE):
        numbers = {name: numbers_of(piece[name]) for name in NUMERIC}
        pieces.append(piece.assign(**numbers).astype(labels))
    return pd.concat(pieces, ignore_index=True)


def parameters() -> dict[str, str | int | float]:
    """What decides the result besides the data."""
    return {
        "algorithm": "LogisticRegression",
        "C": 1.0,
        "max_iter": 1000,
        "seed": SEED,
        "test_share": TEST_SHARE,
        "positive_class": BAD,
    }


def train(frame: "pd.DataFrame", seed: int = SEED) -> Trained:
    """Fits on a stratified, seeded part of `frame` and evaluates on the rest."""
    from sklearn.model_selection import train_test_split

    features, target = frame[list(FEATURES)], frame[TARGET].astype(object)
    fit_x, test_x, fit_y, test_y = train_test_split(
        features, target, test_size=TEST_SHARE, random_state=seed, stratify=target
    )
    model = _pipeline().fit(fit_x, fit_y)
    example = _as_read(fit_x.head(5).astype(dict.fromkeys(CATEGORICAL, object)))
    # MLflow compares the column names with numbers, of which pandas warns for its own kind of text.
    example.columns = example.columns.astype(object)
    return Trained(model, _evaluate(model, test_x, test_y), example, len(fit_x), len(test_x))


def _as_read(frame: "pd.DataFrame") -> "pd.DataFrame":
    """Whole numbers as integers, as whoever reads the CSV has them."""
    whole = [name for name in NUMERIC if (frame[name] % 1 == 0).all()]
    return frame.astype(dict.fromkeys(whole, "int64"))


def _pipeline() -> "Pipeline":
    from sklearn.compose import ColumnTransformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    # Given categories make the columns the same for every sample of the data.
    labels = OneHotEncoder(categories=[list(CATEGORIES[name]) for name in CATEGORICAL], handle_unknown="ignore")
    columns = ColumnTransformer([("numbers", StandardScaler(), list(NUMERIC)), ("labels", labels, list(CATEGORICAL))])
    return Pipeline([("columns", columns), ("classifier", LogisticRegression(C=1.0, max_iter=1000))])


def _evaluate(model: "Pipeline", features: "pd.DataFrame", target: "pd.Series[Any]") -> Evaluation:
    from sklearn.metrics import confusion_matrix, log_loss, roc_auc_score, roc_curve

    bad = target == BAD
    chance = model.predict_proba(features)[:, list(model.classes_).index(BAD)]
    table = confusion_matrix(target, model.predict(features), labels=[GOOD, BAD])
    false_rate, true_rate, _ = roc_curve(bad, chance)
    auc = roc_auc_score(bad, chance)
    numbers = (auc, 2 * auc - 1, (true_rate - false_rate).max(), table.trace() / table.sum(), log_loss(bad, chance))
    (good_good, good_bad), (bad_good, bad_bad) = table.tolist()
    return Evaluation(
        Metrics(*(round(float(number), _DIGITS) for number in numbers)),
        ((good_good, good_bad), (bad_good, bad_bad)),
        false_rate,
        true_rate,
    )
