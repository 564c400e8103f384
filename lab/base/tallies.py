"""Columns of a data set counted row by row, in memory that is bounded however many rows there are.

Labels are counted by text up to a limit. Of numbers a baseline keeps each value; past the limit it keeps them rounded
up, to ever fewer binary digits, which moves a decile by less than the rounding and depends on no order of the rows.
"""

import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Protocol

from lab.base.errors import DatasetInvalid

OTHER = "(other)"
# Distinct values that a column is kept by; a value takes about 100 bytes.
LIMIT = 1 << 16
# More of them than these are not worth a bin's edge.
_MOST_DIGITS = 24
# Rows between two looks at how much there is.
_PIECE = 1 << 14
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_S = 86_400


class Reading(StrEnum):
    """How a cell becomes what is counted; the values stand in stored profiles."""

    PLAIN = ""
    NUMBER_OR_NONE = "number or none"
    DATE = "date"
    DATE_OR_NONE = "date or none"
    LENGTH = "length"

    @property
    def may_miss(self) -> bool:
        return self in {Reading.NUMBER_OR_NONE, Reading.DATE_OR_NONE}


class Column(Protocol):
    """A column while rows are counted: cells by text, which `settle` may take away."""

    name: str
    texts: Counter[str]

    def settle(self) -> None: ...


def tally(rows: Iterable[Mapping[str, str]], columns: Sequence[Column]) -> int:
    """Counts every row in each column, and gives their number. Raises DatasetInvalid for no rows, or a bad cell."""
    total = 0
    for row in rows:
        total += 1
        try:
            for column in columns:
                column.texts[row[column.name]] += 1
        except KeyError:
            raise DatasetInvalid(f"Column {column.name!r} is missing.") from None
        if total % _PIECE == 0:
            for column in columns:
                column.settle()
    if not total:
        raise DatasetInvalid("The data set has no rows.")
    for column in columns:
        column.settle()
    return total


class Labels:
    """A column of labels; those that come when there are `LIMIT` already count as others."""

    def __init__(self, name: str) -> None:
        self.name, self.texts = name, Counter[str]()

    def settle(self) -> None:
        if len(self.texts) > LIMIT:
            rest = sum(self.texts.pop(text) for text in [*self.texts][LIMIT:])
            self.texts[OTHER] += rest


class _Numbers:
    """A column of numbers, or of what is read as one."""

    def __init__(self, name: str, reading: Reading) -> None:
        self.name, self.reading, self.texts, self.missing = name, reading, Counter[str](), 0

    def settle(self) -> None:
        for text, times in self.texts.items():
            if not text and self.reading.may_miss:
                self.missing += times
            else:
                self.take(number(self.name, text, self.reading), times)
        self.texts.clear()

    def take(self, value: float, times: int) -> None:
        raise NotImplementedError


class Values(_Numbers):
    """Numbers by value, as exact as `LIMIT` of them allow."""

    def __init__(self, name: str, reading: Reading) -> None:
        super().__init__(name, reading)
        self._values, self._digits = Counter[float](), 0

    def take(self, value: float, times: int) -> None:
        self._values[_rounded_up(value, self._digits)] += times
        if len(self._values) > LIMIT:
            self._coarsen()

    def _coarsen(self) -> None:
        # With two digits there are at most 8,184 floats.
        self._digits = max(2, self._digits - 1) if self._digits else _MOST_DIGITS
        before, self._values = self._values, Counter[float]()
        for value, times in before.items():
            self._values[_rounded_up(value, self._digits)] += times
        if len(self._values) > LIMIT:
            self._coarsen()

    @property
    def sorted(self) -> Sequence[tuple[float, int]]:
        """Each value with its rows, in order."""
        return sorted(self._values.items())


class Bins(_Numbers):
    """Numbers by given bins: bin i holds values ≤ `edges[i]`, the next one the rest, the last one missing cells."""

    def __init__(self, name: str, reading: Reading, edges: Sequence[float]) -> None:
        super().__init__(name, reading)
        self._edges, self._counts = edges, [0] * (len(edges) + 1)

    def take(self, value: float, times: int) -> None:
        self._counts[bisect_left(self._edges, value)] += times

    @property
    def counts(self) -> tuple[int, ...]:
        return (*self._counts, *((self.missing,) if self.reading.may_miss else ()))


def number(name: str, text: str, reading: Reading) -> float:
    """A cell as a number: itself, days since 1970, or characters. Raises DatasetInvalid."""
    if reading is Reading.LENGTH:
        return float(len(text))
    if reading in {Reading.DATE, Reading.DATE_OR_NONE}:
        return _days(name, text)
    try:
        value = float(text)
    except (TypeError, ValueError):
        raise DatasetInvalid(f"Column {name!r} holds {text!r}, which is no number.") from None
    if not math.isfinite(value):
        raise DatasetInvalid(f"Column {name!r} holds {text!r}, which is not finite.")
    return value


def moment(text: str) -> datetime | None:
    """A date of ISO 8601, in UTC where it names no other zone; None for any other text."""
    try:
        at = datetime.fromisoformat(text.strip())
        return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    except (TypeError, ValueError, OverflowError):
        return None


def _days(name: str, text: str) -> float:
    at = moment(text)
    if at is None:
        raise DatasetInvalid(f"Column {name!r} holds {text!r}, which is no date.")
    return (at - _EPOCH).total_seconds() / _DAY_S


def _rounded_up(value: float, digits: int) -> float:
    """To so many binary digits; 0: as it is."""
    if not digits:
        return value
    fraction, exponent = math.frexp(value)
    return math.ldexp(math.ceil(math.ldexp(fraction, digits)), exponent - digits)
