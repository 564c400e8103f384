"""From predictions on held-out rows to what is kept of them to be drawn: ROC curves, a confusion matrix, or pairs."""

from typing import TYPE_CHECKING, Any

from lab.models.evaluation_file import MOST_CURVES, MOST_LABELS, MOST_PAIRS, MOST_POINTS, EvaluationFile, RocCurve
from lab.models.metrics import Task
from lab.training.predictions import Predictions

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

_DIGITS = 4


def evaluation_file(found: Predictions) -> EvaluationFile:
    """The evaluation without the rows themselves, but for a few pairs of a regression."""
    rows = len(found.truth)
    if found.task is Task.REGRESSION:
        step = max(1, -(-rows // MOST_PAIRS))
        pairs = zip(found.truth[::step], found.guess[::step], strict=True)
        # Six digits of a number, whatever its unit.
        return EvaluationFile(
            found.task, rows, pairs=tuple((float(f"{true:.6g}"), float(f"{guess:.6g}")) for true, guess in pairs)
        )
    return EvaluationFile(found.task, rows, found.labels, _confusion(found), _curves(found))


def _confusion(found: Predictions) -> tuple[tuple[int, ...], ...]:
    from sklearn.metrics import confusion_matrix

    if len(found.labels) > MOST_LABELS:
        return ()
    counts = confusion_matrix(found.truth, found.guess, labels=list(range(len(found.labels))))
    return tuple(tuple(int(count) for count in row) for row in counts)


def _curves(found: Predictions) -> tuple[RocCurve, ...]:
    """One for a binary task, else one for each class that held-out rows both have and lack."""
    from sklearn.metrics import roc_curve

    if found.chances is None:
        return ()
    if found.task is Task.BINARY:
        return (_curve(found.labels[1], *found.roc),)
    curves: list[RocCurve] = []
    for place, (label, chance) in enumerate(zip(found.labels, found.by_label, strict=True)):
        hits = found.truth == place
        if hits.any() and not hits.all() and len(curves) < MOST_CURVES:
            curves.append(_curve(label, *roc_curve(hits, chance)[:2]))
    return tuple(curves)


def _curve(label: str, false_rate: "Array", true_rate: "Array") -> RocCurve:
    import numpy as np
    from sklearn.metrics import auc

    area = round(float(auc(false_rate, true_rate)), 6)
    if len(false_rate) > MOST_POINTS:
        # Evenly along the curve, so that its steep part keeps its shape.
        way = np.concatenate([[0.0], np.cumsum(np.abs(np.diff(false_rate)) + np.abs(np.diff(true_rate)))])
        places = np.linspace(0.0, way[-1], MOST_POINTS)
        false_rate, true_rate = np.interp(places, way, false_rate), np.interp(places, way, true_rate)
    points = zip(false_rate, true_rate, strict=True)
    return RocCurve(label, area, tuple((round(float(x), _DIGITS), round(float(y), _DIGITS)) for x, y in points))
