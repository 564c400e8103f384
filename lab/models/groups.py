"""How groups of people differ: the measures that a contract may name, what was measured of each group, and how far
apart two groups are at least, whatever chance did. Measures are named as fairlearn names them.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import permutations
from typing import Any

from lab.base.errors import LedgerError
from lab.models.metrics import Task

# A contract's word for: these groups aren't judged.
NONE = "none"
# Held-out rows that a group needs to be judged, unless the contract asks for fewer.
LEAST = 30
# An audit entry holds a page on groups: of more in one column those that may be furthest apart.
_MOST, _LONGEST = 40, 80


@dataclass(frozen=True)
class Measure:
    """One measure: the rates by which groups are compared, the greatest difference of which counts."""

    rates: tuple[str, ...]
    tasks: tuple[Task, ...]
    meaning: str


_CLASSES = (Task.BINARY, Task.MULTICLASS)
MEASURES: Mapping[str, Measure] = {
    "accuracy_score_difference": Measure(("accuracy",), _CLASSES, "share of rows whose label is predicted"),
    "demographic_parity_difference": Measure(
        ("selection_rate",), (Task.BINARY,), "share of rows that are predicted positive"
    ),
    "equal_opportunity_difference": Measure(
        ("true_positive_rate",), (Task.BINARY,), "share of the positives that are predicted positive"
    ),
    "false_positive_rate_difference": Measure(
        ("false_positive_rate",), (Task.BINARY,), "share of the negatives that are predicted positive"
    ),
    "equalized_odds_difference": Measure(
        ("true_positive_rate", "false_positive_rate"), (Task.BINARY,), "the greater of the two before"
    ),
    "mean_absolute_error_difference": Measure(("mae",), (Task.REGRESSION,), "mean absolute error"),
    "mean_error_difference": Measure(
        ("mean_error",), (Task.REGRESSION,), "mean of prediction less truth: who is over- and who underestimated"
    ),
}


# What a rate is a mean of, where that isn't every held-out row.
_COUNTED: Mapping[str, str] = {
    "true_positive_rate": "held-out rows of the positive label",
    "false_positive_rate": "held-out rows of the negative label",
}


def counted_rows(rate: str) -> str:
    """Which rows of a group the rate counts, for a person."""
    return _COUNTED.get(rate, "held-out rows")


def usual_measure(task: Task) -> str:
    """What groups are compared by where a contract names nothing."""
    return next(name for name, one in MEASURES.items() if task in one.tasks)


def caution(protected: Iterable[str]) -> str:
    """What comparing groups never shows, for whoever reads of it."""
    return (
        f"Groups are those of {', '.join(protected)} in the held-out rows alone. Other columns may tell of the same; "
        "whether labels themselves are just, and what a decision does to people, no measure shows."
    )


@dataclass(frozen=True)
class Group:
    """One group: held-out rows, those that the rate is a mean over, the rate with its 95 % interval."""

    name: str
    rows: int
    counted: int
    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Apart:
    """Two groups, the one with the greater rate first: how far apart they are, and at least, whatever chance did."""

    more: str
    less: str
    difference: float
    least: float


@dataclass(frozen=True)
class Comparison:
    """The groups of one protected column by one rate. `least`: rows that a group needs to be compared; `scale`: what a
    share of it is meant of, the rate over all rows, or the mean absolute error. `few` groups have too few rows.
    """

    column: str
    metric: str
    rate: str
    least: int
    groups: tuple[Group, ...]
    scale: float = 1.0
    few: int = 0

    def compared(self, least: int = 0) -> tuple[Group, ...]:
        """The groups with enough rows; none if there aren't two."""
        enough = max(least, self.least)
        found = tuple(
            one for one in self.groups if one.counted >= enough and None not in (one.value, one.low, one.high)
        )
        return found if len(found) > 1 else ()

    @property
    def difference(self) -> float:
        """Between the groups that differ most, of those with enough rows."""
        values = [one.value for one in self.compared() if one.value is not None]
        return max(values) - min(values) if values else 0.0

    def furthest(self, least: int = 0) -> Apart | None:
        """The two groups that chance explains worst; None where no two have enough rows."""
        pairs = [_apart(more, less) for more, less in permutations(self.compared(least), 2)]
        return max(pairs, key=lambda one: (one.least, one.difference), default=None)

    @property
    def says(self) -> str:
        """What this shows and what it doesn't, in a sentence each."""
        what, most = self.rate.replace("_", " "), self.furthest()
        if most is None:
            counted = counted_rows(self.rate)
            return f"{self.column}: fewer than two groups have {self.least} {counted}, so nothing can be said."
        seen = (
            f"more than chance explains: at least {most.least:.3g} between {most.more!r} and {most.less!r}; look why"
            if most.least > 0
            else "which chance may explain; that they are treated alike isn't shown"
        )
        few = len(self.groups) - len(self.compared()) + self.few
        counted = counted_rows(self.rate)
        left = f" {few} with fewer than {self.least} {counted} {'is' if few == 1 else 'are'} left out." if few else ""
        return f"{self.column}: {what} differs by {self.difference:.3g} between its groups, {seen}.{left}"


def _apart(more: Group, less: Group) -> Apart:
    """By Newcombe's interval of a difference (1998), which adds the squares of both intervals' halves."""
    ours, low, theirs, high = (float(one or 0.0) for one in (more.value, more.low, less.value, less.high))
    difference = ours - theirs
    least = difference - math.hypot(ours - low, high - theirs)
    return Apart(more.name, less.name, difference, least)


@dataclass(frozen=True)
class Measured:
    """What training measured of all groups, as an audit entry holds it."""

    measure: str
    least: int
    columns: tuple[Comparison, ...]

    def as_details(self) -> dict[str, Any]:
        """Without groups that have too few rows; numbers are text, because an entry holds no floats."""
        return {"measure": self.measure, "least": self.least, "columns": [_details(one) for one in self.columns]}


def _details(one: Comparison) -> dict[str, Any]:
    judged = [group for group in one.groups if group.counted >= one.least]
    kept = _outermost(judged)
    groups = [{name: _text(value) for name, value in asdict(group).items()} for group in kept]
    return {
        "column": one.column,
        "metric": one.metric,
        "rate": one.rate,
        "scale": str(one.scale),
        "few": len(one.groups) - len(judged) + one.few,
        "groups": groups,
    }


def _outermost(groups: Sequence[Group]) -> Sequence[Group]:
    if len(groups) <= _MOST:
        return groups
    highest = sorted(groups, key=lambda one: -(one.low if one.low is not None else -math.inf))[: _MOST // 2]
    lowest = sorted(groups, key=lambda one: one.high if one.high is not None else math.inf)[: _MOST // 2]
    return [one for one in groups if one in highest or one in lowest]


def _text(value: object) -> object:
    if isinstance(value, float):
        return str(value)
    return value[:_LONGEST] if isinstance(value, str) else value


def parse_measured(raw: object) -> Measured:
    """What an audit entry says of groups. Raises LedgerError."""
    try:
        if not isinstance(raw, Mapping) or raw["measure"] not in {*MEASURES, NONE}:
            raise TypeError("no measure")
        least = _count(raw["least"])
        return Measured(str(raw["measure"]), least, tuple(_comparison(one, least) for one in raw["columns"]))
    except (KeyError, TypeError, ValueError) as err:
        raise LedgerError(f"the entry holds no groups that can be read: {err}") from None


def _comparison(raw: Mapping[str, Any], least: int) -> Comparison:
    column, metric, rate = (str(raw[name]) for name in ("column", "metric", "rate"))
    groups = tuple(_group(one) for one in raw["groups"])
    return Comparison(column, metric, rate, least, groups, _number(raw["scale"]) or 0.0, _count(raw["few"]))


def _group(raw: Mapping[str, Any]) -> Group:
    value, low, high = (_number(raw[name]) for name in ("value", "low", "high"))
    return Group(str(raw["name"]), _count(raw["rows"]), _count(raw["counted"]), value, low, high)


def _count(raw: object) -> int:
    if not isinstance(raw, int) or isinstance(raw, bool) or raw < 0:
        raise ValueError(f"{raw!r} is no count")
    return raw


def _number(raw: object) -> float | None:
    if raw is None:
        return None
    value = float(raw) if isinstance(raw, str) else math.nan
    if not math.isfinite(value):
        raise ValueError(f"{raw!r} is no number")
    return value
