"""What a contract says of drift decides what the pipeline audits of it."""

import pytest

from lab.base.drift_report import DriftReport, FeatureDrift
from lab.models.contract import Drift
from lab.training.steps.validate_step import drift_said, drift_state

_FEW = "1000 rows are few: the contract asks for 1001."


@pytest.mark.parametrize(
    ("psi", "settings", "state", "said"),
    [
        (0.2, Drift(), "stable", "No feature has drifted."),
        (0.3, Drift(), "drifted", "Drifted: x."),
        (0.2, Drift(psi=0.15), "drifted", "Drifted: x."),
        (0.3, Drift(psi=0.4), "stable", "No feature has drifted."),
        (0.2, Drift(least=1000), "stable", "No feature has drifted."),
        (0.2, Drift(least=1001), "unknown", f"Whether a feature has drifted isn't known. {_FEW}"),
        (0.3, Drift(least=1001), "drifted", f"Drifted: x. {_FEW}"),
    ],
)
def test_limit_and_rows_of_the_contract_decide(psi: float, settings: Drift, state: str, said: str) -> None:
    report = DriftReport("b", "c", 1000, (FeatureDrift("x", psi),)).limited(settings.psi)
    assert (drift_state(report, settings), drift_said(report, settings)) == (state, said)


def test_without_a_baseline_nothing_is_known() -> None:
    assert drift_state(None, Drift()) == "unknown"
