"""A person's data as the lab's own CSV: what another program wrote is understood, and each change is said."""

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from lab.base.errors import DatasetInvalid
from lab.models.csv_text import HEAD, delimiter_of, encoding_of, foreign, inspect, other_kind
from lab.models.dataset_csv import as_csv, is_parquet
from lab.models.proposal.csv_batches import Say, header_of
from lab.models.proposal.mending import repaired

_MOST = 2 << 30
# Ten thousand columns have names of some 200 kB.
_LONGEST_HEADER = 4 << 20
_GIVE = "Name a CSV or Parquet file."
_HEADER = "Save it as CSV, the columns' names first, with commas between them."
# Rows between two lines about how far it is; a multiple of what is read at once.
_SAID = 200_000
_EXCELS_LINE = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)


@dataclass(frozen=True)
class Taken:
    """`path` is the lab's own CSV of the data; `changes` are what differs from the file that was given.

    `original` may serve as it is: the lab reads it itself.
    """

    path: Path
    changes: tuple[str, ...]
    original: bool


def take(source: Path, folder: Path, say: Say = lambda _: None) -> Taken:
    """Reads a CSV of any dialect, or Parquet, into `folder`. Raises DatasetInvalid for what is neither."""
    try:
        if source.exists() and not source.is_file():
            raise DatasetInvalid(f"{source} is no file.", _GIVE)
        if source.stat().st_size > _MOST:
            raise DatasetInvalid(f"{source} has more than {_MOST >> 30} GiB.", "Give a sample of it.")
        if is_parquet(source):
            as_csv(source, folder / "table.csv", _MOST, lambda rows: _told(say, rows))
            return Taken(folder / "table.csv", (), True)
        return _text(source, folder, say)
    except OSError as err:
        raise DatasetInvalid(f"Can't read {source}: {err.strerror}.", _GIVE) from None


def _told(say: Say, rows: int) -> None:
    if rows % _SAID == 0:
        say(f"unpacking: {rows:,} rows so far")


def _text(source: Path, folder: Path, say: Say) -> Taken:
    with source.open("rb") as file:
        begin = file.read(_LONGEST_HEADER)
    head = begin[:HEAD]
    if len(begin) == _LONGEST_HEADER and not {*b"\r\n"} & {*begin}:
        raise DatasetInvalid(f"The first line of {source} has more than {len(begin) >> 20} MB.", _HEADER)
    if said := other_kind(head):
        raise DatasetInvalid(f"{source}: {said}.")
    encoding = encoding_of(head)
    if 0 in head and not encoding.startswith("utf-16"):
        raise DatasetInvalid(f"{source} is neither text nor Parquet.", _GIVE)
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
    plain = source
    if changes or skip or not _sound(source):
        plain = folder / "plain.csv"
        changes += _rewrite(source, plain, encoding, delimiter, skip)
    mended, said_of_cells = repaired(plain, folder / "table.csv", delimiter, say)
    changed = (*changes, *said_of_cells)
    return Taken(mended, changed, not changed and not excels)


def _sound(source: Path) -> bool:
    """Whether the lab can read it as it is."""
    try:
        header = header_of(source)
        return len(header) > 1 and not inspect(source, header).violations
    except (DatasetInvalid, UnicodeDecodeError):
        return False


def _rewrite(source: Path, target: Path, encoding: str, delimiter: str, skip: int) -> list[str]:
    """UTF-8, commas, one line for each row, a name for each column; and what else was changed for that."""
    empty = 0
    try:
        with source.open(newline="", encoding=encoding) as file, target.open("w", newline="", encoding="utf-8") as out:
            for _ in range(skip):
                next(file)
            writer = csv.writer(out, lineterminator="\n")
            reader = csv.reader(_unmarked(file), delimiter=delimiter, strict=True)
            named, said = _named(next(reader, []))
            writer.writerow(named)
            for record in reader:
                if any(map(str.strip, record)):
                    writer.writerow(record)
                else:
                    empty += bool(record)
        header = header_of(target)
    except (csv.Error, UnicodeDecodeError) as err:
        why = f"byte {err.start} is no letter of {encoding}" if isinstance(err, UnicodeDecodeError) else err
        raise DatasetInvalid(f"{source} is no CSV: {why}.", "Save it as CSV in UTF-8.") from None
    if len(header) < 2:
        found = (
            f"{source} has no two columns: its first line is {header[0][:60]!r}." if header else f"{source} is empty."
        )
        raise DatasetInvalid(found, _HEADER)
    if broken := inspect(target, header).violations:
        raise DatasetInvalid(f"{source} can't be used: {'; '.join(map(str, broken))}.", "Mend it there.")
    return [*said, *([f"{empty} rows with nothing but empty cells left out"] if empty else [])]


def _named(header: Sequence[str]) -> tuple[list[str], list[str]]:
    """Names where there is none: pandas writes its index so."""
    names = [name if name.strip() else f"column {place}" for place, name in enumerate(header, 1)]
    return names, [f"{new} had no name" for new, old in zip(names, header, strict=True) if new != old]


def _unmarked(lines: Iterator[str]) -> Iterator[str]:
    yield next(lines, "").removeprefix("\ufeff")
    yield from lines
