"""What the cells of each column of a data set are, found in one pass and in bounded memory."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from lab.base.dataset import read_records
from lab.base.tallies import moment

if TYPE_CHECKING:
    import pandas as pd

_PIECE = 20_000
# Distinct cells that a column is known by; one with more is no category.
_MANY = 5_000
_CODE = re.compile(r"[-+]?0\d+|\d{16,}")


@dataclass
class Seen:
    """One column: how many cells are missing, how often each text is there, and which kinds all of them are."""

    name: str
    rows: int = 0
    missing: int = 0
    texts: Counter[str] = field(default_factory=Counter)
    many: bool = False
    numbers: bool = True
    whole: bool = True
    low: float = float("inf")
    high: float = float("-inf")
    dates: bool = True
    first: date = date.max
    last: date = date.min
    words: int = 0

    @property
    def there(self) -> int:
        return self.rows - self.missing

    @property
    def distinct(self) -> int:
        return len(self.texts)

    @property
    def unique(self) -> bool:
        """Whether no cell is there twice, as far as was counted."""
        return self.there > 1 and max(self.texts.values(), default=0) == 1

    def add(self, cells: "pd.Series[str]") -> None:
        """Takes in the cells of more rows, missing ones as None."""
        there = cells.dropna()
        self.rows += len(cells)
        self.missing += len(cells) - len(there)
        self._count(there)
        if self.numbers:
            self._measure(there)
        if self.dates:
            self._date(there)
        self.words += int(there.head(200).str.count(r"\S+").sum())

    def _count(self, there: "pd.Series[str]") -> None:
        for text, times in there.value_counts(sort=False).items():
            if str(text) in self.texts or len(self.texts) < _MANY:
                self.texts[str(text)] += int(times)
            else:
                self.many = True

    def _measure(self, there: "pd.Series[str]") -> None:
        import pandas as pd

        found = pd.to_numeric(there, errors="coerce")
        finite = found[found.abs() <= 1.7e308]
        self.numbers = len(finite) == len(there) and not there.str.fullmatch(_CODE).any()
        if self.numbers and len(finite):
            self.low, self.high = min(self.low, float(finite.min())), max(self.high, float(finite.max()))
            self.whole = self.whole and bool((finite % 1 == 0).all())

    def _date(self, there: "pd.Series[str]") -> None:
        days = [at.date() if len(str(text)) >= 10 and (at := moment(str(text))) else None for text in there.unique()]
        known = [day for day in days if day is not None]
        self.dates = len(known) == len(days)
        if self.dates and known:
            self.first, self.last = min(self.first, *known), max(self.last, *known)


@dataclass(frozen=True)
class Survey:
    """All columns, and the first rows as text."""

    columns: Sequence[Seen]
    sample: "pd.DataFrame"

    @property
    def rows(self) -> int:
        return self.columns[0].rows

    def of(self, name: str) -> Seen:
        return next(one for one in self.columns if one.name == name)


def survey(path: Path) -> Survey:
    """Looks at every row of one of the lab's own CSVs. Raises OSError."""
    first: pd.DataFrame | None = None
    columns: list[Seen] = []
    for piece in _pieces(path):
        if first is None:
            first, columns = piece, [Seen(str(name)) for name in piece.columns]
        for column in columns:
            column.add(piece[column.name])
    if first is None:
        raise ValueError("no rows")
    return Survey(columns, first)


def _pieces(path: Path) -> Iterator["pd.DataFrame"]:
    import pandas as pd

    with path.open(newline="", encoding="utf-8") as file:
        records = read_records(file)
        header = next(records, [])
        while rows := list(islice(records, _PIECE)):
            cells = zip(*rows, strict=True)
            # As one table: adding hundreds of columns singly takes long.
            yield pd.DataFrame(
                {name: [cell or None for cell in column] for name, column in zip(header, cells, strict=True)},
                dtype="str",
            )
