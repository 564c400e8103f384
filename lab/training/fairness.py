"""How a model does by groups of people, as the contract's protected columns tell them apart; fairlearn groups.

Each rate is a mean over rows of a group, so that its interval needs no resampling: Wilson's for a share, Student's
for an error. Groups with fewer rows than the contract asks for are shown and not compared.
"""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lab.models.contract import Contract, Kind
from lab.models.groups import MEASURES, NONE, Comparison, Group, Measured
from lab.training.predictions import Predictions

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    Array = np.ndarray[Any, Any]

_PARTS = 4
# Of more groups, as of people's names, those that are too small to be compared are counted only.
_SHOWN = 200
_MISSING = "(missing)"


def measured(found: Predictions, held_out: "pd.DataFrame", contract: Contract) -> Measured:
    """Each protected column by the contract's measure; the target isn't one, and what nobody looks at can't be."""
    least, measure = contract.fairness.least, contract.measure
    if measure == NONE:
        return Measured(measure, least, ())
    taken: dict[str, int] = {}
    made = []
    for name in contract.protected:
        if name == contract.target or name not in contract.used:
            continue
        groups = _groups(held_out[name], contract.columns[name].type)
        plain = re.sub(r"\W+", "_", name)[:80].strip("_") or "column"
        taken[plain] = taken.get(plain, 0) + 1
        suffix = plain + (f"_{taken[plain]}" if taken[plain] > 1 else "")
        for rate in MEASURES[measure].rates:
            scale = _scale(found, rate)
            shown, few = _large_enough(groups, least)
            by_group = _by_group(found, shown, rate)
            made.append(Comparison(name, f"{rate}_difference_{suffix}", rate, least, by_group, scale, few))
    return Measured(measure, least, tuple(made))


def _scale(found: Predictions, rate: str) -> float:
    """What a share of the rate is meant of; errors in both directions would cancel each other out."""
    cells, counts = _cells(found, "mae" if rate == "mean_error" else rate)
    return float(cells[counts].mean()) if counts.any() else 0.0


def _groups(column: "pd.Series[Any]", kind: Kind) -> "pd.Series[Any]":
    """A row's group by name; numbers in parts of as many rows."""
    import pandas as pd

    if kind is Kind.NUMBER and column.nunique() > _PARTS:
        parts = pd.qcut(column, _PARTS, labels=False, duplicates="drop")
        names = {part: f"{cells.min():,.6g} to {cells.max():,.6g}" for part, cells in column.groupby(parts)}
        return parts.map(names).astype(object).fillna(_MISSING).reset_index(drop=True)
    return column.astype(object).fillna(_MISSING).map(str).reset_index(drop=True)


def _large_enough(groups: "pd.Series[Any]", least: int) -> "tuple[pd.Series[Any], int]":
    """The rows of the groups that are shown, each row under its place, and how many groups aren't."""
    counts = groups.value_counts()
    if len(counts) <= _SHOWN:
        return groups, 0
    large = counts.index[counts >= least]
    return groups[groups.isin(large)], len(counts) - len(large)


def _by_group(found: Predictions, groups: "pd.Series[Any]", rate: str) -> tuple[Group, ...]:
    from fairlearn.metrics import MetricFrame, count

    cells, counts = _cells(found, rate)

    def of(which: "Array") -> "Array":
        return cells[which][counts[which]]

    if groups.empty:
        return ()
    # Rows are named by their places, so that each rate is told which are the group's.
    places = groups.index.to_numpy()
    frame = MetricFrame(
        metrics={"rows": count, "mean": lambda rows, _: float(of(rows).mean()) if len(of(rows)) else float("nan")},
        y_true=places,
        y_pred=places,
        sensitive_features=groups,
    )
    of_group = {name: places[at] for name, at in groups.groupby(groups).indices.items()}
    return tuple(
        _group(str(name), int(row["rows"]), of(of_group[name]), rate, float(row["mean"]))
        for name, row in frame.by_group.iterrows()
    )


def _cells(found: Predictions, rate: str) -> "tuple[Array, Array]":
    """What the rate is a mean of, a row each, and which rows count."""
    import numpy as np

    every = np.ones(len(found.truth), dtype=bool)
    if rate in {"mae", "mean_error"}:
        error = found.guess - found.truth
        return (np.abs(error) if rate == "mae" else error), every
    which: Mapping[str, tuple[Array, Array]] = {
        "accuracy": (found.guess == found.truth, every),
        "selection_rate": (found.guess == 1, every),
        "true_positive_rate": (found.guess == 1, found.truth == 1),
        "false_positive_rate": (found.guess == 1, found.truth == 0),
    }
    return which[rate]


def _group(name: str, rows: int, cells: "Array", rate: str, value: float) -> Group:
    if not len(cells):
        return Group(name, rows, 0, None, None, None)
    low, high = _interval(cells, rate)
    return Group(name, rows, len(cells), value, low, high)


def _interval(cells: "Array", rate: str) -> tuple[float | None, float | None]:
    from scipy import stats

    if rate in {"mae", "mean_error"}:
        if len(cells) < 2:
            return None, None
        if not cells.std():
            return float(cells[0]), float(cells[0])
        low, high = stats.t.interval(0.95, len(cells) - 1, cells.mean(), stats.sem(cells))
        return float(low), float(high)
    found = stats.binomtest(int(cells.sum()), len(cells)).proportion_ci(method="wilson")
    return float(found.low), float(found.high)
