"""Each kind of file ends in a valid result or in violations a person can act on, never in an exception."""

import csv
import io
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from lab.base.dataset import read_rows
from lab.base.errors import DatasetInvalid
from lab.models import csv_text
from lab.models.csv_text import COLUMNS_RULE, READABLE, VALUES_RULE
from lab.training import dataset_checks as checks
from lab.training import fitting
from lab.training.dataset_checks import SIZE_RULE, Validation
from lab.training.steps.ingest_step import count_rows
from tests.support.contracts import CONTRACT, profile_of

COLUMNS, TARGET = tuple(CONTRACT.columns), CONTRACT.target
Write = Callable[[bytes], Path]


def replace_cell(sample: bytes, row: int, column: str, text: str) -> bytes:
    rows = list(csv.reader(io.StringIO(sample.decode())))
    rows[row][COLUMNS_OF_SAMPLE.index(column)] = text
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue().encode()


COLUMNS_OF_SAMPLE = (
    (Path(__file__).resolve().parents[2] / "data" / "sample_data.csv").read_text().partition("\n")[0].split(",")
)


def check_file(path: Path) -> Validation:
    return checks.check_file(path, CONTRACT)


def told(validation: Validation) -> str:
    return "; ".join(map(str, validation.violations))


def test_the_sample_is_valid(sample: bytes, data_file: Write) -> None:
    validation = check_file(data_file(sample))
    assert (validation.valid, validation.rows, validation.classes) == (True, 1000, {"bad": 300, "good": 700})
    assert validation.checked == checks.CHECKS


def test_an_empty_file_is_said_to_be_empty(data_file: Write) -> None:
    validation = check_file(data_file(b""))
    assert "the file is empty" in told(validation)
    assert validation.checked == (READABLE,)


def test_a_header_alone_has_too_few_rows_of_each_class(sample: bytes, data_file: Write) -> None:
    validation = check_file(data_file(sample.partition(b"\n")[0] + b"\n"))
    assert [v.count for v in validation.of(SIZE_RULE)] == [0, 0, 0]


def test_a_missing_target_is_named(sample: bytes, data_file: Write) -> None:
    lines = [line.rpartition(b",")[0] for line in sample.splitlines()]
    validation = check_file(data_file(b"\n".join(lines)))
    assert [(v.column, v.problem) for v in validation.violations] == [(TARGET, "column is missing")]
    assert validation.checked == (READABLE, COLUMNS_RULE)


def test_a_header_with_none_of_the_columns_is_one_violation(data_file: Write) -> None:
    (violation,) = check_file(data_file(b"a,b\n1,2\n")).violations
    assert "has none of the 21 column names" in violation.problem
    assert violation.example == COLUMNS[0], "the file may be any that the lab can read, and whoever launches sees this"


def test_a_header_that_only_looks_different_is_quoted(sample: bytes, data_file: Write) -> None:
    (violation,) = check_file(data_file(sample.replace(b"credit_amount", b"Credit Amount", 1))).violations
    assert (violation.column, violation.problem) == ("credit_amount", "column is missing; write 'Credit Amount' so")


def test_text_in_a_number_column_is_counted_with_an_example(sample: bytes, data_file: Write) -> None:
    body = replace_cell(replace_cell(sample, 3, "credit_amount", "lots"), 9, "credit_amount", "more")
    (violation,) = check_file(data_file(body)).violations
    assert (violation.column, violation.count, violation.example) == ("credit_amount", 2, "'lots'")
    assert "no number" in violation.problem


@pytest.mark.parametrize("text", ["0", "-5", "1e9", "inf", "-inf"])
def test_a_number_out_of_range_is_found(text: str, sample: bytes, data_file: Write) -> None:
    (violation,) = check_file(data_file(replace_cell(sample, 1, "credit_amount", text))).violations
    assert "not in 1 to 1e+06" in violation.problem


def test_an_unknown_category_is_found(sample: bytes, data_file: Write) -> None:
    (violation,) = check_file(data_file(replace_cell(sample, 1, "housing", "castle"))).violations
    assert (violation.column, violation.example) == ("housing", "'castle'")


def test_a_target_other_than_good_and_bad_is_found(sample: bytes, data_file: Write) -> None:
    (violation,) = check_file(data_file(replace_cell(sample, 1, TARGET, "maybe"))).violations
    assert (violation.column, violation.check) == (TARGET, VALUES_RULE)


@pytest.mark.parametrize("column", ["credit_amount", "housing", TARGET])
def test_an_empty_cell_is_found(column: str, sample: bytes, data_file: Write) -> None:
    (violation,) = check_file(data_file(replace_cell(sample, 1, column, ""))).violations
    assert (violation.column, violation.problem) == (column, "no value")


def test_the_word_none_is_a_category_and_no_empty_cell(sample: bytes, data_file: Write) -> None:
    assert check_file(data_file(replace_cell(sample, 1, "telephone", "none"))).valid


def test_all_broken_rules_are_reported_at_once(sample: bytes, data_file: Write) -> None:
    body = replace_cell(replace_cell(sample, 1, "housing", "castle"), 2, "age_in_years", "old")
    assert {v.column for v in check_file(data_file(body)).violations} == {"housing", "age_in_years"}


def test_counts_add_up_over_pieces(sample: bytes, data_file: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "_PIECE", 100)
    body = replace_cell(replace_cell(sample, 50, "housing", "castle"), 950, "housing", "tent")
    validation = check_file(data_file(body))
    assert [(v.count, v.example) for v in validation.violations] == [(2, "'castle'")]
    assert validation.rows == 1000


def test_a_broken_rule_reads_as_what_is_wrong(sample: bytes, data_file: Write) -> None:
    one = replace_cell(replace_cell(sample, 1, "housing", "castle"), 2, "credit_amount", "-5")
    more = replace_cell(replace_cell(one, 3, "housing", "tent"), 4, "telephone", "")
    assert set(told(check_file(data_file(more))).split("; ")) == {
        "housing: no known category in 2 cells, for example 'castle'",
        "credit_amount: not in 1 to 1e+06 in 1 cell, for example '-5'",
        "telephone: no value in 1 cell",
    }


def test_a_duplicate_header_is_found(sample: bytes, data_file: Write) -> None:
    header, _, rest = sample.partition(b"\n")
    body = header.replace(b"telephone", b"housing") + b"\n" + rest
    assert {(v.column, v.problem) for v in check_file(data_file(body)).violations} == {
        ("housing", "column appears more than once in the header"),
        ("telephone", "column is missing"),
    }


def test_a_header_repeated_among_the_rows_is_named(sample: bytes, data_file: Write) -> None:
    header = sample.partition(b"\n")[0]
    (violation,) = check_file(data_file(sample + header + b"\n")).violations
    assert (violation.problem, violation.count) == ("the header is repeated among the rows: delete it there", 1)


def test_a_binary_file_is_said_to_be_binary(data_file: Write) -> None:
    validation = check_file(data_file(b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(range(256)) * 50))
    assert "binary or damaged" in told(validation)


def test_nul_bytes_in_a_csv_are_counted(sample: bytes, data_file: Write) -> None:
    (violation,) = check_file(data_file(sample.replace(b"rent", b"re\x00t"))).violations
    assert violation.count == sample.count(b"rent")


def test_a_byte_order_mark_is_no_problem(sample: bytes, data_file: Write) -> None:
    assert check_file(data_file(b"\xef\xbb\xbf" + sample)).valid


def test_windows_line_ends_are_no_problem(sample: bytes, data_file: Write) -> None:
    assert check_file(data_file(sample.replace(b"\n", b"\r\n"))).valid


def test_latin_1_is_named_with_the_place_and_the_way_out(sample: bytes, data_file: Write) -> None:
    lines = sample.splitlines(keepends=True)
    lines[4] = lines[4].replace(b"none", "Bürge".encode("latin-1"), 1)
    (violation,) = check_file(data_file(b"".join(lines))).violations
    assert violation.example == "byte 0xfc in line 5"
    assert "encoding='cp1252'" in violation.problem


@pytest.mark.parametrize("chunk", [1, 7, 1 << 20])
def test_a_character_split_between_reads_is_whole(
    chunk: int, sample: bytes, data_file: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_text, "_CHUNK", chunk)
    assert csv_text.inspect(data_file("ä,ö\n1,2\n".encode()), ("ä",)).extra == ("ö",)


def test_a_file_that_ends_inside_a_character_is_not_utf8(sample: bytes, data_file: Write) -> None:
    assert "not UTF-8" in told(check_file(data_file(sample + b"\xc3")))


def test_utf_16_is_named(sample: bytes, data_file: Write) -> None:
    assert "UTF-16" in told(check_file(data_file(sample.decode().encode("utf-16"))))


def test_extra_columns_are_ignored_and_listed(sample: bytes, data_file: Write) -> None:
    lines = sample.splitlines()
    body = b"\n".join([lines[0] + b",branch", *(line + b",Jena" for line in lines[1:])])
    validation = check_file(data_file(body))
    assert (validation.valid, validation.extra_columns) == (True, ("branch",))


def test_rows_of_another_length_are_counted(sample: bytes, data_file: Write) -> None:
    (violation,) = check_file(data_file(sample + b"a,b,c\n" * 3)).violations
    assert (violation.check, violation.count, violation.example) == (COLUMNS_RULE, 3, "3 cells")


def test_an_unclosed_quote_is_no_csv(sample: bytes, data_file: Write) -> None:
    validation = check_file(data_file(sample + b'"' + b"x" * 200_000))
    assert not validation.valid
    assert validation.checked == (READABLE,)


def test_one_class_alone_is_not_enough(sample: bytes, data_file: Write) -> None:
    lines = [line for line in sample.splitlines(keepends=True) if not line.rstrip().endswith(b"bad")]
    (violation,) = check_file(data_file(b"".join(lines))).violations
    assert (violation.check, violation.count) == (SIZE_RULE, 0)
    assert "'bad'" in violation.problem


def test_blank_lines_at_the_end_are_no_rows(sample: bytes, data_file: Write) -> None:
    assert check_file(data_file(sample + b"\n\n\n")).rows == 1000


def separated(sample: bytes, mark: str, decimal: str = ".") -> str:
    out = io.StringIO()
    rows = csv.reader(io.StringIO(sample.decode()))
    csv.writer(out, delimiter=mark, lineterminator="\n").writerows(
        [cell.replace(".", decimal) if re.fullmatch(r"[\d.]+", cell) else cell for cell in row] for row in rows
    )
    return out.getvalue()


def quoted(sample: bytes) -> bytes:
    out = io.StringIO()
    csv.writer(out, quoting=csv.QUOTE_ALL).writerows(csv.reader(io.StringIO(sample.decode())))
    return out.getvalue().encode("utf-8-sig")


# What spreadsheets in other locales write, and what is said of it.
FOREIGN: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "semicolons": (lambda s: separated(s, ";").encode(), "the columns are separated by semicolons, not commas"),
    "decimal commas": (
        lambda s: separated(s.replace(b",1169,", b",1169.5,"), ";", ",").encode(),
        "the columns are separated by semicolons, not commas",
    ),
    "tabs": (lambda s: separated(s, "\t").encode("utf-8-sig"), "the columns are separated by tabs, not commas"),
    "bars": (lambda s: separated(s, "|").encode(), "the columns are separated by vertical bars, not commas"),
    "sep line": (
        lambda s: b"sep=;\r\n" + separated(s, ";").encode(),
        "the first line is Excel's own 'sep=;' and no header and the columns are separated by semicolons",
    ),
    "sep line with commas": (lambda s: b"sep=,\n" + s, "the first line is Excel's own 'sep=,' and no header: save"),
    "unicode text": (
        lambda s: separated(s, "\t").encode("utf-16"),
        "the file is UTF-16, as Excel's “Unicode Text” and the columns are separated by tabs",
    ),
    "utf-16 without a mark": (lambda s: s.decode().encode("utf-16-le"), "the file is UTF-16"),
    "windows": (lambda s: s.replace(b"rent", b"\x80uro"), "the file is not UTF-8; if it is Windows-1252 or Latin-1"),
    "semicolons in windows": (
        lambda s: separated(s, ";").encode().replace(b"rent", b"M\xfcller"),
        "the columns are separated by semicolons, not commas",
    ),
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_what_another_locale_writes_gets_one_sentence_whose_command_mends_it(
    kind: str, sample: bytes, data_file: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    make, said = FOREIGN[kind]
    path = data_file(make(sample))
    (violation,) = check_file(path).violations
    assert (violation.check, str(violation).startswith(said)) == (READABLE, True), str(violation)
    with pytest.raises(DatasetInvalid, match=r"data\.csv can't be used: "):
        csv_text.refuse_unreadable(path, COLUMNS)
    (code,) = re.findall(r'python -c "(.*)"', str(violation))
    monkeypatch.chdir(path.parent)
    path.rename("IN.csv")
    exec(code, {})  # what a person would type
    found = check_file(path.parent / "OUT.csv")
    # Letters that no category has are left, readable now.
    assert [v.check for v in found.violations] == ([VALUES_RULE] if "windows" in kind else [])
    assert found.rows == 1000


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"PK\x03\x04\x14\x00\x06\x00", "the file is an Excel or OpenDocument workbook, not CSV"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "the file is an old Excel workbook"),
        (b"\x1f\x8b\x08\x00\x00", "the file is compressed with gzip"),
        (b"\n<!doctype html><html>", "the file is a web page"),
    ],
)
def test_another_kind_of_file_is_named(body: bytes, said: str, data_file: Write) -> None:
    (violation,) = check_file(data_file(body)).violations
    assert str(violation).startswith(said)


def test_whole_lines_in_quotes_are_named(sample: bytes, data_file: Write) -> None:
    body = b"".join(b'"' + line.replace(b'"', b'""') + b'"\n' for line in sample.splitlines())
    assert told(check_file(data_file(body))).startswith("each line is one quoted cell")


@pytest.mark.parametrize("end", [b"", b"\r"], ids=["", "behind the carriage return, as sed and awk append them"])
def test_trailing_commas_are_columns_without_a_name(sample: bytes, data_file: Write, end: bytes) -> None:
    body = b"".join(line + end + b",,\n" for line in sample.splitlines())
    (violation,) = check_file(data_file(body)).violations
    assert (violation.check, violation.count) == (COLUMNS_RULE, 2)
    assert violation.problem.startswith("columns have no name, number 22, 23 of 23: delete them")


def test_rows_of_nothing_but_commas_are_named(sample: bytes, data_file: Write) -> None:
    (violation,) = check_file(data_file(sample + b"," * 20 + b"\n" + b"," * 20 + b"\n")).violations
    assert (violation.count, violation.problem) == (
        2,
        "rows hold nothing but commas: delete them and save the file again",
    )


def test_a_decimal_comma_is_explained(sample: bytes, data_file: Write) -> None:
    (violation,) = check_file(data_file(replace_cell(sample, 1, "credit_amount", "1.169,5"))).violations
    assert "with a point for the fraction" in violation.problem


ODD_BUT_GOOD: dict[str, Callable[[bytes], bytes]] = {
    "mark": lambda s: b"\xef\xbb\xbf" + s,
    "windows line ends": lambda s: s.replace(b"\n", b"\r\n"),
    "old mac line ends": lambda s: s.replace(b"\n", b"\r"),
    "blank lines": lambda s: b"\n" + s.replace(b"\n", b"\n \n", 3) + b"\n\r\n  \n",
    "no last line end": lambda s: s.rstrip(b"\n"),
    "everything quoted": quoted,
    "a line end in a cell": lambda s: b"\n".join(
        line + (b",note" if not n else b',"two\nlines, and ""quotes"""') for n, line in enumerate(s.splitlines())
    ),
}


@pytest.mark.parametrize("kind", ODD_BUT_GOOD)
def test_every_reader_sees_the_same_rows(kind: str, sample: bytes, data_file: Write) -> None:
    path = data_file(ODD_BUT_GOOD[kind](sample))
    validation = check_file(path)
    assert (validation.valid, validation.rows, count_rows(path)) == (True, 1000, 1000), told(validation)
    with path.open(newline="", encoding="utf-8") as file:
        shape = profile_of(read_rows(file), "")
    # As lines come from the store.
    streamed = profile_of(read_rows(line.decode() for line in path.read_bytes().splitlines(keepends=True)), "")
    plain = profile_of(read_rows(sample.decode().splitlines(keepends=True)), "")
    assert shape == streamed == plain
    frame = fitting.load(path, CONTRACT)
    assert frame.equals(fitting.load(data_file(sample), CONTRACT))
