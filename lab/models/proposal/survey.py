"""What the cells of each column of a data set are, found in one pass and in bounded memory."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from lab.base.errors import DatasetInvalid
from lab.base.tallies import moment
from lab.models.proposal.csv_batches import Say, batches

if TYPE_CHECKING:
    import pandas as pd

# Rows that stand for all others where one column is held against another.
_SAMPLE = 20_000
# Texts of a column whose words are counted.
_READ = 200
# Distinct cells that a column is known by; one with more is no category.
_MANY = 5_000
_CODE = re.compile(r"[-+]?0\d+|[-+]?\d{16,}")
# As most programs write dates, which pandas reads many at once; any other form is read one by one.
_ISO = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:\d\d)?)?")


@dataclass
class Seen:
    """One column: how many cells are missing, how often each text is there, and which kinds all of them are."""

    name: str
    rows: int = 0
    missing: int = 0
    texts: Counter[str] = field(default_factory=Counter)
    many: bool = False
    repeated: bool = False
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
        return self.there > 1 and not self.repeated

    def add(self, cells: "pd.Series[str]") -> None:
        """Takes in the cells of more rows, missing ones as None."""
        there = cells.dropna()
        if (room := _READ - self.there) > 0:
            self.words += int(there.head(room).str.count(r"\S+").sum())
        self.rows += len(cells)
        self.missing += len(cells) - len(there)
        self._count(there)
        if self.numbers:
            self._measure(there)
        if self.dates:
            self._date(there)

    def _count(self, there: "pd.Series[str]") -> None:
        """Of a column with many texts no more is of interest than whether one of them is there twice."""
        if self.many:
            self.repeated = self.repeated or _repeats(there, self.texts)
            return
        for text, times in there.value_counts(sort=False).items():
            self.repeated = self.repeated or times > 1 or text in self.texts
            if text in self.texts or len(self.texts) < _MANY:
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
        days = days_of(there)
        self.dates = days is not None
        if days:
            self.first, self.last = min(self.first, *days), max(self.last, *days)


def _repeats(there: "pd.Series[str]", known: Iterable[str]) -> bool:
    """Whether one of the texts is there twice, or among those known."""
    import pyarrow as pa
    import pyarrow.compute as pc

    texts = pa.array(there, pa.string())
    if pc.count_distinct(texts).as_py() < len(texts):
        return True
    return bool(pc.any(pc.is_in(texts, value_set=pa.array(list(known), pa.string()))).as_py())


def days_of(there: "pd.Series[str]") -> list[date] | None:
    """The first and the last day of texts that all are dates, in UTC; None when one is none."""
    import pandas as pd

    if there.str.fullmatch(_ISO).all():
        found = pd.to_datetime(there, format="ISO8601", utc=True, errors="coerce")
        if found.notna().all():
            return [found.min().date(), found.max().date()] if len(found) else []
    days = []
    for text in there.unique():
        at = moment(str(text)) if len(str(text)) >= 10 else None
        if at is None:
            return None
        days.append(at.date())
    return days


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


def survey(path: Path, say: Say = lambda _: None) -> Survey:
    """Looks at every row of one of the lab's own CSVs; `say` is told how far it is.

    Raises DatasetInvalid when there is none, and OSError.
    """
    import pandas as pd

    first: list[pd.DataFrame] = []
    columns: list[Seen] = []
    for batch in batches(path, say, "looking at the data"):
        piece = batch.to_pandas(strings_to_categorical=False)
        columns = columns or [Seen(str(name)) for name in piece.columns]
        if (room := _SAMPLE - sum(map(len, first))) > 0:
            first.append(piece.head(room))
        for column in columns:
            column.add(piece[column.name])
    if not sum(map(len, first)):
        raise DatasetInvalid("The data has a header and no rows.", "Bring the rows.")
    return Survey(columns, pd.concat(first, ignore_index=True))
