"""Whether a file is CSV with the data set's columns, told in a person's words before pandas sees it.

Its first bytes, its encoding, its header and the lengths of its rows are looked at; values are `lab.training.schema`'s.
"""

import codecs
import csv
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lab.base.dataset import read_records
from lab.base.errors import DatasetInvalid

# As much of a file as its kind is told by.
HEAD = 1 << 16
_SAVE = "save the sheet as CSV in UTF-8, with commas between the columns"
_CONVERT_JSON = (
    "convert it by `python -c \"import pandas; pandas.read_json('IN.json').to_csv('OUT.csv', index=False)\"`"
)
# What other programs put first.
_KINDS = (
    (b"PK\x03\x04", f"the file is an Excel or OpenDocument workbook, not CSV: open it and {_SAVE}"),
    (b"\xd0\xcf\x11\xe0", f"the file is an old Excel workbook (.xls), not CSV: open it and {_SAVE}"),
    (b"\x1f\x8b", "the file is compressed with gzip: unpack it with `gunzip`"),
    (b"PAR1", "the file is Parquet, not CSV: write it with pandas' `to_csv`"),
    (b"%PDF", f"the file is a PDF, not CSV: go back to the sheet it was made of and {_SAVE}"),
    (b"<!DOCTYPE", "the file is a web page, not CSV: download the data itself"),
    (b"[{", f"the file is JSON, not CSV: {_CONVERT_JSON}"),
    (b'{"', f"the file is JSON, not CSV: {_CONVERT_JSON}"),
    (b"<html", "the file is a web page, not CSV: download the data itself"),
)
_DELIMITERS = {";": "semicolons", "\t": "tabs", "|": "vertical bars"}
_BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_EXCELS_LINE = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)


def foreign(head: bytes, columns: Sequence[str]) -> str:
    """What the file that begins with `head` is instead of UTF-8 text with commas, and what to do; empty if it may be.

    `columns` are those it should have. An encoding that shows only later isn't found here.
    """
    if said := other_kind(head):
        return said
    encoding = encoding_of(head)
    if 0 in head and not encoding.startswith("utf-16"):
        return ""
    lines = head.decode(encoding, errors="replace").splitlines()
    first = next((line for line in lines if line.strip()), "")
    excels = _EXCELS_LINE.fullmatch(first)
    names = lines[lines.index(first) + 1] if excels and len(lines) > lines.index(first) + 1 else first
    delimiter = delimiter_of(names, columns) or ("," if excels is None else excels[1])
    faults = [*_faults(encoding, delimiter, first if excels else "")]
    if faults:
        return f"{' and '.join(faults)}: {conversion(encoding, delimiter, bool(excels))}"
    (cell,) = [*next(csv.reader([names]), ()), ""][:1]
    if _known(next(csv.reader([cell]), []), columns) > 1:
        return "each line is one quoted cell: remove the quotes around whole lines"
    return ""


def other_kind(head: bytes) -> str:
    """What the file that begins with `head` is if it is no table of text; empty if it may be one."""
    begins = head.lstrip().upper()
    return next((said for magic, said in _KINDS if begins.startswith(magic.upper())), "")


def _faults(encoding: str, delimiter: str, excels: str) -> Iterable[str]:
    if encoding.startswith("utf-16"):
        yield "the file is UTF-16, as Excel's “Unicode Text”"
    if excels:
        yield f"the first line is Excel's own {excels.strip()!r} and no header"
    if delimiter != ",":
        yield f"the columns are separated by {_DELIMITERS.get(delimiter, repr(delimiter))}, not commas"


def conversion(encoding: str = "utf-8", delimiter: str = ",", skip: bool = False) -> str:
    """How to save a file of that kind."""
    options = "" if delimiter == "," else f", sep={delimiter!r}, decimal=','"
    options += "" if encoding.startswith("utf-8") else f", encoding={encoding!r}"
    options += ", skiprows=1" if skip else ""
    code = f"import pandas; pandas.read_csv('IN.csv'{options}).to_csv('OUT.csv', index=False)"
    return f'{_SAVE} and points in numbers, or convert it by `python -c "{code}"`'


def encoding_of(head: bytes) -> str:
    """`utf-8`, `utf-8-sig`, `utf-16`, `utf-16-le`, `utf-16-be` or, when it is none of them, `cp1252`."""
    for bom, name in _BOMS:
        if head.startswith(bom):
            return name
    even, odd = head[::2].count(0), head[1::2].count(0)
    # Zeros on both sides are no text's.
    if len(head) > 3 and max(even, odd) > len(head) / 4 and min(even, odd) <= max(even, odd) / 8:
        return "utf-16-le" if odd > even else "utf-16-be"
    try:
        # A character that the end of the head cuts is no fault.
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8"


def delimiter_of(line: str, columns: Sequence[str]) -> str:
    """What separates the names of a header, which should be `columns`; empty when nothing does."""
    found = {mark: next(csv.reader([line], delimiter=mark), []) for mark in (",", *_DELIMITERS)}
    best = max(found, key=lambda mark: (_known(found[mark], columns), len(found[mark])))
    return best if len(found[best]) > 1 else ""


def _known(names: Iterable[str], columns: Sequence[str]) -> int:
    return len({name.strip() for name in names} & set(columns))


_CHUNK = 1 << 20
READABLE, COLUMNS_RULE, VALUES_RULE = "is_utf8_csv", "has_expected_columns", "has_valid_values"


@dataclass(frozen=True)
class Violation:
    """One broken rule: the check it belongs to, where, what is wrong there, how often, and one example."""

    check: str
    column: str
    problem: str
    count: int
    example: str = ""

    def __str__(self) -> str:
        where = f"{self.column}: " if self.column else ""
        example = f", for example {self.example}" if self.example else ""
        if self.check == READABLE and self.count == 1:
            # What a file is, it is once.
            return f"{self.problem}{example}"
        if self.check == VALUES_RULE:
            return f"{where}{self.problem} in {self.count:,} {'cell' if self.count == 1 else 'cells'}{example}"
        return f"{where}{self.problem} ({self.count}{example})"


@dataclass(frozen=True)
class Shape:
    """What a header has beside the expected columns, and what is wrong with file, header or rows."""

    extra: tuple[str, ...] = ()
    violations: tuple[Violation, ...] = ()


def inspect(path: Path, columns: Sequence[str]) -> Shape:
    """Whether the file is CSV with `columns`. Reads it twice, in constant memory. Raises OSError."""
    broken = _encoding(path, columns)
    if broken:
        return Shape(violations=(broken,))
    try:
        with path.open(newline="", encoding="utf-8") as file:
            records = read_records(file)
            header = tuple(next(records, []))
            problems = [*_header(header, columns)] or [*_rows(header, records)]
    except DatasetInvalid as err:
        return Shape(violations=(Violation(READABLE, "", err.message.rstrip("."), 1),))
    return Shape(tuple(name for name in header if name not in columns), tuple(problems))


def refuse_unreadable(path: Path, columns: Sequence[str]) -> None:
    """Raises DatasetInvalid for a file that is no CSV with `columns`, and OSError."""
    violations = inspect(path, columns).violations
    if violations:
        raise DatasetInvalid(f"{path} can't be used: {'; '.join(map(str, violations))}.")


def _rows(header: tuple[str, ...], records: Iterable[list[str]]) -> Iterator[Violation]:
    lengths, empties, repeated = Counter[int](), Counter[int](), 0
    for record in records:
        if not any(map(str.strip, record)):
            empties[len(record)] += 1
        elif tuple(record) == header:
            repeated += 1
        else:
            lengths[len(record)] += 1
    if (commas := _appended(header, lengths.total() + repeated, empties)) > 0:
        yield _nameless(range(len(header) + 1, len(header) + commas + 1), len(header) + commas)
        return
    if empty := empties.total():
        yield Violation(COLUMNS_RULE, "", "rows hold nothing but commas: delete them and save the file again", empty)
    if repeated:
        yield Violation(COLUMNS_RULE, "", "the header is repeated among the rows: delete it there", repeated)
    ragged = sum(times for length, times in lengths.items() if length != len(header))
    if ragged:
        odd = next(length for length in lengths if length != len(header))
        problem = f"rows don't have as many cells as the header, {len(header)}"
        yield Violation(COLUMNS_RULE, "", problem, ragged, f"{odd} cells")


def _appended(header: tuple[str, ...], rows: int, empties: Mapping[int, int]) -> int:
    """How many commas stand behind the carriage return of every line, each a row by itself to whoever reads CSV."""
    if len(empties) != 1:
        return 0
    ((cells, times),) = empties.items()
    return cells - 1 if times == rows + 1 and cells != len(header) else 0


def _nameless(places: Sequence[int], columns: int) -> Violation:
    which = f"{', '.join(map(str, places[:5]))}{' and more' if len(places) > 5 else ''} of {columns}"
    problem = f"columns have no name, number {which}: delete them, or the commas at the ends of all lines"
    return Violation(COLUMNS_RULE, "", problem, len(places))


def _header(header: tuple[str, ...], columns: Sequence[str]) -> Iterator[Violation]:
    if not header:
        yield Violation(READABLE, "", "the file doesn't begin with a header", 1)
        return
    nameless = [place for place, name in enumerate(header, 1) if not name.strip()]
    if nameless:
        yield _nameless(nameless, len(header))
        return
    if not {_plain(name) for name in header} & set(map(_plain, columns)):
        problem = f"the first line has none of the {len(columns)} column names: it must be the header"
        # Not a word of the file: whoever reaches Dagster names any that the lab may read, and sees this.
        yield Violation(COLUMNS_RULE, "", problem, len(columns), columns[0])
        return
    for name, times in Counter(header).items():
        if times > 1:
            yield Violation(COLUMNS_RULE, name, "column appears more than once in the header", times)
    for name in columns:
        if name not in header:
            close = next((one for one in header if _plain(one) == _plain(name)), "")
            problem = f"column is missing; write {close!r} so" if close else "column is missing"
            yield Violation(COLUMNS_RULE, name, problem, 1)


def _plain(name: str) -> str:
    return "_".join(name.lower().split())


def _encoding(path: Path, columns: Sequence[str]) -> Violation | None:
    """The first reason why the bytes are no UTF-8 text with commas."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    size = nuls = lines = 0
    head = b""
    broken: tuple[int, int] | None = None
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            head += chunk[: HEAD - len(head)] if len(head) < HEAD else b""
            size += len(chunk)
            nuls += chunk.count(0)
            broken = broken or _undecodable(decoder, chunk, lines)
            lines += chunk.count(b"\n")
    if not size:
        return Violation(READABLE, "", "the file is empty", 1)
    if said := foreign(head, columns):
        return Violation(READABLE, "", said, 1)
    if nuls:
        return Violation(READABLE, "", "the file has NUL bytes: it is binary or damaged", nuls)
    broken = broken or _undecodable(decoder, b"", lines, final=True)
    if broken:
        byte, line = broken
        problem = f"the file is not UTF-8; if it is Windows-1252 or Latin-1, {conversion('cp1252')}"
        return Violation(READABLE, "", problem, 1, f"byte 0x{byte:02x} in line {line}")
    return None


def _undecodable(
    decoder: codecs.IncrementalDecoder, chunk: bytes, lines: int, final: bool = False
) -> tuple[int, int] | None:
    """The first byte that isn't UTF-8 and the line it is in, counted from 1."""
    try:
        decoder.decode(chunk, final)
    except UnicodeDecodeError as err:
        decoder.reset()
        return err.object[err.start], lines + err.object[: err.start].count(b"\n") + 1
    return None
