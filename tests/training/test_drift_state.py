"""What a contract says of drift decides what the pipeline audits of it."""

import pytest

from lab.base.drift_report import DriftReport, FeatureDrift
from lab.models.contract import Drift
from lab.training.steps.validate_step import drift_state


@pytest.mark.parametrize(
    ("psi", "settings", "state"),
    [
        (0.2, Drift(), "stable"),
        (0.3, Drift(), "drifted"),
        (0.2, Drift(psi=0.15), "drifted"),
        (0.3, Drift(psi=0.4), "stable"),
        (0.2, Drift(least=1000), "stable"),
        (0.2, Drift(least=1001), "unknown"),
        (0.3, Drift(least=1001), "drifted"),
    ],
)
def test_limit_and_rows_of_the_contract_decide(psi: float, settings: Drift, state: str) -> None:
    report = DriftReport("b", "c", 1000, (FeatureDrift("x", psi),)).limited(settings.psi)
    assert drift_state(report, settings) == state


def test_without_a_baseline_nothing_is_known() -> None:
    assert drift_state(None, Drift()) == "unknown"
