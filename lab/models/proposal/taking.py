"""A person's data as the lab's own CSV: what another program wrote is understood, and each change is said."""

import csv
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from lab.base.csv_text import HEAD, delimiter_of, encoding_of, foreign, inspect
from lab.base.dataset import read_records
from lab.base.errors import DatasetInvalid
from lab.models.snapshot import as_csv, is_parquet

_MOST = 2 << 30
_EXCELS_LINE = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)
# What programs write for a missing value, in a column that is otherwise numbers or dates.
MISSING = {"na", "n/a", "nan", "null", "none", "?", "-", "--", "nil", "#n/a", ".", "missing"}
_NUMBER = re.compile(r"\s*[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?\s*")
_COMMA = re.compile(r"\s*[-+]?\d+,\d+\s*")
_DATES = {
    "%d.%m.%Y": re.compile(r"\d{1,2}\.\d{1,2}\.\d{4}"),
    "%d/%m/%Y": re.compile(r"\d{1,2}/\d{1,2}/\d{4}"),
    "%m/%d/%Y": re.compile(r"\d{1,2}/\d{1,2}/\d{4}"),
    "%Y/%m/%d": re.compile(r"\d{4}/\d{1,2}/\d{1,2}"),
    "%Y%m%d": re.compile(r"(19|20)\d{6}"),
}
_KEEP: Callable[[str], str] = str


@dataclass(frozen=True)
class Taken:
    """`path` is the lab's own CSV of the data; `changes` are what differs from the file that was given.

    `original` may serve as it is: the lab reads it itself.
    """

    path: Path
    changes: tuple[str, ...]
    original: bool


def take(source: Path, folder: Path) -> Taken:
    """Reads a CSV of any dialect, or Parquet, into `folder`. Raises DatasetInvalid for what is neither."""
    try:
        if source.stat().st_size > _MOST:
            raise DatasetInvalid(f"{source} has more than {_MOST >> 30} GiB.", "Give a sample of it.")
        if is_parquet(source):
            as_csv(source, folder / "table.csv", _MOST, lambda _: None)
            return Taken(folder / "table.csv", (), True)
        return _text(source, folder)
    except OSError as err:
        raise DatasetInvalid(f"Can't read {source}: {err.strerror}.", "Name a CSV or Parquet file.") from None


def _text(source: Path, folder: Path) -> Taken:
    with source.open("rb") as file:
        head = file.read(HEAD)
    encoding = encoding_of(head)
    lines = head.decode(encoding, errors="replace").splitlines()
    skip = next((number for number, line in enumerate(lines) if line.strip()), 0)
    excels = _EXCELS_LINE.fullmatch(lines[skip]) if lines else None
    skip += bool(excels)
    delimiter = (excels[1] if excels else delimiter_of(lines[skip], ()) if len(lines) > skip else "") or ","
    changes: list[str] = []
    changes += [f"read as {encoding}"] if not encoding.startswith("utf-8") else []
    changes += [f"split at {delimiter!r}"] if delimiter != "," else []
    if not changes and not excels and (said := foreign(head, ())):
        raise DatasetInvalid(f"{source}: {said}.")
    plain = folder / "plain.csv"
    changes += _rewrite(source, plain, encoding, delimiter, skip)
    repaired, mended = _repaired(plain, folder / "table.csv", delimiter)
    changed = (*changes, *mended)
    return Taken(repaired, changed, not changed and not excels)


def _rewrite(source: Path, target: Path, encoding: str, delimiter: str, skip: int) -> list[str]:
    """UTF-8, commas, one line for each row, a name for each column; and the names that were made."""
    try:
        with source.open(newline="", encoding=encoding) as file, target.open("w", newline="", encoding="utf-8") as out:
            for _ in range(skip):
                next(file)
            writer = csv.writer(out, lineterminator="\n")
            reader = csv.reader(_unmarked(file), delimiter=delimiter, strict=True)
            named, said = _named(next(reader, []))
            writer.writerow(named)
            writer.writerows(record for record in reader if any(map(str.strip, record)))
        with target.open(newline="", encoding="utf-8") as file:
            header = next(read_records(file), [])
    except (csv.Error, UnicodeDecodeError) as err:
        raise DatasetInvalid(f"{source} is no CSV: {err}.", "Save it as CSV in UTF-8.") from None
    if len(header) < 2:
        raise DatasetInvalid(f"{source} has no two columns.", "Save it as CSV with commas between the columns.")
    if broken := inspect(target, header).violations:
        raise DatasetInvalid(f"{source} can't be used: {'; '.join(map(str, broken))}.", "Mend it there.")
    return said


def _named(header: Sequence[str]) -> tuple[list[str], list[str]]:
    """Names where there is none: pandas writes its index so."""
    names = [name if name.strip() else f"column {place}" for place, name in enumerate(header, 1)]
    return names, [f"{new} had no name" for new, old in zip(names, header, strict=True) if new != old]


def _unmarked(lines: Iterator[str]) -> Iterator[str]:
    yield next(lines, "").removeprefix("\ufeff")
    yield from lines


def _repaired(plain: Path, target: Path, delimiter: str) -> tuple[Path, list[str]]:
    """Numbers with a point, dates in ISO 8601, empty cells for missing values; and what was changed."""
    header, seen = _seen(plain)
    mends = [_mend(cells, delimiter) for cells in seen]
    if not any(said for said, _ in mends):
        return plain, []
    with plain.open(newline="", encoding="utf-8") as file, target.open("w", newline="", encoding="utf-8") as out:
        records, writer = read_records(file), csv.writer(out, lineterminator="\n")
        writer.writerow(next(records))
        for record in records:
            writer.writerow([mend(cell) for (_, mend), cell in zip(mends, record, strict=True)])
    return target, [f"{name}: {said}" for name, (said, _) in zip(header, mends, strict=True) if said]


def _seen(path: Path) -> tuple[list[str], list[dict[str, None]]]:
    """The header, and the distinct cells of each column until they are clearly many."""
    with path.open(newline="", encoding="utf-8") as file:
        records = read_records(file)
        header = next(records)
        seen: list[dict[str, None]] = [{} for _ in header]
        for record in records:
            for cells, cell in zip(seen, record, strict=True):
                if len(cells) < 100_000:
                    cells[cell] = None
    return header, seen


def _mend(cells: Sequence[str] | dict[str, None], delimiter: str) -> tuple[str, Callable[[str], str]]:
    """What is done to a column's cells, in words, and the doing."""
    there = [cell for cell in cells if cell.strip() and cell.strip().lower() not in MISSING]
    marks = [cell for cell in cells if cell.strip().lower() in MISSING or (cell and not cell.strip())]
    if not there:
        return "", _KEEP
    empty = dict.fromkeys(marks, "")
    said = f"{', '.join(map(repr, sorted(marks)[:3]))} is a missing value" if marks else ""
    if all(map(_NUMBER.fullmatch, there)) and not all(map(_DATES["%Y%m%d"].fullmatch, there)):
        return said, lambda cell: empty.get(cell, cell)
    if delimiter != "," and all(_COMMA.fullmatch(cell) or _NUMBER.fullmatch(cell) for cell in there):
        words = "; ".join(filter(None, ["decimal commas made points", said]))
        return words, lambda cell: empty.get(cell, cell).replace(",", ".")
    if form := _form(there):
        words = "; ".join(filter(None, [f"dates read as {form}", said]))
        return words, lambda cell: "" if not cell or cell in empty else _iso(cell.strip(), form)
    if all(_is_iso(cell) for cell in there):
        return said, lambda cell: empty.get(cell, cell)
    return "", _KEEP


def _form(cells: Sequence[str]) -> str:
    """The one form in which all cells are dates; empty for none, and for two that disagree."""
    found = [form for form, shape in _DATES.items() if all(map(shape.fullmatch, cells)) and _fits(cells, form)]
    return found[0] if len(found) == 1 else ""


def _fits(cells: Sequence[str], form: str) -> bool:
    try:
        return all(_iso(cell, form) for cell in cells)
    except ValueError:
        return False


def _iso(cell: str, form: str) -> str:
    return datetime.strptime(cell, form).date().isoformat()


def _is_iso(cell: str) -> bool:
    try:
        return bool(datetime.fromisoformat(cell.strip()))
    except ValueError:
        return False
