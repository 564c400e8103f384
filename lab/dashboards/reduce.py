"""One value for a whole series, by Grafana's names of calculations."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from math import isnan, log, nan
from statistics import median, pstdev, pvariance

Values = Sequence[float]


def _last(values: Values) -> float:
    return values[-1]


def _quantile(values: Values, share: float) -> float:
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def _increase(values: Values) -> float:
    """As of a counter: where it falls, it began anew."""
    return sum(after - before if after >= before else after for before, after in itertools.pairwise(values))


def _least_step(values: Values) -> float:
    steps = [after - before for before, after in itertools.pairwise(values)]
    return min(steps) if steps else nan


_CALCS: Mapping[str, Callable[[Values], float]] = {
    "lastNotNull": _last,
    "firstNotNull": lambda values: values[0],
    "min": min,
    "max": max,
    "mean": lambda values: sum(values) / len(values),
    "sum": sum,
    "count": len,
    "range": lambda values: max(values) - min(values),
    "delta": _increase,
    "diff": lambda values: values[-1] - values[0],
    "diffperc": lambda values: (values[-1] - values[0]) / values[0] if values[0] else nan,
    "step": _least_step,
    "logmin": lambda values: min((value for value in values if value > 0), default=nan),
    "median": median,
    "stdDev": pstdev,
    "variance": pvariance,
    "distinctCount": lambda values: len(set(values)),
    "changeCount": lambda values: sum(a != b for a, b in itertools.pairwise(values)),
    "allIsZero": lambda values: all(value == 0 for value in values),
    "allIsNull": lambda _: 0.0,
    "logstd": lambda values: pstdev(log(value) for value in values if value > 0),
}


def known(calc: str) -> bool:
    """Whether it can be computed here."""
    return calc in {"last", "first", *_CALCS} or _share(calc) is not None


def reduced(values: Values, calc: str) -> float | None:
    """The one value; None where there is nothing to compute it of, or nobody knows how."""
    if calc in {"last", "first"}:
        return values[-1 if calc == "last" else 0] if values else None
    numbers = [value for value in values if not isnan(value)]
    share = _share(calc)
    if not numbers:
        return None
    if share is not None:
        return _quantile(numbers, share)
    if calc not in _CALCS:
        return None
    try:
        return float(_CALCS[calc](numbers))
    except (ValueError, OverflowError, ArithmeticError):
        return None


def _share(calc: str) -> float | None:
    digits = calc.removeprefix("p")
    return int(digits) / 100 if calc.startswith("p") and digits.isdigit() and len(digits) <= 2 else None
