"""The versions: measured against the champion, with odd tags flagged."""

from dataclasses import replace

from lab.base.model_versions import ModelVersion
from lab.observe.snapshot import Slice
from tests.screen import snapshots
from tests.views.panels import cells, panel, text


def test_versions_are_measured_against_the_champion() -> None:
    shown = panel("models", snapshots.HEALTHY)
    assert cells(shown, "CreditRiskModel/6")["change"] == "▲ +0.003"
    assert cells(shown, "CreditRiskModel/4")["change"] == "▼ -0.079"
    assert cells(shown, "CreditRiskModel/5")["change"] == "champion"
    assert cells(shown, "CreditRiskModel/5")["version"] == "v5 @champion"


def test_missing_and_odd_governance_tags_are_flagged() -> None:
    odd = ModelVersion("CreditRiskModel", "9", snapshots.NOW, tags={"approval_state": "whatever"})
    shown = panel("models", replace(snapshots.HEALTHY, models=Slice((odd,), snapshots.NOW)))
    found = cells(shown, "CreditRiskModel/9")
    assert (found["approval"], found["tags"], found["metric"], found["waits"]) == (
        "? whatever",
        "▲ 10",
        "–",
        "? unknown",
    )
    assert "1 with missing tags" in text(shown.status)
