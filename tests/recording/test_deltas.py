"""Changes between two snapshots: they lead from any value to any other, and cost only what is new."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from lab.recording.deltas import SAME, applied, difference

_SCALARS = st.none() | st.booleans() | st.integers(-3, 3) | st.floats(-1, 1) | st.text("ab-~=+", max_size=2)

_VALUES = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text("ab-~=+", max_size=2), inner, max_size=4),
    max_leaves=15,
)


def as_text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


@given(_VALUES, _VALUES)
def test_a_change_leads_from_any_value_to_any_other_also_through_json(old: Any, new: Any) -> None:
    change = json.loads(json.dumps(difference(old, new)))
    assert applied(old, change) == new
    assert (change == SAME) == (old == new)


@given(st.lists(st.integers(0, 9), min_size=3, max_size=12), st.integers(1, 3))
def test_a_list_that_moves_on_costs_only_what_is_new(old: list[int], new: int) -> None:
    longer = [{"entry": number, "text": "x" * 50} for number in (*range(100, 100 + new), *dict.fromkeys(old))]
    change = difference(longer[new:], longer)
    assert len(as_text(change)) < new * 80 + 40
    assert applied(longer[new:], change) == longer
