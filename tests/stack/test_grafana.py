"""The dashboards as files: what Grafana's own schema says of them, and what this project wants of them."""

import json
import re
from importlib import import_module
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

from tests.stack.toolbox import DASHBOARDS, ROOT

BOARDS: dict[str, dict[str, Any]] = {path.stem: json.loads(path.read_text()) for path in DASHBOARDS}
OVERVIEW = BOARDS["mlops-observability"]
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
NAMES = {"mlops-observability", "mlops-pipelines", "mlops-governance", "mlops-drift", "mlops-infrastructure"}


def charts(name: str) -> list[dict[str, Any]]:
    return [panel for panel in BOARDS[name]["panels"] if panel["type"] != "row"]


CHARTS = [pytest.param(panel, id=f"{name}: {panel['title']}") for name in BOARDS for panel in charts(name)]


@pytest.mark.parametrize("name", BOARDS)
def test_a_dashboard_is_found_by_its_uid(name: str) -> None:
    assert set(BOARDS) == NAMES
    assert BOARDS[name]["uid"] == name
    assert BOARDS[name]["schemaVersion"] >= 36
    assert "id" not in BOARDS[name]  # a fixed number would collide with another dashboard's
    assert "mlops-lab" in BOARDS[name]["tags"]


@pytest.mark.parametrize("name", BOARDS)
def test_the_data_source_is_a_variable(name: str) -> None:
    variable, *others = BOARDS[name]["templating"]["list"]
    assert (variable["name"], variable["type"], variable["query"]) == ("PROM_DS", "datasource", "prometheus")
    used = [panel["datasource"] for panel in charts(name)]
    used += [target["datasource"] for panel in charts(name) for target in panel["targets"]]
    used += [annotation["datasource"] for annotation in BOARDS[name]["annotations"]["list"]]
    used += [other["datasource"] for other in others]
    assert all(source == SOURCE for source in used)


@pytest.mark.parametrize("name", ["mlops-governance", "mlops-drift"])
def test_a_dashboard_about_models_lets_one_be_chosen_and_does_without_the_label(name: str) -> None:
    _, variable = BOARDS[name]["templating"]["list"]
    assert (variable["name"], variable["allValue"], variable["current"]["value"]) == ("model", ".*", ["$__all"])
    assert variable["includeAll"]
    assert variable["query"]["query"].startswith("label_values(")
    # "All" must match a series without the label, too: only a regular expression does.
    assert not [one for panel in charts(name) for one in panel["targets"] if 'model="' in one["expr"]]


def test_the_rows_of_the_overview_tell_the_story_in_order() -> None:
    assert [panel["title"] for panel in OVERVIEW["panels"] if panel["type"] == "row"] == ROWS


@pytest.mark.parametrize("name", BOARDS)
def test_panels_have_ids_of_their_own(name: str) -> None:
    ids = [panel["id"] for panel in BOARDS[name]["panels"]]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("name", BOARDS)
def test_panels_stay_within_the_grid_and_do_not_overlap(name: str) -> None:
    cells = {panel["id"]: panel["gridPos"] for panel in BOARDS[name]["panels"]}
    assert all(c["x"] >= 0 and c["x"] + c["w"] <= 24 and c["w"] > 0 and c["h"] > 0 for c in cells.values())
    for one, other in combinations(cells.values(), 2):
        apart_x = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        apart_y = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert apart_x or apart_y, (one, other)


@pytest.mark.parametrize("panel", CHARTS)
def test_a_panel_says_what_it_shows_and_asks_for_something(panel: dict[str, Any]) -> None:
    assert panel["title"]
    assert panel["description"]
    assert panel["targets"]
    refs = [target["refId"] for target in panel["targets"]]
    assert len(set(refs)) == len(refs)
    assert all(target["instant"] != target["range"] for target in panel["targets"])


# What is 1 or 0, and so means one of two things that have names.
STATES = re.compile(r"(?:_up|_loaded|_intact|_success|_match|_detected|_running|_seeded|_weak)(?:\{[^}]*\})?\)?$|^up$")


@pytest.mark.parametrize("panel", CHARTS)
def test_what_is_true_or_false_has_words_for_it(panel: dict[str, Any]) -> None:
    states = [one for one in panel["targets"] if STATES.search(one["expr"]) and "sum(" not in one["expr"]]
    if states and panel["type"] in {"stat", "state-timeline"}:
        texts = panel["fieldConfig"]["defaults"]["mappings"][0]["options"]
        assert {"0", "1"} <= texts.keys()
        assert all(text["text"] for text in texts.values())


# One series per model, unless something sums them up.
PER_MODEL = re.compile(r"(?<![\w(])(?:increase\()?(?:synthetic_data_(?!check_interval)|governance_versions_)")


@pytest.mark.parametrize("panel", CHARTS)
def test_what_there_is_of_each_model_has_a_name(panel: dict[str, Any]) -> None:
    several = [one for one in panel["targets"] if PER_MODEL.search(one["expr"]) and panel["type"] != "table"]
    assert not [one["expr"] for one in several if "{{" not in one["legendFormat"]]


def test_the_table_of_alerts_names_each_column_once() -> None:
    (table,) = [panel for panel in OVERVIEW["panels"] if panel["title"] == "Pending and firing alerts"]
    options = table["transformations"][0]["options"]
    assert options["excludeByName"]["job"]  # the label `service` says whom an alert is about
    assert "service" in options["indexByName"]
    assert "service" not in options["renameByName"].values()


@pytest.mark.parametrize("panel", CHARTS)
def test_a_panel_has_a_unit_and_thresholds(panel: dict[str, Any]) -> None:
    defaults = panel["fieldConfig"]["defaults"]
    assert defaults["unit"]
    assert defaults["thresholds"]["steps"][0]["value"] is None


def test_each_runbook_that_a_panel_names_is_there() -> None:
    headings = re.findall(r"^## (.+)$", (ROOT / "docs" / "runbooks.md").read_text(), re.MULTILINE)
    anchors = {heading.lower() for heading in headings}
    named = {found for name in BOARDS for panel in charts(name)
             for found in re.findall(r"docs/runbooks\.md#(\w+)", panel["description"])}  # fmt: skip
    assert len(named) > 10
    assert named <= anchors


# --- Grafana's own schema, as its publisher makes it into types ---

# Given by the file format of annotations of Prometheus, for which the schema has no type.
UNTYPED = {"titleFormat", "textFormat", "step", "tagKeys"}
# Panels whose options the schema types, by kind.
OPTIONS = {"stat": "stat", "timeseries": "timeseries", "gauge": "gauge", "bargauge": "bargauge", "table": "table",
           "state-timeline": "statetimeline", "heatmap": "heatmap"}  # fmt: skip


def lost(given: Any, read: Any, at: str = "") -> list[str]:
    """What of `given` the schema doesn't know: it isn't in what was read of it, or is something else."""
    if isinstance(given, dict) and isinstance(read, dict):
        missing = [f"{at}/{key}" for key in given if key not in read and key not in UNTYPED]
        return missing + [line for key in given if key in read for line in lost(given[key], read[key], f"{at}/{key}")]
    if isinstance(given, list) and isinstance(read, list) and len(given) == len(read):
        return [
            line for number, pair in enumerate(zip(given, read, strict=True)) for line in lost(*pair, f"{at}/{number}")
        ]
    return [] if given == read else [f"{at}: {given!r} became {read!r}"]


def reread(kind: Any, given: Any) -> Any:
    return json.loads(json.dumps(kind.from_json(given), cls=JSONEncoder))


@pytest.mark.parametrize("name", BOARDS)
def test_grafanas_schema_knows_everything_in_a_dashboard(name: str) -> None:
    assert lost(BOARDS[name], reread(Dashboard, BOARDS[name])) == []


@pytest.mark.parametrize("panel", CHARTS)
def test_grafanas_schema_knows_the_options_of_a_panel(panel: dict[str, Any]) -> None:
    types = import_module(f"grafana_foundation_sdk.models.{OPTIONS[panel['type']]}")
    assert lost(panel["options"], reread(types.Options, panel["options"])) == []
    if hasattr(types, "FieldConfig"):
        custom = panel["fieldConfig"]["defaults"]["custom"]
        assert lost(custom, reread(types.FieldConfig, custom)) == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"panles": []},
        {"time": {"from": "now-1h", "till": "now"}},
        {"templating": {"list": [{"name": "x", "type": "query", "quary": ""}]}},
    ],
)
def test_what_the_schema_does_not_know_is_found(wrong: dict[str, Any]) -> None:
    given = OVERVIEW | wrong
    assert lost(given, reread(Dashboard, given))


# --- provisioning ---


def test_the_provisioned_source_and_folder_come_from_the_environment() -> None:
    provisioning = ROOT / "grafana" / "provisioning"
    (source,) = yaml.safe_load((provisioning / "datasources" / "prometheus.yml").read_text())["datasources"]
    assert (source["type"], source["url"], source["isDefault"]) == ("prometheus", "${PROMETHEUS_URL}", True)
    assert all(board["templating"]["list"][0]["current"]["value"] == source["uid"] for board in BOARDS.values())
    (provider,) = yaml.safe_load((provisioning / "dashboards" / "lab.yml").read_text())["providers"]
    assert (provider["type"], provider["options"]["path"]) == ("file", "${DASHBOARDS_DIR}")
    assert not [path for path in Path(DASHBOARDS[0].parent).iterdir() if path.suffix != ".json"]
