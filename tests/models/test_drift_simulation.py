"""The planted drift: the same every time, valid data, and drifted beyond doubt."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from lab.base.dataset import hash_file, read_rows
from lab.base.drift import compare
from lab.models.drift_simulation import worse_times
from lab.training.dataset_checks import check_file
from tests.support.contracts import CONTRACT, profile_of

SAMPLE = Path(__file__).resolve().parents[2] / "data" / "sample_data.csv"


@pytest.fixture(scope="module")
def rows() -> list[Mapping[str, str]]:
    with SAMPLE.open(newline="", encoding="utf-8") as file:
        return list(read_rows(file))


def test_the_same_population_gives_the_same_drift(rows: list[Mapping[str, str]]) -> None:
    assert worse_times(rows, CONTRACT) == worse_times(list(rows), CONTRACT)
    assert worse_times(rows, CONTRACT) != SAMPLE.read_bytes()


def test_drifted_data_keeps_every_rule_of_the_schema(rows: list[Mapping[str, str]], tmp_path: Path) -> None:
    path = tmp_path / "drifted.csv"
    path.write_bytes(worse_times(rows, CONTRACT))

    found = check_file(path, CONTRACT)

    assert found.valid, found.violations
    assert found.rows == len(rows)


def test_the_drift_is_found_in_what_worse_times_change(rows: list[Mapping[str, str]]) -> None:
    changed = list(read_rows(worse_times(rows, CONTRACT).decode().splitlines(keepends=True)))

    report = compare(profile_of(rows, hash_file(SAMPLE)), changed, "x", 0)

    assert report.detected
    assert "credit_amount" in report.drifted
    assert "age_in_years" not in report.drifted
    bad = [sum(row[CONTRACT.target] == "bad" for row in each) for each in (rows, changed)]
    assert bad[1] > 1.2 * bad[0]


def test_columns_keep_their_order(rows: list[Mapping[str, str]]) -> None:
    assert worse_times(rows, CONTRACT).decode().splitlines()[0] == ",".join(CONTRACT.columns)
