"""What the data may be: each cell by the contract, as pandera checks it, and what a model takes, as MLflow does."""

import sys
from collections.abc import Callable, Collection, Sequence
from datetime import date
from typing import TYPE_CHECKING

from lab.base.tallies import moment
from lab.models.contract import Column, Contract, Kind

if TYPE_CHECKING:
    import pandas as pd
    import pandera.pandas as pa
    from mlflow.types import Schema

# Each says what is wrong with a cell that breaks the rule.
NUMBER, DATE = "no number", "no date as 2026-11-29 or 2026-11-29T12:30"


def schema_of(contract: Contract) -> "pa.DataFrameSchema":
    """The schema. It reads cells as text, so that a value of the wrong type is a violation and never a crash."""
    import pandera.pandas as pa

    return pa.DataFrameSchema({name: _column(column) for name, column in contract.used.items()}, strict="filter")


def _column(column: Column) -> "pa.Column":
    import pandera.pandas as pa

    if column.type is Kind.CATEGORY:
        checks = [pa.Check.isin(column.values, error="no known category")]
    else:
        checks = _numeric(column) if column.type is Kind.NUMBER else _dated(column) if column.type is Kind.DATE else []
    return pa.Column(nullable=column.nullable, checks=checks)


def _numeric(column: Column) -> "list[pa.Check]":
    import pandera.pandas as pa

    number = pa.Check(lambda cells: numbers_of(cells).notna(), error=NUMBER)
    # Without a bound of its own, a number is still none that a computer calls infinite.
    low = -sys.float_info.max if column.min is None else column.min
    high = sys.float_info.max if column.max is None else column.max
    return [number, pa.Check(_within(low, high), error=_bounds(column))]


def _dated(column: Column) -> "list[pa.Check]":
    import pandera.pandas as pa

    first, last = column.earliest or date.min, column.latest or date.max

    def between(text: str) -> bool:
        at = moment(text)
        # What isn't a date at all has broken the other rule already.
        return at is None or first <= at.date() <= last

    return [
        pa.Check(lambda cells: cells.map(lambda text: moment(text) is not None).astype(bool), error=DATE),
        pa.Check(lambda cells: cells.map(between).astype(bool), error=f"not in {first} to {last}"),
    ]


def _bounds(column: Column) -> str:
    if column.min is not None and column.max is not None:
        return f"not in {column.min:g} to {column.max:g}"
    if column.min is not None:
        return f"less than {column.min:g}"
    return "not finite" if column.max is None else f"more than {column.max:g}"


def _within(low: float, high: float) -> "Callable[[pd.Series[str]], pd.Series[bool]]":
    def check(cells: "pd.Series[str]") -> "pd.Series[bool]":
        numbers = numbers_of(cells)
        # What isn't a number at all has broken the other rule already.
        return numbers.isna() | numbers.between(low, high)

    return check


def numbers_of(cells: "pd.Series[str]") -> "pd.Series[float]":
    """Text as numbers, NaN where it is none."""
    import pandas as pd

    return pd.to_numeric(cells, errors="coerce").astype("float64")


def input_schema(columns: Sequence[str], numeric: Sequence[str], nullable: Collection[str]) -> "Schema":
    """For MLflow: labels, dates and text as text, and numbers of any type.

    MLflow refuses integers for `double` and fractions for `long`, and a CSV of the same data has now the one, now the
    other. The model itself refuses what is no number.
    """
    from mlflow.types.schema import AnyType, ColSpec, DataType, Schema, TensorSpec

    number = AnyType()  # type: ignore[no-untyped-call]  # MLflow leaves it unannotated
    found: list[ColSpec | TensorSpec] = [
        ColSpec(number if name in numeric else DataType.string, name, required=name not in nullable) for name in columns
    ]
    return Schema(found)
