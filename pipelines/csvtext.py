"""Whether a file is CSV text at all: encoding, header and shape, told in a person's words before pandas sees it."""

import codecs
import csv
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from lab.core.dataset import COLUMNS

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
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file, strict=True)
            header = tuple(next(reader, []))
            problems = _header(header)
            lengths = Counter(len(record) for record in reader if record)
    except csv.Error as err:
        return Shape(violations=(Violation(READABLE, "", f"the text is no CSV: {err}", 1),))
    ragged = sum(times for length, times in lengths.items() if length != len(header))
    if ragged and header:
        odd = next(length for length in lengths if length != len(header))
        rule = f"rows must have as many cells as the header, {len(header)}"
        problems.append(Violation(COLUMNS_RULE, "", rule, ragged, f"{odd} cells"))
    return Shape(header, tuple(problems))


def _header(header: tuple[str, ...]) -> list[Violation]:
    if not header:
        return [Violation(READABLE, "", "the file must begin with a header", 1)]
    problems = [
        Violation(COLUMNS_RULE, name, "column appears more than once in the header", times)
        for name, times in Counter(header).items()
        if times > 1
    ]
    problems += [Violation(COLUMNS_RULE, name, "column is missing", 1) for name in COLUMNS if name not in header]
    return problems


def _encoding(path: Path) -> Violation | None:
    """The first reason why the bytes are no UTF-8 text."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    size = nuls = lines = 0
    start = b""
    broken: tuple[int, int] | None = None
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            start = start or chunk[:4]
            size += len(chunk)
            nuls += chunk.count(0)
            broken = broken or _undecodable(decoder, chunk, lines)
            lines += chunk.count(b"\n")
    if not size:
        return Violation(READABLE, "", "the file is empty", 1)
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return Violation(READABLE, "", "the file is UTF-16: save it as UTF-8", 1)
    if nuls:
        return Violation(READABLE, "", "the file has NUL bytes: it is binary or damaged", nuls)
    broken = broken or _undecodable(decoder, b"", lines, final=True)
    if broken:
        byte, line = broken
        rule = "the file is not UTF-8; if it is Latin-1, convert it with `iconv -f latin1 -t utf-8`"
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
