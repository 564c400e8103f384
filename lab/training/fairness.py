"""How a model does by groups of people, as the contract's protected columns tell them apart; fairlearn groups.

Each measure is a mean over rows of a group, so that its interval needs no resampling: Wilson's for a share, Student's
for an error. Groups with fewer rows than the contract asks for are shown and not compared.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lab.models.contract import Contract, Kind, Task
from lab.training.predictions import Predictions

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    Array = np.ndarray[Any, Any]

_PARTS = 4
_MISSING = "(missing)"


@dataclass(frozen=True)
class Group:
    """One group: held-out rows, those that the measure is a mean over, the measure with its 95 % interval."""

    name: str
    rows: int
    counted: int
    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Comparison:
    """The groups of one protected column by one measure. `least`: rows that a group needs to be compared."""

    column: str
    metric: str
    measure: str
    least: int
    groups: tuple[Group, ...]

    @property
    def compared(self) -> tuple[Group, ...]:
        """The groups with enough rows; none if there aren't two."""
        found = tuple(one for one in self.groups if one.counted >= self.least and one.value is not None)
        return found if len(found) > 1 else ()

    @property
    def difference(self) -> float:
        """Between the groups that differ most, of those with enough rows."""
        values = [one.value for one in self.compared if one.value is not None]
        return round(max(values) - min(values), 6) if values else 0.0

    @property
    def says(self) -> str:
        """What this shows and what it doesn't, in a sentence each."""
        what = self.measure.replace("_", " ")
        if not self.compared:
            return f"{self.column}: fewer than two groups have {self.least} held-out rows, so nothing can be said."
        apart = [(a, b) for a in self.compared for b in self.compared if _below(a, b)]
        seen = (
            "the intervals of some don't overlap: look why"
            if apart
            else "the intervals of all overlap, so chance may explain it; that they are treated alike isn't shown"
        )
        left = len(self.groups) - len(self.compared)
        few = f" {left} with fewer than {self.least} rows {'is' if left == 1 else 'are'} left out." if left else ""
        return f"{self.column}: {what} differs by {self.difference:.3f} between its groups, and {seen}.{few}"


def caution(contract: Contract) -> str:
    """What metrics by group never show, for the model card."""
    names = ", ".join(contract.protected)
    return (
        f"Groups are those of {names} in the held-out rows alone. Other columns may tell of the same; whether labels "
        "themselves are just, and what a decision does to people, no metric shows."
    )


def compared(found: Predictions, held_out: "pd.DataFrame", contract: Contract) -> tuple[Comparison, ...]:
    """Each protected column by the contract's measure; the target isn't one."""
    taken: dict[str, int] = {}
    made = []
    measure = contract.fairness.measure or ("mae" if contract.task is Task.REGRESSION else "accuracy")
    for name in contract.protected:
        if name == contract.target or name not in contract.used:
            continue
        groups = _groups(held_out[name], contract.columns[name].type)
        plain = re.sub(r"\W+", "_", name)[:80].strip("_") or "column"
        taken[plain] = taken.get(plain, 0) + 1
        metric = f"{measure}_difference_{plain}" + (f"_{taken[plain]}" if taken[plain] > 1 else "")
        made.append(Comparison(name, metric, measure, contract.fairness.least, _measured(found, groups, measure)))
    return tuple(made)


def _groups(column: "pd.Series[Any]", kind: Kind) -> "pd.Series[Any]":
    """A row's group by name; numbers in parts of as many rows."""
    import pandas as pd

    if kind is Kind.NUMBER and column.nunique() > _PARTS:
        parts = pd.qcut(column, _PARTS, labels=False, duplicates="drop")
        names = {part: f"{cells.min():,.6g} to {cells.max():,.6g}" for part, cells in column.groupby(parts)}
        return parts.map(names).astype(object).fillna(_MISSING).reset_index(drop=True)
    return column.astype(object).fillna(_MISSING).map(str).reset_index(drop=True)


def _measured(found: Predictions, groups: "pd.Series[Any]", measure: str) -> tuple[Group, ...]:
    from fairlearn.metrics import MetricFrame, count

    cells, counts = _cells(found, measure)

    def of(which: "Array") -> "Array":
        return cells[which][counts[which]]

    # Rows are named by their places, so that each measure is told which are the group's.
    places = _places(len(cells))
    frame = MetricFrame(
        metrics={"rows": count, "mean": lambda rows, _: float(of(rows).mean()) if len(of(rows)) else float("nan")},
        y_true=places,
        y_pred=places,
        sensitive_features=groups,
    )
    return tuple(
        _group(str(name), int(row["rows"]), of((groups == name).to_numpy()), measure, float(row["mean"]))
        for name, row in frame.by_group.iterrows()
    )


def _places(rows: int) -> "Array":
    import numpy as np

    return np.arange(rows)


def _cells(found: Predictions, measure: str) -> "tuple[Array, Array]":
    """What the measure is a mean of, a row each, and which rows count."""
    import numpy as np

    every = np.ones(len(found.truth), dtype=bool)
    if measure in {"mae", "mean_error"}:
        error = found.guess - found.truth
        return (np.abs(error) if measure == "mae" else error), every
    which: Mapping[str, tuple[Array, Array]] = {
        "accuracy": (found.guess == found.truth, every),
        "selection_rate": (found.guess == 1, every),
        "true_positive_rate": (found.guess == 1, found.truth == 1),
        "false_positive_rate": (found.guess == 1, found.truth == 0),
    }
    return which[measure]


def _group(name: str, rows: int, cells: "Array", measure: str, value: float) -> Group:
    if not len(cells):
        return Group(name, rows, 0, None, None, None)
    low, high = _interval(cells, measure)
    ends = (None, None) if low is None or high is None else (round(low, 6), round(high, 6))
    return Group(name, rows, len(cells), round(value, 6), *ends)


def _interval(cells: "Array", measure: str) -> tuple[float | None, float | None]:
    from scipy import stats

    if measure in {"mae", "mean_error"}:
        if len(cells) < 2 or not cells.std():
            return None, None
        low, high = stats.t.interval(0.95, len(cells) - 1, cells.mean(), stats.sem(cells))
        return float(low), float(high)
    found = stats.binomtest(int(cells.sum()), len(cells)).proportion_ci(method="wilson")
    return float(found.low), float(found.high)


def _below(one: Group, other: Group) -> bool:
    return one.high is not None and other.low is not None and one.high < other.low
