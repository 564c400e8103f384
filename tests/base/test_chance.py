"""The test behind a drift alarm, against scipy and by what must hold for any two samples."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2, chi2_contingency

from lab.base.chance import chance, tail

LARGE = st.lists(st.tuples(st.integers(40, 4_000), st.integers(40, 4_000)), min_size=2, max_size=12)
ANY = st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), min_size=1, max_size=40)


@pytest.mark.parametrize("freedom", [1, 2, 3, 9, 10, 40, 501])
@pytest.mark.parametrize("statistic", [0.0, 0.01, 1, 12.5, 60, 700])
def test_the_tail_is_that_of_a_chi_square(freedom: int, statistic: float) -> None:
    assert tail(statistic, freedom) == pytest.approx(chi2.sf(statistic, freedom), rel=1e-9, abs=1e-12)


@given(LARGE)
def test_large_bins_are_compared_as_scipy_compares_them(pairs: list[tuple[int, int]]) -> None:
    before, after = [b for b, _ in pairs], [a for _, a in pairs]
    if min(sum(before), sum(after)) * 80 < 5 * (sum(before) + sum(after)):
        return
    expected = chi2_contingency([before, after], correction=False).pvalue
    assert chance(before, after) == pytest.approx(expected, rel=1e-6, abs=1e-12)


@given(ANY)
def test_the_direction_does_not_matter(pairs: list[tuple[int, int]]) -> None:
    before, after = [b for b, _ in pairs], [a for _, a in pairs]
    if not (any(before) and any(after)):
        return
    found = chance(before, after)
    assert 0 <= found <= 1
    assert chance(after, before) == pytest.approx(found)


@pytest.mark.parametrize(("before", "after"), [([1], [1]), ([1, 0], [0, 1]), ([1000, 0], [0, 1]), ([9, 0], [0, 9])])
def test_so_few_rows_say_nothing(before: list[int], after: list[int]) -> None:
    assert chance(before, after) == 1.0


def test_values_that_nobody_repeats_say_nothing() -> None:
    assert chance([1] * 500 + [0] * 500, [0] * 500 + [1] * 500) == 1.0
