"""What panels say of a lab with several models, and of one of them only."""

from dataclasses import replace

from lab.observe.snapshot import RunsView, Slice
from lab.views import PARTS, title_line
from lab.views.by_model import foremost, model_of_row, names, narrowed
from lab.views.cells import Line, PanelView
from lab.views.feed import select
from lab.views.sorting import Order, in_order
from tests.screen import snapshots
from tests.views.panels import cells, text, view_of

MANY = view_of(snapshots.MANY)


def panel(name: str, model: str = "") -> PanelView:
    return PARTS[name].panel(narrowed(replace(MANY, model=model)))


def spilt(view: PanelView) -> list[Line]:
    return [row.spill[1].spans for row in view.rows if row.heading and row.spill]


def test_versions_stand_under_their_model_the_default_one_first() -> None:
    assert [text(line) for line in spilt(panel("models"))] == [
        "CreditRiskModel AUC · champion v5 · v7 ◐ pending staging",
        "ChurnModel F1 · no champion · v2 ✓ approved staging",
        "house-prices RMSE · champion v2 · v3 ◐ pending staging",
    ]
    assert [row.key for row in panel("models").rows][:3] == [
        "CreditRiskModel/",
        "CreditRiskModel/7",
        "CreditRiskModel/6",
    ]
    assert text(panel("models").status) == "▲ 1 with missing tags"


def test_a_version_is_measured_by_what_decides_against_its_own_champion() -> None:
    shown = panel("models")
    assert cells(shown, "house-prices/3")["metric"] == "31.20"
    assert cells(shown, "house-prices/3")["change"] == "▼ -2.700"
    assert cells(shown, "ChurnModel/2")["metric"] == "0.731"
    assert cells(shown, "ChurnModel/2")["change"] == "–"
    lower = next(row for row in shown.rows if row.key == "house-prices/3").cells["change"].spans[0]
    # Less error is better.
    assert lower.tone == "ok"


def test_runs_and_entries_name_their_model_only_where_there_are_several() -> None:
    runs = panel("runs")
    assert [row.cells["model"].text for row in runs.rows[:4]] == [
        "CreditRiskModel",
        "ChurnModel",
        "house-prices",
        "CreditRiskModel",
    ]
    assert "model" in {column.key for column in panel("audit").columns}
    for part in ("runs", "audit"):
        assert "model" not in {column.key for column in PARTS[part].panel(view_of(snapshots.HEALTHY)).columns}


def test_drift_has_a_row_for_each_model_then_the_features_of_the_foremost() -> None:
    shown = panel("drift")
    assert text(shown.status) == "✗ 1 of 3 models drifted"
    assert [row.key for row in shown.rows] == [
        "model/house-prices",
        "model/ChurnModel",
        "model/CreditRiskModel",
        "features/house-prices",
        "feature/house-prices/median_income",
        "feature/house-prices/house_age",
    ]
    assert cells(shown, "model/house-prices")["state"] == "1 drifted"


def test_the_foremost_report_is_of_what_drifted_else_of_the_default_model() -> None:
    assert foremost(MANY) == (snapshots.MANY.drift.value or ())[2]
    calm = snapshots.MANY.drift.map(lambda reports: reports[:2])
    found = foremost(view_of(replace(snapshots.MANY, drift=calm)))
    assert found is not None
    assert found.model == "CreditRiskModel"


def test_one_model_alone_is_shown_as_in_a_lab_that_has_no_other() -> None:
    models, drift = panel("models", "house-prices"), panel("drift", "house-prices")
    assert [row.key for row in models.rows] == ["house-prices/3", "house-prices/2"]
    assert next(column.title for column in models.columns if column.key == "metric") == "RMSE"
    assert text(drift.status) == "✗ 1 drifted · 20,640 rows · checked 9s"
    assert drift.rows[0].key == "feature/house-prices/median_income"
    assert [row.key for row in panel("runs", "house-prices").rows] == [snapshots._id(31)]
    assert panel("audit", "house-prices").rows == ()
    assert len(panel("audit", "CreditRiskModel").rows) > 10
    assert "only house-prices" in text(title_line(replace(MANY, model="house-prices"), 60))


def test_a_model_without_a_version_says_how_it_gets_one() -> None:
    said = "\n".join(text(line) for line in panel("models", "nothing-yet").message)
    assert "invoke train nothing-yet" in said


def test_alerts_of_other_models_are_left_out_and_those_of_the_lab_stay() -> None:
    drifted, down = snapshots.ALERTS
    ours = replace(drifted, labels={**drifted.labels, "model": "ChurnModel"})
    view = view_of(replace(snapshots.MANY, alerts=Slice((ours, down), snapshots.NOW)))
    shown = narrowed(replace(view, model="house-prices")).snapshot.alerts.value
    assert shown == (down,)


def test_rows_are_sorted_and_filtered_under_their_headings() -> None:
    rows = panel("models").rows
    ordered = [row.key for row in in_order(rows, Order("metric", down=True))]
    assert [key for key in ordered if key.startswith("house")] == ["house-prices/", "house-prices/2", "house-prices/3"]
    assert ordered[0] == "CreditRiskModel/"
    assert [row.key for row in select(rows, "churn")] == ["ChurnModel/", "ChurnModel/2", "ChurnModel/1"]
    assert [row.key for row in select(rows, "archived")] == ["ChurnModel/", "ChurnModel/1"]
    assert all(not row.key.startswith("Churn") for row in select(rows, "!churn"))


def test_every_kind_of_row_knows_its_model() -> None:
    shot = snapshots.MANY
    assert model_of_row("models", "ChurnModel/2", shot) == "ChurnModel"
    assert model_of_row("models", "ChurnModel/", shot) == "ChurnModel"
    assert model_of_row("runs", snapshots._id(31), shot) == "house-prices"
    assert model_of_row("drift", "feature/house-prices/a/b", shot) == "house-prices"
    assert model_of_row("drift", "alert/ServiceDown/job=mlflow", shot) == ""
    assert model_of_row("services", "mlflow", shot) == ""
    assert model_of_row("audit", str(snapshots.TRAIL[0].seq), shot) == "CreditRiskModel"


def test_without_contracts_a_lab_with_one_model_means_that_one() -> None:
    bare = replace(snapshots.HEALTHY, runs=Slice(RunsView(snapshots.RUNS), snapshots.NOW))
    assert names(bare) == ("CreditRiskModel",)
    assert model_of_row("runs", snapshots.RUNS[0].run_id, bare) == "CreditRiskModel"
