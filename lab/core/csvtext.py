"""Whether a file is CSV text at all: encoding, header and shape, told in a person's words before pandas sees it."""

import codecs
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lab.core.csvformat import HEAD, conversion, foreign
from lab.core.dataset import COLUMNS, read_records
from lab.core.errors import DatasetInvalid

_CHUNK = 1 << 20
READABLE, COLUMNS_RULE = "is_utf8_csv", "has_expected_columns"


@dataclass(frozen=True)
class Violation:
    """One broken rule: the check it belongs to, where, how often, and one example."""

    check: str
    column: str
    rule: str
    count: int
    example: str = ""

    def __str__(self) -> str:
        where = f"{self.column}: " if self.column else ""
        example = f", for example {self.example}" if self.example else ""
        if self.check == READABLE and self.count == 1:
            # What a file is, it is once.
            return f"{self.rule}{example}"
        return f"{where}{self.rule} ({self.count}{example})"


@dataclass(frozen=True)
class Shape:
    """The header as it is, and what is wrong with file, header or rows."""

    header: tuple[str, ...] = ()
    violations: tuple[Violation, ...] = ()

    @property
    def extra(self) -> tuple[str, ...]:
        return tuple(name for name in self.header if name not in COLUMNS)


def inspect(path: Path) -> Shape:
    """Reads the file twice, in constant memory. Raises OSError."""
    broken = _encoding(path)
    if broken:
        return Shape(violations=(broken,))
    try:
        with path.open(newline="", encoding="utf-8") as file:
            records = read_records(file)
            header = tuple(next(records, []))
            problems = [*_header(header)] or [*_rows(header, records)]
    except DatasetInvalid as err:
        return Shape(violations=(Violation(READABLE, "", err.message.rstrip("."), 1),))
    return Shape(header, tuple(problems))


def refuse_unreadable(path: Path) -> None:
    """Raises DatasetInvalid for a file that is no CSV with the expected columns, and OSError."""
    violations = inspect(path).violations
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
        rule = f"rows must have as many cells as the header, {len(header)}"
        yield Violation(COLUMNS_RULE, "", rule, ragged, f"{odd} cells")


def _appended(header: tuple[str, ...], rows: int, empties: Mapping[int, int]) -> int:
    """How many commas stand behind the carriage return of every line, each a row by itself to whoever reads CSV."""
    if len(empties) != 1:
        return 0
    ((cells, times),) = empties.items()
    return cells - 1 if times == rows + 1 and cells != len(header) else 0


def _nameless(places: Sequence[int], columns: int) -> Violation:
    which = f"{', '.join(map(str, places[:5]))}{' and more' if len(places) > 5 else ''} of {columns}"
    rule = f"columns have no name, number {which}: delete them, or the commas at the ends of all lines"
    return Violation(COLUMNS_RULE, "", rule, len(places))


def _header(header: tuple[str, ...]) -> Iterator[Violation]:
    if not header:
        yield Violation(READABLE, "", "the file must begin with a header", 1)
        return
    nameless = [place for place, name in enumerate(header, 1) if not name.strip()]
    if nameless:
        yield _nameless(nameless, len(header))
        return
    if not {_plain(name) for name in header} & set(COLUMNS):
        rule = f"the first line has none of the {len(COLUMNS)} column names: it must be the header"
        # Not a word of the file: whoever reaches Dagster names any that the lab may read, and sees this.
        yield Violation(COLUMNS_RULE, "", rule, len(COLUMNS), COLUMNS[0])
        return
    for name, times in Counter(header).items():
        if times > 1:
            yield Violation(COLUMNS_RULE, name, "column appears more than once in the header", times)
    for name in COLUMNS:
        if name not in header:
            close = next((one for one in header if _plain(one) == name), "")
            rule = f"column is missing; write {close!r} so" if close else "column is missing"
            yield Violation(COLUMNS_RULE, name, rule, 1)


def _plain(name: str) -> str:
    return "_".join(name.lower().split())


def _encoding(path: Path) -> Violation | None:
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
    if said := foreign(head):
        return Violation(READABLE, "", said, 1)
    if nuls:
        return Violation(READABLE, "", "the file has NUL bytes: it is binary or damaged", nuls)
    broken = broken or _undecodable(decoder, b"", lines, final=True)
    if broken:
        byte, line = broken
        rule = f"the file is not UTF-8; if it is Windows-1252 or Latin-1, {conversion('cp1252')}"
        return Violation(READABLE, "", rule, 1, f"byte 0x{byte:02x} in line {line}")
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
