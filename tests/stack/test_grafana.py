import json
from itertools import combinations
from typing import Any

import pytest
import yaml

from tests.stack.toolbox import DASHBOARD, ROOT

BOARD: dict[str, Any] = json.loads(DASHBOARD.read_text())
PANELS: list[dict[str, Any]] = BOARD["panels"]
SOURCE = {"type": "prometheus", "uid": "${PROM_DS}"}
ROWS = [
    "Service availability",
    "Data drift",
    "Row counts",
    "MLflow",
    "Dagster runs",
    "Audit trail and governance",
    "Alerts",
]


def charts() -> list[dict[str, Any]]:
    return [panel for panel in PANELS if panel["type"] != "row"]


def test_the_dashboard_is_found_by_its_uid() -> None:
    assert BOARD["uid"] == "mlops-observability"
    assert BOARD["schemaVersion"] >= 36
    assert "id" not in BOARD  # a fixed number would collide with another dashboard's


def test_the_data_source_is_a_variable() -> None:
    (variable,) = BOARD["templating"]["list"]
    assert (variable["name"], variable["type"], variable["query"]) == ("PROM_DS", "datasource", "prometheus")
    used = [panel["datasource"] for panel in charts()]
    used += [target["datasource"] for panel in charts() for target in panel["targets"]]
    used += [annotation["datasource"] for annotation in BOARD["annotations"]["list"]]
    assert all(source == SOURCE for source in used)


def test_the_rows_tell_the_story_in_order() -> None:
    assert [panel["title"] for panel in PANELS if panel["type"] == "row"] == ROWS


def test_panels_have_ids_of_their_own() -> None:
    ids = [panel["id"] for panel in PANELS]
    assert len(set(ids)) == len(ids)


def test_panels_stay_within_the_grid_and_do_not_overlap() -> None:
    cells = {panel["id"]: panel["gridPos"] for panel in PANELS}
    assert all(c["x"] >= 0 and c["x"] + c["w"] <= 24 and c["w"] > 0 and c["h"] > 0 for c in cells.values())
    for one, other in combinations(cells.values(), 2):
        apart_x = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        apart_y = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert apart_x or apart_y, (one, other)


@pytest.mark.parametrize("panel", charts(), ids=lambda panel: panel["title"])
def test_a_panel_says_what_it_shows_and_asks_for_something(panel: dict[str, Any]) -> None:
    assert panel["title"]
    assert panel["description"]
    assert panel["targets"]
    refs = [target["refId"] for target in panel["targets"]]
    assert len(set(refs)) == len(refs)
    assert all(target["instant"] != target["range"] for target in panel["targets"])


def test_the_provisioned_source_and_folder_come_from_the_environment() -> None:
    provisioning = ROOT / "grafana" / "provisioning"
    (source,) = yaml.safe_load((provisioning / "datasources" / "prometheus.yml").read_text())["datasources"]
    assert (source["type"], source["url"], source["isDefault"]) == ("prometheus", "${PROMETHEUS_URL}", True)
    assert BOARD["templating"]["list"][0]["current"]["value"] == source["uid"]
    (provider,) = yaml.safe_load((provisioning / "dashboards" / "lab.yml").read_text())["providers"]
    assert (provider["type"], provider["options"]["path"]) == ("file", "${DASHBOARDS_DIR}")
