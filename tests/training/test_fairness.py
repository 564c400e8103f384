"""What is measured of groups: each rate of each group, whatever the number of groups."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from lab.base.dataset import read_rows
from lab.governance.rules.criteria import criteria_of
from lab.governance.rules.policy import Action
from lab.models.contract import Contract, Task
from lab.models.drift_simulation import worse_times
from lab.training.fairness import measured
from lab.training.fitting import split
from lab.training.predictions import Predictions
from tests.governance.test_criteria import setter
from tests.support.contracts import CONTRACT
from tests.support.governed_lab import OFFICER, GovernedLab, closed
from tests.support.lab import ROOT

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
    assert "40000 with fewer than 30 held-out rows are left out" in one.says
    [none] = measured(*held_out(names[:300]), contract("demographic_parity_difference")).columns
    assert (none.groups, none.few, none.furthest()) == ((), 300, None)


def test_errors_in_a_large_unit_keep_their_digits() -> None:
    """Judged is what is measured, and not what six decimals leave of it."""
    columns = COLUMNS | {"left": {"type": "number"}}
    priced = Contract.model_validate(BASE | {"task": "regression", "split": {"by": "random"}, "columns": columns})
    truth = np.arange(100) * 1e-9
    found = Predictions(Task.REGRESSION, (), truth, truth + np.where(np.arange(100) % 2, 3e-9, 1e-9))
    [one] = measured(found, pd.DataFrame({"who": ["a", "b"] * 50}), priced).columns
    assert [group.value for group in one.groups] == pytest.approx([1e-9, 3e-9])
    assert one.scale == pytest.approx(2e-9)
    furthest = one.furthest()
    assert furthest
    assert furthest.least == pytest.approx(2e-9)


async def test_planted_drift_is_refused_where_there_is_a_champion(tmp_path: Path) -> None:
    """It leaves too few of the negative label to compare groups by, as were compared for the champion."""
    rows = list(read_rows((ROOT / "data" / "sample_data.csv").read_text(encoding="utf-8").splitlines(keepends=True)))
    usual = audited(pd.DataFrame(rows))
    planted = audited(pd.read_csv(io.BytesIO(worse_times(rows, CONTRACT)), dtype=str, keep_default_na=False))
    governed, asked = GovernedLab(tmp_path).staffed(), criteria_of(CONTRACT)
    setter(governed, OFFICER, asked).put_in_force("the published data has age and sex")
    await governed.promoted(governed.train(asked=asked, groups=usual))
    refused = closed(await governed.act(Action.APPROVE, governed.train(asked=asked, groups=planted, drift="drifted")))
    assert set(refused) == {"fairness"}
    assert "was judged of the champion and can't be of this version" in refused["fairness"]
    assert "30 held-out rows of the negative label" in refused["fairness"]


def audited(rows: pd.DataFrame) -> dict[str, Any]:
    """Groups of the held-out rows as training audits them of a model that says yes to nobody."""
    frame = rows.astype(dict.fromkeys(CONTRACT.numeric, float))
    held_out = split(frame, CONTRACT)[1]
    truth = (held_out[CONTRACT.target] == CONTRACT.positive).to_numpy().astype(int)
    found = Predictions(Task.BINARY, CONTRACT.classes, truth, np.zeros_like(truth))
    return measured(found, held_out, CONTRACT).as_details()
