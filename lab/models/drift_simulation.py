"""A drift as it happens: the population a model was trained on in worse times, drawn from the baseline's own rows."""

import csv
import io
import random
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from statistics import median, pstdev

from lab.models.contract import Contract, Task

_SEED = 1931
# Of the columns of labels that may change, one in three does, and at least one.
_CHANGED = 3
# A number with fewer values than this is a code, and isn't moved.
_MEASURED = 10
_Rows = Sequence[Mapping[str, str]]


def worse_times(rows: Iterable[Mapping[str, str]], contract: Contract) -> bytes:
    """A CSV of as many rows, drawn anew: more of the positive class, larger numbers, the labels that go with it.

    Without a positive class, of the first one, or of rows whose target is above the median.

    Deterministic; every value stays within what the contract allows, and who the people are doesn't change.
    """
    chance = random.Random(_SEED)
    population = list(rows)
    wanted = _wanted(population, contract)
    weights = [3.0 if one else 1.0 for one in wanted]
    drawn = chance.choices(population, weights=weights, k=len(population))
    moved = {name: _step(population, name) for name in _moved(population, contract)}
    labels = {name: _typical(population, name, wanted) for name in _third(_unprotected(contract.categorical, contract))}
    return _csv([_worse(row, moved, labels, contract, chance) for row in drawn], tuple(contract.columns))


def _worse(
    row: Mapping[str, str],
    moved: Mapping[str, tuple[float, bool]],
    labels: Mapping[str, str],
    contract: Contract,
    chance: random.Random,
) -> dict[str, str]:
    changed = {name: row[name] for name in contract.columns}
    for name, (step, whole) in moved.items():
        if not row[name]:
            continue
        value = float(row[name]) + chance.uniform(0.3, 1.7) * step
        low, high = contract.columns[name].min, contract.columns[name].max
        value = min(value, value if high is None else high)
        value = max(value, value if low is None else low)
        changed[name] = str(round(value)) if whole else f"{value:.6g}"
    return changed | {name: label for name, label in labels.items() if chance.random() < 0.45}


def _moved(rows: _Rows, contract: Contract) -> Sequence[str]:
    names = _unprotected(contract.numeric, contract)
    return [name for name in names if len({row[name] for row in rows}) >= _MEASURED]


def _unprotected(names: Iterable[str], contract: Contract) -> list[str]:
    return [name for name in names if name not in contract.protected]


def _third(names: Sequence[str]) -> Sequence[str]:
    return names[: max(1, -(-len(names) // _CHANGED))] if names else ()


def _step(rows: _Rows, name: str) -> tuple[float, bool]:
    """The column's standard deviation, and whether all its numbers are whole."""
    numbers = [float(row[name]) for row in rows if row[name]]
    return pstdev(numbers), all(number.is_integer() for number in numbers)


def _wanted(rows: _Rows, contract: Contract) -> Sequence[bool]:
    """Which rows there are more of in worse times."""
    if contract.task is Task.REGRESSION:
        middle = median(float(row[contract.target]) for row in rows)
        return [float(row[contract.target]) > middle for row in rows]
    label = contract.positive or contract.classes[0]
    return [row[contract.target] == label for row in rows]


def _typical(rows: _Rows, name: str, wanted: Sequence[bool]) -> str:
    """The label that goes with the wanted rows most."""
    every = Counter(row[name] for row in rows if row[name])
    among = Counter(row[name] for row, one in zip(rows, wanted, strict=True) if one)
    return max(sorted(every), key=lambda label: among[label] / every[label], default="")


def _csv(rows: Sequence[Mapping[str, str]], columns: Sequence[str]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()
