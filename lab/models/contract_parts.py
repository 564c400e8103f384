"""Parts of a contract: how rows are held out, how groups of people are compared, when data has drifted, what
fitting may use.
"""

import re
from enum import StrEnum
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from lab.base.drift_report import DRIFTED
from lab.models.columns import Part
from lab.models.groups import LEAST, MEASURES, NONE

MARGIN = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?%?")


class RiskTier(StrEnum):
    """How much harm a wrong prediction does."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class Split(Part):
    """How rows are held out for the evaluation."""

    by: Literal["stratified", "random", "time"] = Field(
        "stratified",
        description="stratified: each class in its share; random; time: the latest rows, by `column`",
    )
    test: float = Field(0.25, gt=0, lt=1, description="share of rows that is held out")
    column: str = Field("", description="for time: the date or number that orders the rows")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.by == "time") != bool(self.column):
            raise ValueError("a split by time needs column, and no other has one")
        return self


# A rate's own name says as much.
_SHORT = {one.rates[0]: name for name, one in MEASURES.items() if len(one.rates) == 1}


class Fairness(Part):
    """How the groups of a protected column are compared."""

    measure: str = Field(
        "",
        description="by what groups are compared, the third table; empty: its first of the task; none: not judged",
        json_schema_extra={"enum": ["", NONE, *MEASURES]},
    )
    margin: str = Field(
        "",
        description='how far apart groups may be, in quotes: "0.1", or "25%" of the value over all; empty: see policy',
    )
    least: int = Field(
        LEAST, ge=2, description="rows that a group needs to be compared, of the held-out ones that its rate counts"
    )

    @field_validator("measure", mode="before")
    @classmethod
    def _named(cls, value: object) -> object:
        named = _SHORT.get(value, value) if isinstance(value, str) else value
        if isinstance(named, str) and named not in {"", NONE, *MEASURES}:
            raise ValueError(f"{named!r} is no measure: known are {', '.join(MEASURES)} and {NONE}")
        return named

    @field_validator("margin")
    @classmethod
    def _margin(cls, value: str) -> str:
        if value and not MARGIN.fullmatch(value):
            raise ValueError(f'{value!r} is no margin: write "0.1", or "25%" of the value over all rows')
        return value


class Drift(Part):
    """When data counts as drifted from the baseline."""

    psi: float = Field(DRIFTED, gt=0, le=10, description="PSI of a feature above which it has drifted")
    least: int = Field(0, ge=0, le=10**9, description="rows that data needs: of less nobody can say that it is stable")


class Resources(Part):
    """What the model's code may use while it is fitted; the lab's own limits hold whatever is said here."""

    memory_mb: int = Field(
        0, ge=0, le=1 << 24, description="megabytes beyond what the run has by then; 0: RUN_MEMORY_LIMIT_MB"
    )
    seconds: int = Field(
        0, ge=0, le=86_400, description="seconds that fitting and judging may take; 0: no limit of its own"
    )
