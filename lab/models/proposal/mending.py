"""What is done to the cells of a person's columns, so that the lab's own CSV has them, and the words for it.

Every row is looked at, and nothing is kept of them but what they may still be.
"""

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from lab.models.proposal.csv_batches import Say, batches, header_of
from lab.models.proposal.survey import days_of

if TYPE_CHECKING:
    import pyarrow as pa

# What programs write for a missing value, in a column that is otherwise numbers or dates.
MISSING = ("na", "n/a", "nan", "null", "none", "?", "-", "--", "nil", "#n/a", ".", "missing", "inf", "-inf", "")


@dataclass(frozen=True)
class Style:
    """How numbers are written: the decimal mark, and what stands between thousands, as a class of a pattern."""

    decimal: str
    between: str = ""
    says: str = ""

    @property
    def pattern(self) -> str:
        """Matches the numbers that are written so, with and without what it has of its own."""
        grouped = f"[1-9][0-9]{{0,2}}({self.between}[0-9]{{3}})+|" if self.between else ""
        return f"^[-+]?({grouped}[0-9]+)({re.escape(self.decimal)}[0-9]+)?$"


_PLAIN = r"^[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?$"
_POINTS, _COMMAS = Style("."), Style(",", "", "decimal commas made points")
_THOUSANDS = (
    Style(",", "[.]", "points between thousands left out"),
    Style(".", "[,]", "commas between thousands left out"),
    *(Style(decimal, "['’]", "apostrophes between thousands left out") for decimal in ".,"),
    *(Style(decimal, "[ \u00a0\u202f]", "spaces between thousands left out") for decimal in ".,"),
)
_STYLES = (_POINTS, _COMMAS, *_THOUSANDS)
# Signs that stand before or behind each number of a column: of money, of shares and of angles or warmth.
_UNITS = "$€£¥₹₽₩₺₫₴₪฿₦₱¢%‰°"
_COMPACT = "%Y%m%d"
_DAYS = {
    "%d.%m.%Y": r"\d{1,2}\.\d{1,2}\.\d{4}",
    "%d/%m/%Y": r"\d{1,2}/\d{1,2}/\d{4}",
    "%m/%d/%Y": r"\d{1,2}/\d{1,2}/\d{4}",
    "%Y/%m/%d": r"\d{4}/\d{1,2}/\d{1,2}",
    "%d %B %Y": r"\d{1,2} [A-Za-z]{3,9} \d{4}",
    "%d-%b-%Y": r"\d{1,2}-[A-Za-z]{3}-\d{4}",
    "%B %d, %Y": r"[A-Za-z]{3,9} \d{1,2}, \d{4}",
}
_TIMES = {"": "", " %H:%M": r" \d{1,2}:\d\d", " %H:%M:%S": r" \d{1,2}:\d\d:\d\d"}
_DATES = {
    **{f"{day}{time}": f"^{day_text}{_TIMES[time]}$" for day, day_text in _DAYS.items() for time in _TIMES},
    _COMPACT: r"^(19|20)\d{6}$",
}
_MARKS = 100


@dataclass
class Cells:
    """What all cells of one column may still be, as far as they were read."""

    marks: set[str] = field(default_factory=set)
    there: bool = False
    # The sign that every cell has, as the first one has it.
    unit: str = ""
    styles: list[Style] = field(default_factory=lambda: list(_STYLES))
    iso: bool = True
    forms: list[str] = field(default_factory=lambda: list(_DATES))

    @property
    def open(self) -> bool:
        return bool(self.styles or self.iso or self.forms) and len(self.marks) < _MARKS

    @property
    def numbers(self) -> bool:
        """Whether they are numbers as they stand."""
        return _POINTS in self.styles

    @property
    def decimal(self) -> str:
        """The mark that they are written with; empty where whole numbers, or groups of three digits, leave it open."""
        found = {style.decimal for style in self.styles}
        return found.pop() if self.there and len(found) == 1 else ""

    def style(self, decimal: str, delimiter: str) -> Style | None:
        """How the numbers are written, in a file with that decimal mark; None where they are none, or need nothing."""
        if {_POINTS, _COMMAS} <= set(self.styles) or (self.numbers and not decimal):
            return None
        # Who separates columns by commas seldom writes decimals with them.
        likely = decimal or ("." if delimiter == "," else ",")
        there = [style for style in self.styles if style.decimal == likely] or self.styles
        return None if _POINTS in there else next(iter(there), None)

    def add(self, cells: "pa.Array") -> None:
        """Takes in the cells of more rows."""
        import pyarrow.compute as pc

        if not self.open:
            return
        texts = pc.unique(cells.drop_null())
        missing = _missing(texts)
        self.marks |= set(texts.filter(missing).to_pylist())
        known = pc.utf8_trim_whitespace(texts.filter(pc.invert(missing)))
        if not len(known):
            return
        if not self.there:
            self.unit = _unit_of(known[0].as_py())
        self.there = True
        if self.unit:
            # Nothing but numbers has one; a cell without it is none of these.
            self.iso, self.forms = False, []
            self.styles = self.styles if _all(known, re.escape(self.unit)) else []
            known = _bare(known, self.unit)
        self.styles = [one for one in self.styles if _all(known, _PLAIN if one == _POINTS else one.pattern)]
        self.forms = [form for form in self.forms if _all(known, _DATES[form]) and _fits(known, form)]
        self.iso = self.iso and not self.numbers and days_of(known.to_pandas()) is not None


@dataclass(frozen=True)
class Mend:
    """What is done to a column, in words; nothing where there are none."""

    says: str = ""
    marks: tuple[str, ...] = ()
    form: str = ""
    style: Style | None = None
    unit: str = ""

    def __call__(self, cells: "pa.Array") -> "pa.Array":
        import pandas as pd
        import pyarrow as pa
        import pyarrow.compute as pc

        if self.marks:
            cells = pc.if_else(pc.is_in(cells, value_set=pa.array(self.marks, pa.string())), None, cells)
        if self.unit:
            cells = _bare(pc.utf8_trim_whitespace(cells), self.unit)
        if self.style:
            cells = pc.utf8_trim_whitespace(cells)
            if self.style.between:
                cells = pc.replace_substring_regex(cells, self.style.between, "")
            return pc.replace_substring(cells, self.style.decimal, ".")
        if self.form:
            days = pd.to_datetime(pc.utf8_trim_whitespace(cells).to_pandas(), format=self.form)
            iso = "%Y-%m-%dT%H:%M:%S" if ":" in self.form else "%Y-%m-%d"
            return pa.array(days.dt.strftime(iso), pa.string(), from_pandas=True)
        return cells


def repaired(plain: Path, target: Path, delimiter: str, say: Say) -> tuple[Path, list[str]]:
    """Numbers with a point, dates in ISO 8601, empty cells for missing values; and what was changed."""
    header = header_of(plain)
    seen = [Cells() for _ in header]
    for batch in batches(plain, say, "reading"):
        for cells, column in zip(seen, batch.columns, strict=True):
            cells.add(column)
    decimals = {cells.decimal for cells in seen} - {""}
    # Where columns disagree, each is read by itself.
    decimal = decimals.pop() if len(decimals) == 1 else ""
    mends = [_mend(cells, decimal, delimiter) for cells in seen]
    if not any(mend.says for mend in mends):
        return plain, []
    _write(plain, target, header, mends, say)
    return target, [f"{name}: {mend.says}" for name, mend in zip(header, mends, strict=True) if mend.says]


def _write(plain: Path, target: Path, header: Sequence[str], mends: Sequence[Mend], say: Say) -> None:
    with target.open("w", newline="", encoding="utf-8") as file:
        # Not Arrow's writer, which quotes every text.
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        for batch in batches(plain, say, "mending"):
            columns = [mend(cells).to_pylist() for mend, cells in zip(mends, batch.columns, strict=True)]
            writer.writerows(zip(*columns, strict=True))


def _unit_of(text: str) -> str:
    return next((sign for sign in (*text[-1:], *text.lstrip("+-")[:1]) if sign in _UNITS), "")


def _bare(texts: "pa.Array", unit: str) -> "pa.Array":
    """Without the sign before or behind a number; one in between stays, and makes it none."""
    import pyarrow.compute as pc

    sign = re.escape(unit)
    return pc.replace_substring_regex(texts, f"^([-+]?){sign}\\s*|\\s*{sign}$", "\\1")


def _missing(texts: "pa.Array") -> "pa.Array":
    import pyarrow as pa
    import pyarrow.compute as pc

    return pc.is_in(pc.utf8_lower(pc.utf8_trim_whitespace(texts)), value_set=pa.array(MISSING))


def _all(texts: "pa.Array", pattern: str) -> bool:
    import pyarrow.compute as pc

    return bool(pc.all(pc.match_substring_regex(texts, pattern)).as_py())


def _fits(texts: "pa.Array", form: str) -> bool:
    import pandas as pd

    return bool(pd.to_datetime(texts.to_pandas(), format=form, errors="coerce").notna().all())


def _mend(cells: Cells, decimal: str, delimiter: str) -> Mend:
    if not cells.there or not cells.open:
        return Mend()
    marks = tuple(sorted(cells.marks))
    missing = f"{', '.join(map(repr, marks[:3]))} is a missing value" if marks else ""
    # Two forms that disagree are none.
    form = cells.forms[0] if len(cells.forms) == 1 else ""
    style = cells.style(decimal, delimiter) if form != _COMPACT else None
    if style or (cells.unit and cells.styles):
        unit = f"the sign {cells.unit} left out" if cells.unit else ""
        says = "; ".join(filter(None, [unit, style.says if style else "", missing]))
        return Mend(says, marks, style=style, unit=cells.unit)
    if cells.numbers and form != _COMPACT:
        return Mend(missing, marks)
    if form:
        return Mend("; ".join(filter(None, [f"dates read as {form}", missing])), marks, form)
    return Mend(missing, marks) if cells.iso else Mend()
