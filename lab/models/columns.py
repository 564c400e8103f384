"""One column of a contract: what its cells may hold, and what the model is given of it."""

from datetime import date
from enum import StrEnum
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator


class Kind(StrEnum):
    """What the cells of a column hold."""

    NUMBER = "number"
    CATEGORY = "category"
    DATE = "date"
    TEXT = "text"


class Part(BaseModel):
    """A piece of a contract; what it doesn't know is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Column(Part):
    """One column of the data: numbers or dates within bounds, one of the labels in `values`, or any text."""

    type: Kind = Field(description="number | category | date (ISO 8601, with or without a time) | text (of any kind)")
    min: float | None = Field(None, description="lowest value that a number may have")
    max: float | None = Field(None, description="highest value that a number may have")
    earliest: date | None = Field(None, description="first day that a date may have")
    latest: date | None = Field(None, description="last day that a date may have")
    values: tuple[str, ...] = Field((), description="every label that a category may have")
    nullable: bool = Field(False, description="whether a cell may be empty")
    unused: str = Field("", description="why the model isn't given this column, whose cells nobody looks at then")
    protected: bool = Field(
        False, description="whether it tells of something that people must not be judged by; the model isn't given it"
    )
    exempt: str = Field("", description="why the model is given a protected column all the same")

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
        if problem := self._foreign() or self._bounds() or self._use():
            raise ValueError(problem)
        return self

    def _foreign(self) -> str:
        """A field that the column's type doesn't have."""
        own = {Kind.NUMBER: "min and max", Kind.DATE: "earliest and latest", Kind.CATEGORY: "values"}
        given = {
            Kind.NUMBER: self.min is not None or self.max is not None,
            Kind.DATE: self.earliest is not None or self.latest is not None,
            Kind.CATEGORY: bool(self.values),
        }
        for kind, there in given.items():
            if there and kind is not self.type:
                instead = f"give {own[self.type]}, or " if self.type in own else ""
                return f"a {self.type} has no {own[kind]}: {instead}type: {kind}"
        return ""

    def _bounds(self) -> str:
        if self.min is not None and self.max is not None and self.min > self.max:
            return f"min {self.min:g} is above max {self.max:g}"
        if self.earliest and self.latest and self.earliest > self.latest:
            return f"earliest {self.earliest} is after latest {self.latest}"
        labels = len(set(self.values)) == len(self.values) >= 2
        if self.type is Kind.CATEGORY and not labels and not self.unused:
            return "a category needs at least two values, each once"
        return "an empty label is a missing value: use nullable" if "" in self.values else ""

    def _use(self) -> str:
        if self.exempt and not self.protected:
            return "exempt says why a protected column is used, and this one isn't protected"
        return "a column is unused or exempt, not both" if self.exempt and self.unused else ""

    @property
    def is_feature(self) -> bool:
        """Whether the model is given it, if it isn't the target."""
        return not self.unused and (not self.protected or bool(self.exempt))
