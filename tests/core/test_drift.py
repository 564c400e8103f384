"""Profiles and PSI, against numpy and scipy and by what must hold for any data."""

import csv
import random
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import rel_entr

from lab.core.dataset import CATEGORICAL, NUMERIC, TARGET, hash_file, read_rows
from lab.core.drift import BINS, DRIFTED, MODERATE, OTHER, FeatureDrift, Profile, compare, profile, psi
from lab.core.errors import DatasetInvalid

SAMPLE = Path(__file__).resolve().parents[2] / "data" / "sample_data.csv"
COUNTS = st.lists(st.integers(0, 10_000), min_size=1, max_size=12)

Row = Mapping[str, str]


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    with SAMPLE.open(newline="", encoding="utf-8") as file:
        return list(read_rows(file))


@pytest.fixture(scope="module")
def baseline(rows: list[Row]) -> Profile:
    return profile(rows, hash_file(SAMPLE))


def reference(baseline: list[int], current: list[int]) -> float:
    """PSI as Jeffreys' divergence: the sum of both relative entropies."""
    before, after = (np.maximum(np.array(counts, dtype=float), 0.5) for counts in (baseline, current))
    before, after = before / before.sum(), after / after.sum()
    return float(rel_entr(after, before).sum() + rel_entr(before, after).sum())


@given(st.data(), COUNTS)
def test_psi_is_jeffreys_divergence(data: st.DataObject, before: list[int]) -> None:
    after = data.draw(st.lists(st.integers(0, 10_000), min_size=len(before), max_size=len(before)))

    assert psi(before, after) == pytest.approx(reference(before, after), abs=1e-9)
    assert psi(before, after) == pytest.approx(psi(after, before), abs=1e-9)
    assert psi(before, after) >= -1e-12


@given(st.lists(st.integers(1, 1_000), min_size=1, max_size=12), st.integers(1, 50))
def test_psi_of_the_same_shares_is_zero(counts: list[int], times: int) -> None:
    assert psi(counts, [n * times for n in counts]) == pytest.approx(0, abs=1e-12)


def test_histograms_of_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="3 bins against 2"):
        psi([1, 2, 3], [1, 2])


def test_the_same_data_has_no_drift(baseline: Profile, rows: list[Row]) -> None:
    report = compare(baseline, rows, "same", 12.0)

    assert not report.detected
    assert report.rows == len(rows)
    assert [feature.psi for feature in report.features] == [0.0] * len(report.features)
    assert (report.baseline_hash, report.current_hash, report.checked_at) == (hash_file(SAMPLE), "same", 12.0)


def test_the_order_of_rows_does_not_matter(baseline: Profile, rows: list[Row]) -> None:
    shuffled = random.Random(1).sample(rows, len(rows))

    assert compare(baseline, shuffled, "x", 0).features == compare(baseline, rows, "x", 0).features


@pytest.mark.parametrize("name", NUMERIC)
def test_a_numeric_feature_is_counted_as_numpy_counts_it(baseline: Profile, rows: list[Row], name: str) -> None:
    feature = next(one for one in baseline.features if one.name == name)
    values = np.array([float(row[name]) for row in rows])
    # Bin i holds what is at most edge i, as `side="left"` says where a value would go.
    expected = np.bincount(np.searchsorted(feature.edges, values, side="left"), minlength=len(feature.edges) + 1)

    assert list(feature.counts) == expected.tolist()
    assert list(feature.edges) == sorted(set(feature.edges))
    assert 1 <= len(feature.edges) < BINS
    assert sum(feature.counts) == len(rows)


@pytest.mark.parametrize("name", [*CATEGORICAL, TARGET])
def test_a_category_keeps_a_place_for_those_that_come_later(baseline: Profile, rows: list[Row], name: str) -> None:
    feature = next(one for one in baseline.features if one.name == name)

    assert feature.labels[-1] == OTHER
    assert feature.counts[-1] == 0
    assert sum(feature.counts) == len(rows)


def test_a_shifted_feature_is_found_and_only_that_one(baseline: Profile, rows: list[Row]) -> None:
    doubled = [{**row, "credit_amount": str(2 * int(row["credit_amount"]))} for row in rows]

    report = compare(baseline, doubled, "x", 0)

    assert report.detected
    assert report.drifted == ("credit_amount",)
    assert report.features[0].name == "credit_amount"
    assert all(feature.psi == 0 for feature in report.features[1:])


def test_a_new_category_counts_as_other(baseline: Profile, rows: list[Row]) -> None:
    changed = [{**row, "purpose": "space travel"} for row in rows]

    assert compare(baseline, changed, "x", 0).drifted == ("purpose",)


@pytest.mark.parametrize(
    ("value", "state"),
    [(0.0, "stable"), (MODERATE, "stable"), (0.11, "moderate"), (DRIFTED, "moderate"), (0.26, "drifted")],
)
def test_states_follow_the_rule_of_thumb(value: float, state: str) -> None:
    assert FeatureDrift("x", value).state == state


def test_a_profile_comes_back_as_it_was_stored(baseline: Profile) -> None:
    assert Profile.from_json(baseline.to_json()) == baseline


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"null", b'{"features": 7}', b'{"features": [{}]}', b"\xff"])
def test_what_is_no_profile_is_said_to_be_none(body: bytes) -> None:
    with pytest.raises(DatasetInvalid, match="can't be read"):
        Profile.from_json(body)


def test_no_rows_are_refused(baseline: Profile) -> None:
    with pytest.raises(DatasetInvalid, match="no rows"):
        profile([], "x")
    with pytest.raises(DatasetInvalid, match="no rows"):
        compare(baseline, [], "x", 0)


def test_a_missing_column_is_named(rows: list[Row]) -> None:
    poor = [{name: value for name, value in rows[0].items() if name != "purpose"}]

    with pytest.raises(DatasetInvalid, match="'purpose' is missing"):
        profile(poor, "x")


@pytest.mark.parametrize("text", ["", "many", "nan", "inf", "-inf", "1,5"])
def test_a_number_that_is_none_is_named(rows: list[Row], text: str) -> None:
    with pytest.raises(DatasetInvalid, match="'credit_amount'"):
        profile([{**rows[0], "credit_amount": text}], "x")


def test_a_byte_order_mark_is_no_part_of_the_first_column() -> None:
    text = SAMPLE.read_text(encoding="utf-8")
    lines = ("\ufeff" + text).splitlines(keepends=True)

    assert list(next(iter(read_rows(lines)))) == next(csv.reader(lines[0].removeprefix("\ufeff").splitlines()))
