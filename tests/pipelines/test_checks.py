"""Each kind of file ends in a valid result or in violations a person can act on, never in an exception."""

from collections.abc import Callable
from pathlib import Path

import pytest

from lab.core.dataset import COLUMNS, TARGET
from pipelines import checks, csvtext
from pipelines.checks import SIZE_RULE, VALUES_RULE, Validation, check_file
from pipelines.csvtext import COLUMNS_RULE, READABLE
from pipelines.schema import CATEGORIES, RANGES

Write = Callable[[bytes], Path]


def replace_cell(sample: bytes, row: int, column: str, text: str) -> bytes:
    import csv
    import io

    rows = list(csv.reader(io.StringIO(sample.decode())))
    rows[row][COLUMNS_OF_SAMPLE.index(column)] = text
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue().encode()


COLUMNS_OF_SAMPLE = (
    (Path(__file__).resolve().parents[2] / "data" / "sample_data.csv").read_text().partition("\n")[0].split(",")
)


def told(validation: Validation) -> str:
    return "; ".join(map(str, validation.violations))


def test_the_sample_is_valid(sample: bytes, data_file: Write) -> None:
    validation = check_file(data_file(sample))
    assert (validation.valid, validation.rows, validation.good, validation.bad) == (True, 1000, 700, 300)
    assert validation.checked == checks.CHECKS


def test_every_column_has_a_rule() -> None:
    assert set(RANGES) | set(CATEGORIES) | {TARGET} == set(COLUMNS)


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
    assert [(v.column, v.rule) for v in validation.violations] == [(TARGET, "column is missing")]
    assert validation.checked == (READABLE, COLUMNS_RULE)


def test_every_missing_column_is_named(data_file: Write) -> None:
    validation = check_file(data_file(b"a,b\n1,2\n"))
    assert {v.column for v in validation.violations} == set(COLUMNS)


def test_text_in_a_number_column_is_counted_with_an_example(sample: bytes, data_file: Write) -> None:
    body = replace_cell(replace_cell(sample, 3, "credit_amount", "lots"), 9, "credit_amount", "more")
    (violation,) = check_file(data_file(body)).violations
    assert (violation.column, violation.count, violation.example) == ("credit_amount", 2, "'lots'")
    assert "is a number" in violation.rule


@pytest.mark.parametrize("text", ["0", "-5", "1e9", "inf", "-inf"])
def test_a_number_out_of_range_is_found(text: str, sample: bytes, data_file: Write) -> None:
    (violation,) = check_file(data_file(replace_cell(sample, 1, "credit_amount", text))).violations
    assert "lies in 1 to 1e+06" in violation.rule


def test_an_unknown_category_is_found(sample: bytes, data_file: Write) -> None:
    (violation,) = check_file(data_file(replace_cell(sample, 1, "housing", "castle"))).violations
    assert (violation.column, violation.example) == ("housing", "'castle'")


def test_a_target_other_than_good_and_bad_is_found(sample: bytes, data_file: Write) -> None:
    (violation,) = check_file(data_file(replace_cell(sample, 1, TARGET, "maybe"))).violations
    assert (violation.column, violation.check) == (TARGET, VALUES_RULE)


@pytest.mark.parametrize("column", ["credit_amount", "housing", TARGET])
def test_an_empty_cell_is_found(column: str, sample: bytes, data_file: Write) -> None:
    (violation,) = check_file(data_file(replace_cell(sample, 1, column, ""))).violations
    assert (violation.column, violation.rule) == (column, "every cell has a value")


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


def test_a_duplicate_header_is_found(sample: bytes, data_file: Write) -> None:
    header, _, rest = sample.partition(b"\n")
    body = header.replace(b"telephone", b"housing") + b"\n" + rest
    assert {(v.column, v.rule) for v in check_file(data_file(body)).violations} == {
        ("housing", "column appears more than once in the header"),
        ("telephone", "column is missing"),
    }


def test_a_second_header_line_in_the_middle_is_wrong_values(sample: bytes, data_file: Write) -> None:
    header = sample.partition(b"\n")[0]
    assert not check_file(data_file(sample + header + b"\n")).valid


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
    assert "iconv -f latin1 -t utf-8" in violation.rule


@pytest.mark.parametrize("chunk", [1, 7, 1 << 20])
def test_a_character_split_between_reads_is_whole(
    chunk: int, sample: bytes, data_file: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csvtext, "_CHUNK", chunk)
    assert csvtext.inspect(data_file("ä,ö\n1,2\n".encode())).header == ("ä", "ö")


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
    assert "'bad'" in violation.rule


def test_blank_lines_at_the_end_are_no_rows(sample: bytes, data_file: Write) -> None:
    assert check_file(data_file(sample + b"\n\n\n")).rows == 1000
