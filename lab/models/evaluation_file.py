"""What training keeps of a version's evaluation beside its metrics, small enough to be drawn anywhere."""

import json
from dataclasses import asdict, dataclass
from typing import Any

from lab.models.metrics import Task

FILE = "evaluation.json"
SCHEMA = 1
# More of them would be a blot, and more text than anybody fetches for a look.
MOST_LABELS, MOST_CURVES, MOST_POINTS, MOST_PAIRS = 50, 12, 100, 400


@dataclass(frozen=True)
class RocCurve:
    """One class against the others: rates from 0 to 1, false positives along, true positives upward."""

    label: str
    auc: float
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class EvaluationFile:
    """Of held-out rows: how many they were, and by task a confusion matrix with ROC curves, or pairs.

    `confusion` has a row for each true label and a column for each predicted one, in the order of `labels`; it is empty
    where there are more than 50. `pairs` are true and predicted numbers of at most 400 rows.
    """

    task: Task
    rows: int
    labels: tuple[str, ...] = ()
    confusion: tuple[tuple[int, ...], ...] = ()
    roc: tuple[RocCurve, ...] = ()
    pairs: tuple[tuple[float, float], ...] = ()

    def document(self) -> dict[str, Any]:
        """As JSON values."""
        return {"schema": SCHEMA, **asdict(self)}


def read(body: bytes) -> EvaluationFile:
    """The evaluation in a file. Raises ValueError for what is none, or is of a later form."""
    try:
        found = json.loads(body)
        if found["schema"] != SCHEMA:
            raise ValueError(f"it has the form {found['schema']!r}, and {SCHEMA} is read here")
        size = len(found["labels"])
        confusion = tuple(tuple(int(count) for count in row) for row in found["confusion"])
        if confusion and [len(row) for row in confusion] != [size] * size:
            raise ValueError("its confusion matrix doesn't fit its labels")
        curves = tuple(RocCurve(str(c["label"]), float(c["auc"]), _points(c["points"])) for c in found["roc"])
        labels = tuple(str(label) for label in found["labels"])
        pairs = _points(found["pairs"])
        return EvaluationFile(Task(found["task"]), int(found["rows"]), labels, confusion, curves, pairs)
    except (KeyError, TypeError, RecursionError) as err:
        raise ValueError(f"it has no {err}" if isinstance(err, KeyError) else str(err)) from None


def _points(found: Any) -> tuple[tuple[float, float], ...]:
    return tuple((float(x), float(y)) for x, y in found)
