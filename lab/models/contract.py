"""A model's contract: `model.yaml` in its folder says what it is for, which data it takes, and how it is judged."""

import re
from enum import StrEnum
from functools import cached_property
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from lab.base.names import MODEL_RULE, is_model_name

_CRON = re.compile(r"[0-9*/,a-zA-Z-]+( [0-9*/,a-zA-Z?#-]+){4}")


class Kind(StrEnum):
    """What the cells of a column hold."""

    NUMBER = "number"
    CATEGORY = "category"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Column(_Part):
    """One column of the data: numbers within bounds, or one of the labels in `values`."""

    type: Kind = Field(description="number | category")
    min: float | None = Field(None, description="lowest value that a number may have")
    max: float | None = Field(None, description="highest value that a number may have")
    values: tuple[str, ...] = Field((), description="every label that a category may have")
    protected: bool = Field(False, description="whether it tells of something that people must not be judged by")

    @field_validator("values", mode="before")
    @classmethod
    def _labels(cls, values: object) -> object:
        odd = next((one for one in values if not isinstance(one, str)), None) if isinstance(values, list) else None
        if odd is not None:
            # YAML reads an unquoted `no` as false, and a data set has the text.
            raise ValueError(f"{odd!r} is no text: write it in quotes")
        return values

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.type is Kind.NUMBER:
            if self.values:
                raise ValueError("a number has no values: give min and max, or type: category")
            if self.min is not None and self.max is not None and self.min > self.max:
                raise ValueError(f"min {self.min:g} is above max {self.max:g}")
            return self
        if self.min is not None or self.max is not None:
            raise ValueError("a category has no min and max: give values, or type: number")
        if len(set(self.values)) != len(self.values) or len(self.values) < 2:
            raise ValueError("a category needs at least two values, each once")
        return self


class Split(_Part):
    """How rows are held out for the evaluation."""

    by: Literal["stratified"] = Field("stratified", description="stratified: each class in its share")
    test: float = Field(0.25, gt=0, lt=1, description="share of rows that is held out")


class Contract(_Part):
    """A whole contract. `columns` is in the order in which the model takes them."""

    version: Literal[1] = Field(description="version of this format: 1")
    name: str = Field(description=f"name in the registry: {MODEL_RULE}")
    owner: str = Field(min_length=1, description="who answers for the model")
    purpose: str = Field(min_length=1, description="what the model is for, in a sentence")
    limits: tuple[str, ...] = Field((), description="what it must not be used for, a paragraph each")
    task: Literal["binary"] = Field(description="binary: one of two classes")
    data: str = Field(
        "", description="CSV or Parquet: a path (below the project, if relative) or s3://bucket/key; empty: DATA_PATH"
    )
    target: str = Field(description="column that the model predicts")
    positive: str = Field(description="label of the class whose probability is judged")
    columns: dict[str, Column] = Field(min_length=2, description="by name, the target among them")
    parameters: dict[str, str | int | float | bool] = Field(default_factory=dict, description="what `fit` is given")
    schedule: str = Field("", description="when it trains by itself, five fields as cron has them; empty: never")
    default: bool = Field(False, description="whether commands that name no model mean this one")
    seed: int = Field(0, ge=0, le=2**32 - 1, description="decides the split and is given to `fit`")
    split: Split = Field(default_factory=lambda: Split(), description="how rows are held out")

    @field_validator("name")
    @classmethod
    def _name(cls, value: str) -> str:
        if not is_model_name(value):
            raise ValueError(f"must be {MODEL_RULE}")
        return value

    @field_validator("schedule")
    @classmethod
    def _schedule(cls, value: str) -> str:
        if value and not _CRON.fullmatch(value):
            raise ValueError(f"{value!r} isn't five fields as cron has them, as in 0 */6 * * *")
        return value

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        target = self.columns.get(self.target)
        if target is None:
            raise ValueError(f"target {self.target!r} is none of the columns")
        if target.type is not Kind.CATEGORY or len(target.values) != 2:
            raise ValueError(f"the target of a binary task is a category of two values, and {self.target!r} is not")
        if self.positive not in target.values:
            raise ValueError(f"positive {self.positive!r} is none of the target's values")
        return self

    @cached_property
    def numeric(self) -> tuple[str, ...]:
        """Features that hold numbers."""
        return self._features(Kind.NUMBER)

    @cached_property
    def categorical(self) -> tuple[str, ...]:
        """Features that hold labels."""
        return self._features(Kind.CATEGORY)

    @cached_property
    def features(self) -> tuple[str, ...]:
        """What the model is given, in its order."""
        return tuple(name for name in self.columns if name != self.target)

    @cached_property
    def profiled(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """What drift is measured of: columns of numbers, and those of labels with the target among them."""
        return self.numeric, (*self.categorical, self.target)

    @cached_property
    def negative(self) -> str:
        """The label that isn't `positive`."""
        return next(label for label in self.classes if label != self.positive)

    @property
    def classes(self) -> tuple[str, ...]:
        """The target's labels, as the contract orders them."""
        return self.columns[self.target].values

    @cached_property
    def protected(self) -> tuple[str, ...]:
        return tuple(name for name, column in self.columns.items() if column.protected)

    def _features(self, kind: Kind) -> tuple[str, ...]:
        return tuple(name for name in self.features if self.columns[name].type is kind)
