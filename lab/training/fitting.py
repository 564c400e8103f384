"""From a validated data set to a fitted model and its evaluation, by the model's contract. No tracking here."""

import math
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lab.base.errors import RunFailed, told
from lab.base.tallies import moment
from lab.models.contract import Contract, Kind, Task
from lab.models.groups import MEASURES, NONE, Measured, caution
from lab.models.metrics import METRICS
from lab.models.model_folder import Model
from lab.training.fairness import measured
from lab.training.frames import frames
from lab.training.predictions import Predictions, intervals, predict, rounded, scores
from lab.training.schema import numbers_of

if TYPE_CHECKING:
    import pandas as pd

OWN_METRIC = re.compile(r"[a-z][a-z0-9_]{0,99}")
# What the lab calls its own values beside the metrics: the ends of intervals, and differences between groups.
_LABS = re.compile(
    rf"({'|'.join({name for known in METRICS.values() for name in known})})(_low|_high)?"
    rf"|({'|'.join({rate for one in MEASURES.values() for rate in one.rates})})_difference_.*"
)
_PIECE = 50_000
_FEW = 50_000
# A frame with features and target, the contract's parameters, its seed → whatever predicts.
Fit = Callable[["pd.DataFrame", Mapping[str, Any], int], Any]


@dataclass(frozen=True)
class Code:
    """What a model's `train.py` has: `fit`, and what it may have.

    `load`: its data, as a frame. `features`: what the model is given instead of the contract's columns, before `fit`
    and at each prediction.
    `evaluate`: metrics of its own by name, of the fitted model, held-out features and their target.
    """

    fit: Fit
    features: Callable[["pd.DataFrame"], "pd.DataFrame"] | None = None
    evaluate: Callable[[Any, "pd.DataFrame", "pd.Series[Any]"], Mapping[str, float]] | None = None
    load: Callable[[], Any] | None = None


@dataclass(frozen=True)
class Evaluation:
    """Quality on held-out rows: metrics, their 95 % intervals, metrics of the model's own, and what groups show."""

    metrics: Mapping[str, float]
    intervals: Mapping[str, tuple[float, float]]
    predictions: Predictions
    own: Mapping[str, float] = field(default_factory=dict)
    groups: Measured = field(default_factory=lambda: Measured(NONE, 0, ()))

    @property
    def extras(self) -> dict[str, float]:
        """What is logged beside the metrics that gates compare."""
        ends = {
            f"{name}_{end}": value
            for name, both in self.intervals.items()
            for end, value in zip(("low", "high"), both, strict=True)
        }
        apart = {one.metric: rounded(one.difference) for one in self.groups.columns if one.compared()}
        return {**ends, **apart, **self.own}


@dataclass(frozen=True)
class Trained:
    """A fitted model with its evaluation, what decided the result besides the data, and a few rows it was fitted on."""

    model: Any
    evaluation: Evaluation
    parameters: Mapping[str, str | int | float]
    example: "pd.DataFrame"
    numeric: tuple[str, ...]
    train_rows: int
    test_rows: int
    nullable: frozenset[str] = frozenset()
    module: str = ""
    caution: str = ""


def load(path: Path, contract: Contract) -> "pd.DataFrame":
    """A validated data set, in about 70 bytes a row: numbers as floats, labels as categories, others as text."""
    import pandas as pd

    used = contract.used
    kinds = {name: pd.CategoricalDtype(list(one.values)) for name, one in used.items() if one.type is Kind.CATEGORY}
    numbers = [name for name, one in used.items() if one.type is Kind.NUMBER]
    pieces = [
        piece.assign(**{name: numbers_of(piece[name]) for name in numbers}).astype(kinds)
        for piece in frames(path, tuple(used), _PIECE)
    ]
    return pd.concat(pieces, ignore_index=True)


def code_of(model: Model) -> Code:
    """The model's own code. Raises RunFailed when it can't be imported or lacks `fit`."""
    try:
        module = import_module(model.module)
    except Exception as err:  # whatever somebody's code raises is an answer here
        raise RunFailed(f"{model.folder.name}/train.py can't be imported: {told(err)}.", "Look at train.py.") from err
    found: dict[str, Any] = {name: getattr(module, name, None) for name in ("fit", "features", "evaluate", "load")}
    if not callable(found["fit"]):
        raise RunFailed(f"{model.folder.name}/train.py has no function fit.", "Write fit(frame, parameters, seed).")
    if odd := next((name for name, one in found.items() if one is not None and not callable(one)), ""):
        raise RunFailed(f"{odd} in {model.folder.name}/train.py is no function.", "Name it otherwise.")
    return Code(**found)


def train(frame: "pd.DataFrame", contract: Contract, code: Code) -> Trained:
    """Fits on a seeded part of `frame` and evaluates on the rest. Raises RunFailed for what the model can't do."""
    known, held_out = split(frame, contract)
    given = [name for name in contract.columns if name in {*contract.features, contract.target}]
    with single_threaded(len(frame)):
        model = _fitted(known[given], contract, code)
        evaluation = evaluate(model, held_out, contract, code)
    rows = example(known, contract)
    module = getattr(code.fit, "__module__", "")
    return as_trained(model, _algorithm(model), evaluation, rows, (known, held_out), contract, module)


def as_trained(
    model: Any,
    algorithm: str,
    evaluation: Evaluation,
    rows: "pd.DataFrame",
    parts: "tuple[pd.DataFrame, pd.DataFrame]",
    contract: Contract,
    module: str = "",
) -> Trained:
    """A fitted model with all that is logged beside it; `parts` are the rows it was fitted on and those held out."""
    parameters: dict[str, str | int | float] = {"seed": contract.seed, "test_share": contract.split.test}
    if contract.positive:
        parameters["positive_class"] = contract.positive
    return Trained(
        model,
        evaluation,
        {"algorithm": algorithm, **contract.parameters, **parameters},
        rows,
        contract.numeric,
        len(parts[0]),
        len(parts[1]),
        nullable(contract),
        module,
        caution(contract.protected),
    )


@contextmanager
def single_threaded(rows: int) -> Iterator[None]:
    """One thread for OpenMP where there are few rows.

    Its threads wait for each other by computing: where runs share cores, that takes many times as long as the work.
    """
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1 if rows <= _FEW else None, user_api="openmp"):
        yield


def example(known: "pd.DataFrame", contract: Contract) -> "pd.DataFrame":
    """A few rows that the model was fitted on, as whoever reads the CSV has them."""
    features = list(contract.features)
    rows = _as_read(known[features].head(5).astype(dict.fromkeys(contract.categorical, object)), contract.numeric)
    # MLflow compares the column names with numbers, of which pandas warns for its own kind of text.
    rows.columns = rows.columns.astype(object)
    return rows


def nullable(contract: Contract) -> frozenset[str]:
    """Features that may be missing."""
    return frozenset(name for name in contract.features if contract.columns[name].nullable)


def split(frame: "pd.DataFrame", contract: Contract) -> "tuple[pd.DataFrame, pd.DataFrame]":
    """The rows to fit on and those held out, as the contract says."""
    from sklearn.model_selection import train_test_split

    if contract.split.by == "time":
        column = frame[contract.split.column]
        dated = contract.columns[contract.split.column].type is Kind.DATE
        order = (column.map(moment) if dated else column).argsort(kind="stable")
        first = round(len(frame) * (1 - contract.split.test))
        return frame.iloc[order[:first]], frame.iloc[order[first:]]
    classes = frame[contract.target].astype(object) if contract.split.by == "stratified" else None
    known, held_out = train_test_split(
        frame, test_size=contract.split.test, random_state=contract.seed, stratify=classes
    )
    return known, held_out


def _fitted(known: "pd.DataFrame", contract: Contract, code: Code) -> Any:
    """The model, which begins with the `features` of its own where it has them."""
    if code.features is None:
        return _predicting(code.fit(known, contract.parameters, contract.seed))
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import FunctionTransformer

    made = code.features(known.drop(columns=contract.target))
    if len(made) != len(known) or contract.target in made.columns:
        raise RunFailed("features must give a row for each row, and not the target.", "Look at train.py.")
    model = code.fit(made.assign(**{contract.target: known[contract.target]}), contract.parameters, contract.seed)
    return Pipeline([("features", FunctionTransformer(code.features)), ("model", _predicting(model))])


def _predicting(model: Any) -> Any:
    """What `fit` returned, if that can be asked. Raises RunFailed."""
    if not callable(getattr(model, "predict", None)):
        what = "nothing" if model is None else f"a {type(model).__name__}, which has no predict"
        raise RunFailed(f"fit returned {what}.", "Let it return the fitted model.")
    return model


def _algorithm(model: Any) -> str:
    """The class of what predicts; a pipeline's last step."""
    while steps := getattr(model, "steps", None):
        model = steps[-1][1]
    return type(model).__name__


def _as_read(frame: "pd.DataFrame", numeric: tuple[str, ...]) -> "pd.DataFrame":
    """Whole numbers as integers, as whoever reads the CSV has them."""
    whole = [name for name in numeric if (frame[name] % 1 == 0).all()]
    return frame.astype(dict.fromkeys(whole, "int64"))


def evaluate(model: Any, held_out: "pd.DataFrame", contract: Contract, code: Code | None = None) -> Evaluation:
    """What the model says of held-out rows, judged. Raises RunFailed."""
    target = held_out[contract.target]
    target = target if contract.task is Task.REGRESSION else target.astype(object)
    features = held_out[list(contract.features)]
    found = predict(model, features, target, contract)
    judged = Evaluation(
        scores(found, contract.judged),
        intervals(found, contract.judged, contract.seed),
        found,
        groups=measured(found, held_out, contract),
    )
    if code is None or code.evaluate is None:
        return judged
    # Behind what is judged: whatever it does to its arguments changes nothing there.
    return replace(judged, own=own_metrics(code.evaluate(model, features, target)))


def own_metrics(found: Mapping[str, float]) -> dict[str, float]:
    """Metrics of the model's own. Raises RunFailed for what can't be logged, or passes for a metric of the lab."""
    for name, value in found.items():
        if not OWN_METRIC.fullmatch(name) or _LABS.fullmatch(name):
            raise RunFailed(f"evaluate gives a metric named {name!r}.", "Take a-z, 0-9, _, no name of the lab's.")
        if not isinstance(value, (int, float)) or not math.isfinite(value):
            raise RunFailed(f"evaluate gives {value!r} for {name}.", "Let it return finite numbers.")
    return {name: float(value) for name, value in found.items()}
