"""Columns are counted in bounded memory, and where that rounds, by less than it matters."""

import random
from collections import Counter
from collections.abc import Iterator

import numpy as np
import pytest

from lab.base import tallies
from lab.base.drift import Profile, compare, profile
from lab.base.errors import DatasetInvalid
from lab.base.tallies import OTHER, Bins, Labels, Reading, Values, moment, tally


def rows(texts: list[str]) -> Iterator[dict[str, str]]:
    return ({"x": text} for text in texts)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(tallies, "LIMIT", 200)
    monkeypatch.setattr(tallies, "_PIECE", 64)
    return 200


def test_many_values_are_kept_by_a_bounded_number_of_them(small: int) -> None:
    chance = random.Random(1)
    numbers = [chance.lognormvariate(0, 3) * chance.choice([-1, 1]) for _ in range(20_000)]
    column = Values("x", Reading.PLAIN)
    assert tally(rows(list(map(repr, numbers))), [column]) == 20_000
    kept = column.sorted
    assert len(kept) <= small
    assert sum(times for _, times in kept) == 20_000


def test_deciles_of_many_values_hold_a_tenth_each(small: int) -> None:
    numbers = np.random.default_rng(2).normal(50, 10, 20_000)
    texts = [f"{number:.9f}" for number in numbers]
    (feature,) = profile(rows(texts), "", ["x"], []).features
    # The edges are rounded, the counts are those of the edges.
    assert feature.counts == tuple(
        np.bincount(np.searchsorted(feature.edges, numbers, side="left"), minlength=len(feature.edges) + 1)
    )
    assert all(abs(count - 2000) < 400 for count in feature.counts)


def test_the_order_of_rows_changes_nothing(small: int) -> None:
    texts = [repr(number) for number in np.random.default_rng(3).normal(0, 1, 3000).tolist()]
    assert profile(rows(texts), "", ["x"], []) == profile(rows(texts[::-1]), "", ["x"], [])


def test_labels_beyond_the_limit_are_others(small: int) -> None:
    column = Labels("x")
    tally(rows([f"l{number}" for number in range(1000)]), [column])
    assert len(column.texts) <= small + 1
    assert column.texts.total() == 1000
    assert column.texts[OTHER] > 0


def test_missing_numbers_have_a_bin_of_their_own() -> None:
    before = profile(rows(["1", "2", "3", ""] * 100), "", ["x"], [], {"x": Reading.NUMBER_OR_NONE})
    (feature,) = before.features
    assert feature.counts[-1] == 100
    assert len(feature.counts) == len(feature.edges) + 2
    assert compare(Profile.from_json(before.to_json()), rows(["1", "2", "", ""] * 100), "", 0).detected
    assert not compare(before, rows(["1", "2", "3", ""] * 50), "", 0).detected


def test_a_column_that_is_wholly_missing_has_a_profile() -> None:
    (feature,) = profile(rows([""] * 10), "", ["x"], [], {"x": Reading.NUMBER_OR_NONE}).features
    assert feature.counts[-1] == 10


def test_an_empty_cell_where_none_may_be_is_named() -> None:
    with pytest.raises(DatasetInvalid, match="holds '', which is no number"):
        profile(rows(["1", ""]), "", ["x"], [])


def test_dates_drift_as_they_move_on() -> None:
    before = [f"2024-{month:02}-{day:02}" for month in range(1, 7) for day in range(1, 29)]
    after = [f"2025-{text[5:]}T10:00" for text in before]
    known = profile(rows(before), "", ["x"], [], {"x": Reading.DATE})
    assert compare(known, rows(after), "", 0).drifted == ("x",)
    with pytest.raises(DatasetInvalid, match="which is no date"):
        compare(known, rows(["soon"]), "", 0)


def test_text_drifts_by_its_length() -> None:
    before = profile(rows(["a" * (number % 40) for number in range(400)]), "", ["x"], [], {"x": Reading.LENGTH})
    assert compare(before, rows(["b" * (60 + number % 40) for number in range(400)]), "", 0).detected


def test_plain_profiles_are_written_as_they_always_were() -> None:
    made = profile(rows(["1", "2"]), "", ["x"], [])
    assert b"reading" not in made.to_json()
    assert Profile.from_json(made.to_json()) == made


@pytest.mark.parametrize("text", ["2026-11-29", "2026-11-29T12:30:00Z", "2026-11-29 12:30:00.123456789", "20261129"])
def test_dates_are_read_as_iso_8601(text: str) -> None:
    found = moment(text)
    assert found
    assert (found.year, found.month, found.day) == (2026, 11, 29)


@pytest.mark.parametrize("text", ["", "29.11.2026", "tomorrow", "2026-13-01", "0001-01-01T00:00+23:00"])
def test_what_is_no_date_is_none(text: str) -> None:
    assert moment(text) is None


def test_bins_count_what_they_are_given() -> None:
    column = Bins("x", Reading.PLAIN, (1.0, 2.0))
    column.texts = Counter({"1": 2, "1.5": 1, "7": 4})
    column.settle()
    assert column.counts == (2, 1, 4)
