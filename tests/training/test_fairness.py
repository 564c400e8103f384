"""What is measured of groups: each rate of each group, whatever the number of groups."""

import numpy as np
import pandas as pd
import pytest

from lab.models.contract import Contract, Task
from lab.training.fairness import measured
from lab.training.predictions import Predictions

COLUMNS = {
    "months": {"type": "number"},
    "who": {"type": "text", "protected": True},
    "left": {"type": "category", "values": ["no", "yes"]},
}
BASE = {"version": 1, "name": "Churn", "owner": "ann", "purpose": "Who leaves.", "task": "binary", "target": "left"}


def contract(measure: str) -> Contract:
    return Contract.model_validate(BASE | {"positive": "yes", "columns": COLUMNS, "fairness": {"measure": measure}})


def held_out(names: list[str]) -> tuple[Predictions, pd.DataFrame]:
    rows = len(names)
    truth, guess = np.arange(rows) % 2, (np.arange(rows) // 2) % 2
    chances = np.full((rows, 2), 0.5)
    found = Predictions(Task.BINARY, ("no", "yes"), truth, guess, chances)
    return found, pd.DataFrame({"months": 1.0, "who": names, "left": "no"}, index=range(7, 7 + rows))


def test_each_group_has_its_rate_and_equalized_odds_has_two() -> None:
    found = measured(*held_out(["a", "b"] * 50 + ["c"] * 60), contract("equalized_odds_difference"))
    assert [one.rate for one in found.columns] == ["true_positive_rate", "false_positive_rate"]
    for one in found.columns:
        assert [(group.name, group.rows) for group in one.groups] == [("a", 50), ("b", 50), ("c", 60)]
        assert one.few == 0


@pytest.mark.timeout(60)
def test_of_very_many_groups_the_small_ones_are_counted_only() -> None:
    names = [f"person {number}" for number in range(40_000)] + ["same"] * 40 + ["other"] * 40
    [one] = measured(*held_out(names), contract("demographic_parity_difference")).columns
    assert [(group.name, group.counted) for group in one.groups] == [("other", 40), ("same", 40)]
    assert one.few == 40_000
    assert "40000 with fewer than 30 rows are left out" in one.says
    [none] = measured(*held_out(names[:300]), contract("demographic_parity_difference")).columns
    assert (none.groups, none.few, none.furthest()) == ((), 300, None)
