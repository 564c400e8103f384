"""What a file is that calls itself CSV and isn't: told by its first bytes, in one sentence that says how to save it."""

import codecs
import csv
import re
from collections.abc import Iterable

from lab.core.dataset import COLUMNS

# As much of a file as its kind is told by.
HEAD = 1 << 16
_SAVE = "save the sheet as CSV in UTF-8, with commas between the columns"
# What other programs put first.
_KINDS = (
    (b"PK\x03\x04", f"the file is an Excel or OpenDocument workbook, not CSV: open it and {_SAVE}"),
    (b"\xd0\xcf\x11\xe0", f"the file is an old Excel workbook (.xls), not CSV: open it and {_SAVE}"),
    (b"\x1f\x8b", "the file is compressed with gzip: unpack it with `gunzip`"),
    (b"PAR1", "the file is Parquet, not CSV: write it with pandas' `to_csv`"),
    (b"%PDF", f"the file is a PDF, not CSV: go back to the sheet it was made of and {_SAVE}"),
    (b"<!DOCTYPE", "the file is a web page, not CSV: download the data itself"),
    (b"<html", "the file is a web page, not CSV: download the data itself"),
)
_DELIMITERS = {";": "semicolons", "\t": "tabs", "|": "vertical bars"}
_BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_EXCELS_LINE = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)


def foreign(head: bytes) -> str:
    """What the file that begins with `head` is instead of UTF-8 text with commas, and what to do; empty if it may be.

    An encoding that shows only later isn't found here.
    """
    for magic, said in _KINDS:
        if head.lstrip()[: len(magic)].upper() == magic.upper():
            return said
    encoding = encoding_of(head)
    if 0 in head and not encoding.startswith("utf-16"):
        return ""
    lines = head.decode(encoding, errors="replace").splitlines()
    first = next((line for line in lines if line.strip()), "")
    excels = _EXCELS_LINE.fullmatch(first)
    names = lines[lines.index(first) + 1] if excels and len(lines) > lines.index(first) + 1 else first
    delimiter = delimiter_of(names) or ("," if excels is None else excels[1])
    faults = [*_faults(encoding, delimiter, first if excels else "")]
    if faults:
        return f"{' and '.join(faults)}: {conversion(encoding, delimiter, bool(excels))}"
    (cell,) = [*next(csv.reader([names]), ()), ""][:1]
    if _known(next(csv.reader([cell]), [])) > 1:
        return "each line is one quoted cell: remove the quotes around whole lines"
    return ""


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
    if len(head) > 3 and max(even, odd) > len(head) / 4:
        return "utf-16-le" if odd > even else "utf-16-be"
    try:
        # A character that the end of the head cuts is no fault.
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8"


def delimiter_of(line: str) -> str:
    """What separates the names of a header; empty when nothing does."""
    found = {mark: next(csv.reader([line], delimiter=mark), []) for mark in (",", *_DELIMITERS)}
    best = max(found, key=lambda mark: (_known(found[mark]), len(found[mark])))
    return best if len(found[best]) > 1 else ""


def _known(names: Iterable[str]) -> int:
    return len({name.strip() for name in names} & set(COLUMNS))
