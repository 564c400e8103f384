"""Numbers as people's programs write them: read as what they are, and each change is said."""

import csv
from pathlib import Path

import pytest

from lab.models.proposal.taking import Taken, take

EURO, CENTS = ["981", "22.742", "576", "1.569"], ["82,87", "3,5", "0,25", "12,00"]


def taken(folder: Path, delimiter: str, **columns: list[str]) -> tuple[Taken, dict[str, list[str]]]:
    """What is made of a file of these columns, and the cells of each."""
    source = folder / "given.csv"
    with source.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter=delimiter)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
    found = take(source, folder)
    with found.path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return found, {name: [row[name] for row in rows] for name in columns}


@pytest.mark.parametrize(
    ("delimiter", "written", "read", "says"),
    [
        (";", ["1.234,56", "12,5", "1.234.567,0", "7"], ["1234.56", "12.5", "1234567.0", "7"], "points between"),
        (",", ["1,234.56", "12.5", "-1,234,567", "7"], ["1234.56", "12.5", "-1234567", "7"], "commas between"),
        (",", ["82,87", "3,5", "0,125", "7"], ["82.87", "3.5", "0.125", "7"], "decimal commas"),
        (",", ["1,234", "981", "22,742", "7"], ["1234", "981", "22742", "7"], "commas between"),
        (";", ["8'664", "12.5", "1'234'567", "7"], ["8664", "12.5", "1234567", "7"], "apostrophes between"),
        ("\t", ["8 664,5", "12", "1\u00a0234\u202f567", "7"], ["8664.5", "12", "1234567", "7"], "spaces between"),
    ],
)
def test_one_column_that_leaves_no_doubt(
    tmp_path: Path, delimiter: str, written: list[str], read: list[str], says: str
) -> None:
    found, cells = taken(tmp_path, delimiter, amount=written, other=["a", "b", "c", "d"])
    assert cells["amount"] == read
    (said,) = [text for text in found.changes if text.startswith("amount: ")]
    assert said.startswith(f"amount: {says}")


@pytest.mark.parametrize(
    ("delimiter", "written", "read", "says"),
    [
        (
            ",",
            ["€3,012.50", "-€12.00", "€ 7", "€1,000,000"],
            ["3012.50", "-12.00", "7", "1000000"],
            "€ left out; commas",
        ),
        (",", ["12.0%", "0.5 %", "-3%", "n/a"], ["12.0", "0.5", "-3", ""], "% left out; 'n/a' is a missing"),
        (";", ["1.234,50 €", "7 €", "0,5€", "12 €"], ["1234.50", "7", "0.5", "12"], "€ left out; points"),
        (",", ["$5", "$-6", "$7", "$8"], ["5", "-6", "7", "8"], "$ left out"),
    ],
)
def test_a_sign_that_all_numbers_have_is_left_out(
    tmp_path: Path, delimiter: str, written: list[str], read: list[str], says: str
) -> None:
    found, cells = taken(tmp_path, delimiter, amount=written, other=["a", "b", "c", "d"])
    assert cells["amount"] == read
    assert any(text.startswith(f"amount: the sign {says}") for text in found.changes), found.changes


@pytest.mark.parametrize(
    "written",
    [
        ["€5", "$6", "€7"],
        ["5%", "6", "7%"],
        ["€5", "n.a. €", "€7"],
        ["1€5", "2€6", "3€7"],
        ["€", "€", "€"],
        ["€5€6"] * 3,
    ],
)
def test_signs_that_differ_or_make_no_numbers_stay(tmp_path: Path, written: list[str]) -> None:
    _, cells = taken(tmp_path, ",", amount=written, other=["a", "b", "c"])
    assert cells["amount"] == written


def test_another_column_tells_what_three_digits_behind_a_point_are(tmp_path: Path) -> None:
    found, cells = taken(tmp_path, ";", euro=EURO, cents=CENTS, count=["1", "20", "300", "4000"])
    assert cells["euro"] == ["981", "22742", "576", "1569"]
    assert cells["count"] == ["1", "20", "300", "4000"]
    assert "euro: points between thousands left out" in found.changes
    assert not any(text.startswith("count") for text in found.changes)


@pytest.mark.parametrize("others", [["12.5", "0.25", "3.75", "1.0"], ["1", "2", "3", "4"]])
def test_without_such_a_column_a_point_is_a_point(tmp_path: Path, others: list[str]) -> None:
    found, cells = taken(tmp_path, ";", euro=EURO, other=others)
    assert cells["euro"] == EURO
    assert found.changes == ("split at ';'",)


def test_columns_that_disagree_are_each_read_by_themselves(tmp_path: Path) -> None:
    _, cells = taken(tmp_path, ";", euro=EURO, cents=CENTS, points=["12.5", "0.25", "3.75", "1.0"])
    assert cells == {
        "euro": EURO,
        "cents": ["82.87", "3.5", "0.25", "12.00"],
        "points": ["12.5", "0.25", "3.75", "1.0"],
    }


@pytest.mark.parametrize(
    "written", [["0301 123", "0911 456", "0221 789"], ["1.2.3", "4.5.6", "7.8.9"], ["1,2,3", "4", "5"]]
)
def test_what_looks_like_groups_but_is_none_stays_text(tmp_path: Path, written: list[str]) -> None:
    _, cells = taken(tmp_path, ";", code=written, other=["a", "b", "c"])
    assert cells["code"] == written
