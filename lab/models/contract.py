"""A model's contract: `model.yaml` in its folder says what it is for, which data it takes, and how it is judged."""

from collections.abc import Mapping
from functools import cached_property
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from lab.base.names import MODEL_RULE, is_model_name
from lab.base.similar import few, meant
from lab.base.tallies import Reading
from lab.models.columns import Column, Kind, Part
from lab.models.contract_parts import MARGIN, Drift, Fairness, Resources, RiskTier, Split
from lab.models.cron import cron_problem
from lab.models.groups import MEASURES, usual_measure
from lab.models.metrics import METRICS, Task, usual

__all__ = [
    "MIN_PER_CLASS",
    "MIN_ROWS",
    "Column",
    "Contract",
    "Drift",
    "Fairness",
    "Kind",
    "Resources",
    "RiskTier",
    "Split",
    "Task",
]

# Fewer rows, in all or of a class, are nothing to train on.
MIN_ROWS, MIN_PER_CLASS = 100, 20


class Contract(Part):
    """A whole contract. `columns` is in the order in which the model takes them."""

    version: Literal[1] = Field(description="version of this format: 1")
    name: str = Field(description=f"name in the registry: {MODEL_RULE}")
    owner: str = Field(min_length=1, description="who answers for the model")
    purpose: str = Field(min_length=1, description="what the model is for, in a sentence")
    limits: tuple[str, ...] = Field((), description="what it must not be used for, a paragraph each")
    risk_tier: RiskTier = Field(RiskTier.MEDIUM, description="low | medium | high: what a wrong prediction can do")
    task: Task = Field(description="binary: one of two classes; multiclass: one of more; regression: a number")
    data: str = Field(
        "", description="CSV or Parquet: a path (below the project, if relative) or s3://bucket/key; empty: DATA_PATH"
    )
    target: str = Field(description="column that the model predicts")
    positive: str = Field("", description="of a binary task: label of the class whose probability is judged")
    columns: dict[str, Column] = Field(min_length=2, description="by name, the target among them")
    metrics: tuple[str, ...] = Field((), description="what is computed on held-out rows; empty: what is usual")
    primary: str = Field("", description="the metric that decides; empty: the first one")
    parameters: dict[str, str | int | float | bool] = Field(default_factory=dict, description="what `fit` is given")
    schedule: str = Field("", description="when it trains by itself, five fields as cron has them; empty: never")
    default: bool = Field(False, description="whether commands that name no model mean this one")
    seed: int = Field(0, ge=0, le=2**32 - 1, description="decides the split and is given to `fit`")
    split: Split = Field(default_factory=lambda: Split(), description="how rows are held out")
    margins: dict[str, str] = Field(
        default_factory=dict,
        description="by metric how much worse than the champion a version may be, in quotes: 0.01 or 2%",
    )
    fairness: Fairness = Field(default_factory=lambda: Fairness(), description="how groups of people are compared")

    drift: Drift = Field(default_factory=lambda: Drift(), description="when data counts as drifted")
    resources: Resources = Field(default_factory=lambda: Resources(), description="what fitting may use, at most")

    def __hash__(self) -> int:
        # Fields that are mappings have none. Equal contracts have one name.
        return hash(self.name)

    @field_validator("name")
    @classmethod
    def _name(cls, value: str) -> str:
        if not is_model_name(value):
            raise ValueError(f"must be {MODEL_RULE}")
        return value

    @field_validator("schedule")
    @classmethod
    def _schedule(cls, value: str) -> str:
        if value and (problem := cron_problem(value)):
            raise ValueError(f"{value!r} isn't five fields as cron has them, as in 0 */6 * * *: {problem}")
        return value

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        self._target()
        self._positive()
        self._judged()
        self._fairness()
        self._split()
        if not self.features:
            says = "the model is given no column: all are unused, protected or the target"
            raise _misfit(("columns",), says, "Take `unused` out of one, or say why one is `exempt`.")
        return self

    def _target(self) -> None:
        target = self.columns.get(self.target)
        if target is None:
            remedy = f"{meant(self.target, self.columns)}Name one of: {few(self.columns)}."
            raise _misfit(("target",), f"{self.target!r} is none of the columns", remedy)
        place = ("columns", self.target)
        if target.nullable or target.unused or target.exempt:
            says = f"the target {self.target!r} can be neither nullable nor unused nor exempt"
            raise _misfit(place, says, "Take that out. Rows without a target are no data.")
        kind, count = target.type, len(target.values)
        fits = kind is Kind.NUMBER if self.task is Task.REGRESSION else kind is Kind.CATEGORY
        if not fits or (self.task is Task.BINARY and count != 2) or (self.task is Task.MULTICLASS and count < 3):
            says = f"the target of a {self.task} task is {_TARGETS[self.task]}, and {self.target!r} is not"
            raise _misfit(place, says, "Change the task, the target, or what this column is.")

    def _positive(self) -> None:
        values = self.columns[self.target].values
        if self.task is not Task.BINARY:
            if self.positive:
                raise _misfit(("positive",), f"positive belongs to a binary task, not to {self.task}", "Leave it out.")
        elif not self.positive:
            says = "a binary task needs positive, the label whose probability is judged"
            raise _misfit(("task",), says, f"Add `positive:` with one of: {few(values)}.")
        elif self.positive not in values:
            remedy = f"{meant(self.positive, values)}Name one of: {few(values)}."
            raise _misfit(("positive",), f"{self.positive!r} is none of the target's values", remedy)

    def _judged(self) -> None:
        known = METRICS[self.task]
        named = [("metrics", name) for name in self.metrics] + [("margins", name) for name in self.margins]
        for field, name in [*named, *([("primary", self.primary)] if self.primary else [])]:
            if name not in known:
                place = (field, name) if field == "margins" else (field,)
                says = f"{name!r} is no metric of a {self.task} task"
                raise _misfit(place, says, f"{meant(name, known)}Known are: {', '.join(known)}.")
        if len(set(self.metrics)) != len(self.metrics):
            raise _misfit(("metrics",), "metrics names one twice", "Keep one of them.")
        if odd := next((name for name, text in self.margins.items() if not MARGIN.fullmatch(text)), ""):
            remedy = 'Write "0.01", or "2%" of the champion\'s value.'
            raise _misfit(("margins", odd), f"{self.margins[odd]!r} is no margin", remedy)
        if self.primary and self.primary not in self.judged:
            remedy = f"Add it to metrics, or name one of them: {', '.join(self.judged)}."
            raise _misfit(("primary",), f"{self.primary!r} is none of the metrics", remedy)

    def _fairness(self) -> None:
        measure = self.fairness.measure
        if measure in MEASURES and self.task not in MEASURES[measure].tasks:
            fitting = ", ".join(name for name, one in MEASURES.items() if self.task in one.tasks)
            says = f"{measure!r} doesn't fit a {self.task} task"
            raise _misfit(("fairness", "measure"), says, f"Name one of: {fitting}.")

    def _split(self) -> None:
        if self.split.by == "stratified" and self.task is Task.REGRESSION:
            raise _misfit(("split", "by"), "rows of a regression can't be stratified", "Split them by random or time.")
        if self.split.by != "time":
            return
        column = self.columns.get(self.split.column)
        if column is None or column.type not in {Kind.DATE, Kind.NUMBER} or column.nullable or column.unused:
            says = f"{self.split.column!r} is no date or number without empty cells that is used"
            fitting = [name for name, one in self.columns.items() if one.type is Kind.DATE and not one.nullable]
            remedy = f"Name one that is{f', as {few(fitting)}' if fitting else ''}, or split by random."
            raise _misfit(("split", "column"), says, remedy)

    @cached_property
    def numeric(self) -> tuple[str, ...]:
        """Features that hold numbers."""
        return self._features(Kind.NUMBER)

    @cached_property
    def categorical(self) -> tuple[str, ...]:
        """Features that hold labels."""
        return self._features(Kind.CATEGORY)

    @cached_property
    def dates(self) -> tuple[str, ...]:
        """Features that hold dates."""
        return self._features(Kind.DATE)

    @cached_property
    def texts(self) -> tuple[str, ...]:
        """Features that hold text of any kind."""
        return self._features(Kind.TEXT)

    @cached_property
    def features(self) -> tuple[str, ...]:
        """What the model is given, in its order."""
        return tuple(name for name, column in self.columns.items() if column.is_feature and name != self.target)

    @cached_property
    def used(self) -> Mapping[str, Column]:
        """Columns whose cells are looked at: features, the target, protected ones, and what orders a split."""
        return {name: column for name, column in self.columns.items() if not column.unused}

    @cached_property
    def profiled(self) -> tuple[tuple[str, ...], tuple[str, ...], Mapping[str, Reading]]:
        """What drift is measured of: columns read as numbers, those of labels with the target last of its sort, and
        how a column is read that isn't plain.
        """
        regression = self.task is Task.REGRESSION
        numbers = (*self.numeric, *self.dates, *self.texts, *([self.target] if regression else []))
        labels = (*self.categorical, *([] if regression else [self.target]))
        how = {name: _reading(self.columns[name]) for name in (*numbers, *labels)}
        return numbers, labels, {name: one for name, one in how.items() if one is not Reading.PLAIN}

    @cached_property
    def negative(self) -> str:
        """Of a binary task: the label that isn't `positive`."""
        return next(label for label in self.classes if label != self.positive)

    @property
    def classes(self) -> tuple[str, ...]:
        """The target's labels, as the contract orders them; none of a regression."""
        return self.columns[self.target].values

    @cached_property
    def protected(self) -> tuple[str, ...]:
        return tuple(name for name, column in self.columns.items() if column.protected)

    @cached_property
    def judged(self) -> tuple[str, ...]:
        """The metrics that are computed."""
        return self.metrics or usual(self.task)

    @property
    def measure(self) -> str:
        """What groups of people are compared by."""
        return self.fairness.measure or usual_measure(self.task)

    @property
    def decisive(self) -> str:
        """The metric that decides."""
        return self.primary or self.judged[0]

    def _features(self, kind: Kind) -> tuple[str, ...]:
        return tuple(name for name in self.features if self.columns[name].type is kind)


def _misfit(place: tuple[str, ...], says: str, remedy: str) -> PydanticCustomError:
    """An error about the value at `place`, which is right by itself and doesn't fit the others."""
    return PydanticCustomError("misfit", "{says}", {"says": says, "place": place, "remedy": remedy})


_TARGETS = {
    Task.BINARY: "a category of two values",
    Task.MULTICLASS: "a category of three values or more",
    Task.REGRESSION: "a number",
}


def _reading(column: Column) -> Reading:
    return {
        (Kind.DATE, False): Reading.DATE,
        (Kind.DATE, True): Reading.DATE_OR_NONE,
        (Kind.TEXT, False): Reading.LENGTH,
        (Kind.TEXT, True): Reading.LENGTH,
        (Kind.NUMBER, True): Reading.NUMBER_OR_NONE,
    }.get((column.type, column.nullable), Reading.PLAIN)
