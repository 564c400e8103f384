"""Columns that give the target away: a small tree of one of them alone predicts held-out rows all but perfectly."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

_ROWS, _FOLDS, _DEPTH = 5_000, 3, 6
# Balanced accuracy, or R² of a number: what is that good alone was known after the fact more often than before.
_LABELS, _NUMBERS = 0.985, 0.995
_HOPELESS = 0.95


def leaks(sample: "pd.DataFrame", target: str, columns: Sequence[str], regression: bool) -> Mapping[str, float]:
    """The columns that leak, with the score of each; `sample` holds text."""
    import pandas as pd

    rows = sample.dropna(subset=[target]).head(_ROWS)
    truth: Any = pd.to_numeric(rows[target]) if regression else rows[target].astype(object)
    found = {}
    for name in columns:
        cells = rows[name]
        score = _score(_coded(cells), truth, regression)
        if score >= (_NUMBERS if regression else _LABELS):
            found[name] = score
    return found


def _coded(cells: "pd.Series[str]") -> "pd.DataFrame":
    """Numbers as they are, other texts as codes; with what is missing as a value of its own."""
    import pandas as pd

    numbers = pd.to_numeric(cells, errors="coerce")
    if numbers.notna().sum() < cells.notna().sum():
        numbers = pd.Series(pd.factorize(cells, sort=True)[0], index=cells.index, dtype="float64")
    return numbers.fillna(-1e18).to_frame()


def _score(cells: "pd.DataFrame", truth: Any, regression: bool) -> float:
    from sklearn.model_selection import KFold, StratifiedKFold, cross_val_score
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    if cells.iloc[:, 0].nunique() < 2 or len(cells) < _FOLDS * 2:
        return 0.0
    # A number needs many leaves to be copied.
    tree = (
        DecisionTreeRegressor(min_samples_leaf=2, random_state=0)
        if regression
        else DecisionTreeClassifier(max_depth=_DEPTH, min_samples_leaf=3, class_weight="balanced", random_state=0)
    )
    values, target = cells.to_numpy(), truth.to_numpy()
    # Most columns are no leaks by far, which one tree tells, on the very rows that it was made of.
    if tree.fit(values, target).score(values, target) < _HOPELESS:
        return 0.0
    folds = (KFold if regression else StratifiedKFold)(_FOLDS, shuffle=True, random_state=0)
    how = "r2" if regression else "balanced_accuracy"
    return float(cross_val_score(tree, values, target, cv=folds, scoring=how).mean())
