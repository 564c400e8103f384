"""Drift and alerts."""

from dataclasses import replace

import pytest

from lab.base.drift_report import DriftReport, FeatureDrift
from lab.observe.snapshot import Slice
from lab.views.cells import PanelState
from tests.screen import snapshots
from tests.views.panels import panel, text, texts


def test_alerts_stand_above_the_features_firing_first() -> None:
    shown = panel("drift", snapshots.DRIFTED)
    assert [row.key.split("/")[0] for row in shown.rows[:3]] == ["alert", "alert", "feature"]
    assert "SyntheticDataDriftDetected" in shown.rows[0].text
    assert text(shown.status).startswith("▲ 1 firing · ✗ 2 drifted")


def test_alerts_are_shown_when_drift_is_unknown() -> None:
    shown = panel("drift", replace(snapshots.DRIFTED, drift=Slice(None, None, "no metrics", snapshots.NOW)))
    assert shown.state is PanelState.FAILED
    assert [row.key.split("/")[0] for row in shown.rows] == ["alert", "alert"]
    assert "no metrics" in texts(shown.lines)


def test_unknown_alerts_are_not_no_alerts() -> None:
    silent = replace(snapshots.HEALTHY, alerts=Slice(None, None, "prometheus is away", snapshots.NOW))
    assert "alerts unknown: prometheus is away" in texts(panel("drift", silent).lines)
    assert panel("drift", snapshots.HEALTHY).lines == ()


@pytest.mark.parametrize("limit", [0.1, 0.25])
def test_a_bar_passes_its_mark_when_the_feature_drifted_by_its_own_models_limit(limit: float) -> None:
    features = tuple(FeatureDrift(name, limit * times) for name, times in {"over": 1.2, "under": 0.8}.items())
    report = DriftReport("a", "b", 9, features).limited(limit)
    rows = panel("drift", replace(snapshots.HEALTHY, drift=Slice((report,), snapshots.NOW))).rows
    bars = {row.key.split("/")[-1]: row.cells["bar"] for row in rows}
    for name, drifted in {"over": True, "under": False}.items():
        fill, mark = bars[name].fill, bars[name].mark
        assert fill is not None
        assert mark is not None
        assert (fill > mark) is drifted


def test_no_report_is_not_no_drift() -> None:
    empty = replace(snapshots.HEALTHY, drift=Slice((DriftReport("", "", 0, ()),), snapshots.NOW))
    assert "no drift" not in text(panel("drift", empty).status)
