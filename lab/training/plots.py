"""Pictures of an evaluation, made without pyplot: it keeps state for the whole process."""

from typing import TYPE_CHECKING

from lab.training.fitting import Evaluation

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def roc_picture(evaluation: Evaluation) -> "Figure":
    """The ROC curve with its AUC."""
    figure = _figure()
    axes = figure.add_subplot()
    axes.plot(evaluation.false_positive_rate, evaluation.true_positive_rate, label=f"AUC {evaluation.metrics.auc:.3f}")
    axes.plot([0, 1], [0, 1], linestyle="--", color="grey", label="chance")
    axes.set(
        xlabel="false positive rate", ylabel="true positive rate", title=f"ROC, positive class: {evaluation.labels[1]}"
    )
    axes.legend(loc="lower right")
    return figure


def confusion_picture(evaluation: Evaluation) -> "Figure":
    """The confusion matrix at a threshold of one half."""
    figure = _figure()
    axes = figure.add_subplot()
    axes.imshow(evaluation.confusion, cmap="Blues")
    half = max(max(row) for row in evaluation.confusion) / 2
    for i, row in enumerate(evaluation.confusion):
        for j, count in enumerate(row):
            axes.text(j, i, str(count), ha="center", va="center", color="white" if count > half else "black")
    axes.set(xlabel="predicted", ylabel="true", title="Confusion matrix")
    axes.set_xticks([0, 1], evaluation.labels)
    axes.set_yticks([0, 1], evaluation.labels)
    return figure


def _figure() -> "Figure":
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5, 4), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    return figure
