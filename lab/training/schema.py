"""What a contract lets every cell of the data be, as a pandera schema over text cells."""

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from lab.models.contract import Column, Contract, Kind

if TYPE_CHECKING:
    import pandas as pd
    import pandera.pandas as pa

NUMBER = "is a number"


def schema_of(contract: Contract) -> "pa.DataFrameSchema":
    """The schema. It reads cells as text, so that a value of the wrong type is a violation and never a crash."""
    import pandera.pandas as pa

    return pa.DataFrameSchema({name: _column(column) for name, column in contract.columns.items()}, strict="filter")


def _column(column: Column) -> "pa.Column":
    if column.type is Kind.CATEGORY:
        return _one_of(column.values)
    return _numeric(column)


def _numeric(column: Column) -> "pa.Column":
    import pandera.pandas as pa

    number = pa.Check(lambda cells: numbers_of(cells).notna(), error=NUMBER)
    # Without a bound of its own, a number is still none that a computer calls infinite.
    low = -sys.float_info.max if column.min is None else column.min
    high = sys.float_info.max if column.max is None else column.max
    return pa.Column(nullable=False, checks=[number, pa.Check(_within(low, high), error=_bounds(column))])


def _bounds(column: Column) -> str:
    if column.min is not None and column.max is not None:
        return f"lies in {column.min:g} to {column.max:g}"
    if column.min is not None:
        return f"is {column.min:g} or more"
    return "is finite" if column.max is None else f"is {column.max:g} or less"


def _one_of(labels: tuple[str, ...]) -> "pa.Column":
    import pandera.pandas as pa

    return pa.Column(nullable=False, checks=[pa.Check.isin(labels, error="is a known category")])


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
