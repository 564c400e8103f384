"""Pictures of an evaluation, made without pyplot: it keeps state for the whole process."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from lab.models.contract import Task
from lab.training.fitting import Evaluation

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# More dots than that are a blot, and take seconds to draw.
_DOTS = 5_000
# More classes than that are drawn without figures in the cells.
_WRITTEN = 12


def pictures(evaluation: Evaluation) -> Iterator[tuple[str, "Figure"]]:
    """Each picture of the model's task, by file name."""
    if evaluation.predictions.task is Task.REGRESSION:
        yield "predicted_vs_actual.png", predicted_picture(evaluation)
        yield "residuals.png", residuals_picture(evaluation)
        return
    if evaluation.predictions.chances is not None:
        yield "roc.png", roc_picture(evaluation)
    yield "confusion_matrix.png", confusion_picture(evaluation)


def roc_picture(evaluation: Evaluation) -> "Figure":
    """The ROC curve with its AUC; of more than two classes, one for each against the rest."""
    from sklearn.metrics import auc, roc_curve

    found = evaluation.predictions
    figure = _figure()
    axes = figure.add_subplot()
    if found.task is Task.BINARY:
        axes.plot(*found.roc, label=f"AUC {auc(*found.roc):.3f}")
        title = f"ROC, positive class: {found.labels[1]}"
    else:
        title = "ROC, each class against the rest"
        for place, (label, chance) in enumerate(zip(found.labels, found.by_label, strict=True)):
            curve = roc_curve(found.truth == place, chance)[:2]
            axes.plot(*curve, label=f"{_short(label)}: AUC {auc(*curve):.3f}")
    axes.plot([0, 1], [0, 1], linestyle="--", color="grey", label="chance")
    axes.set(xlabel="false positive rate", ylabel="true positive rate", title=title)
    axes.legend(loc="lower right", fontsize="small")
    return figure


def confusion_picture(evaluation: Evaluation) -> "Figure":
    """The confusion matrix: true by row, predicted by column."""
    from sklearn.metrics import confusion_matrix

    found = evaluation.predictions
    places = list(range(len(found.labels)))
    confusion = confusion_matrix(found.truth, found.guess, labels=places)
    figure = _figure()
    axes = figure.add_subplot()
    axes.imshow(confusion, cmap="Blues")
    half = confusion.max() / 2
    for i, row in enumerate(confusion if len(places) <= _WRITTEN else ()):
        for j, count in enumerate(row):
            axes.text(j, i, str(count), ha="center", va="center", color="white" if count > half else "black")
    axes.set(xlabel="predicted", ylabel="true", title="Confusion matrix")
    names = [_short(label) for label in found.labels]
    axes.set_xticks(places, names, rotation=0 if len(names) < 4 else 90)
    axes.set_yticks(places, names)
    return figure


def predicted_picture(evaluation: Evaluation) -> "Figure":
    """What is predicted against what is true."""
    found = evaluation.predictions
    figure = _figure()
    axes = figure.add_subplot()
    step = max(1, -(-len(found.truth) // _DOTS))
    axes.scatter(found.truth[::step], found.guess[::step], s=8, alpha=0.5)
    ends = (min(found.truth.min(), found.guess.min()), max(found.truth.max(), found.guess.max()))
    axes.plot(ends, ends, linestyle="--", color="grey", label="as it is")
    axes.set(xlabel="true", ylabel="predicted", title="Predicted against true")
    axes.legend(loc="upper left")
    return figure


def residuals_picture(evaluation: Evaluation) -> "Figure":
    """How far predictions are off, by what is predicted."""
    found = evaluation.predictions
    figure = _figure()
    axes = figure.add_subplot()
    step = max(1, -(-len(found.truth) // _DOTS))
    axes.scatter(found.guess[::step], (found.truth - found.guess)[::step], s=8, alpha=0.5)
    axes.axhline(0, linestyle="--", color="grey")
    axes.set(xlabel="predicted", ylabel="true - predicted", title="Residuals")
    return figure


def _short(label: str) -> str:
    # A dollar begins a formula.
    return (label if len(label) <= 20 else f"{label[:19]}…").replace("$", r"\$")


def _figure() -> "Figure":
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5, 4), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    return figure
