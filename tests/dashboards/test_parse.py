import json
from pathlib import Path
from typing import Any

import pytest

from lab.base.errors import LabError
from lab.dashboards.model import Kind
from lab.dashboards.parse import MAX_BYTES, MAX_DEPTH, MAX_PANELS, read, read_file
from tests.dashboards.boards import at, board, panel
from tests.stack.toolbox import DASHBOARDS


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_each_of_the_labs_dashboards_has_nothing_that_is_not_drawn(path: Path) -> None:
    panels = [one for row in read_file(path).panels for one in (row, *row.panels)]
    assert len(panels) > 5
    assert [one.title for one in panels if one.why_not or one.kind is Kind.UNKNOWN] == []


def test_units_thresholds_and_texts_are_read() -> None:
    (one,) = board(
        panel(
            "stat",
            fieldConfig={
                "defaults": {
                    "unit": "s",
                    "decimals": 1,
                    "min": 0,
                    "max": 10,
                    "thresholds": {
                        "mode": "absolute",
                        "steps": [{"color": "green", "value": None}, {"color": "red", "value": 5}],
                    },
                    "mappings": [
                        {"type": "value", "options": {"0": {"text": "down", "color": "red"}}},
                        {"type": "range", "options": {"from": 1, "to": 2, "result": {"text": "low"}}},
                        {"type": "special", "options": {"match": "null", "result": {"text": "none"}}},
                    ],
                    "custom": {"stacking": {"mode": "normal"}, "drawStyle": "bars", "hideFrom": {"viz": True}},
                },
                "overrides": [
                    {
                        "matcher": {"id": "byRegexp", "options": "/.*in.*/"},
                        "properties": [
                            {"id": "custom.transform", "value": "negative-Y"},
                            {"id": "unit", "value": "bps"},
                        ],
                    }
                ],
            },
        )
    ).panels
    look = one.look
    assert (look.unit, look.decimals, look.minimum, look.maximum) == ("s", 1, 0.0, 10.0)
    assert [(step.value, step.color) for step in look.thresholds.steps] == [(float("-inf"), "green"), (5.0, "red")]
    assert [text.text for text in look.mappings] == ["down", "low", "none"]
    assert (look.stacked, look.bars, look.hidden) == (True, True, True)
    assert one.overrides[0].changes == {"negative": True, "unit": "bps"}


def test_a_row_has_the_panels_that_follow_it_or_that_it_holds() -> None:
    shut = {"type": "row", "title": "shut", "collapsed": True, "panels": [panel("graph")], **at(0, 20, 24, 1)}
    opened = {"type": "row", "title": "open", "collapsed": False, "panels": [], **at(0, 5, 24, 1)}
    read = board(shut, panel("stat", **at(0, 6, 6, 4)), opened, panel("text", **at(0, 0, 24, 4)))
    assert [(one.kind, len(one.panels)) for one in read.panels] == [(Kind.TEXT, 0), (Kind.ROW, 1), (Kind.ROW, 1)]


def test_files_from_before_the_grid_and_before_version_8_are_read() -> None:
    old = {
        "title": "Old",
        "schemaVersion": 14,
        "rows": [
            {
                "title": "First",
                "height": "250px",
                "panels": [
                    {
                        "type": "graph",
                        "span": 6,
                        "targets": [{"expr": "up", "refId": "A"}],
                        "stack": True,
                        "bars": True,
                        "lines": False,
                        "yaxes": [{"format": "bytes", "min": "0", "logBase": 10}],
                        "legend": {"show": False},
                    },
                    {
                        "type": "singlestat",
                        "span": 6,
                        "targets": [{"expr": "up"}],
                        "format": "percent",
                        "valueName": "current",
                        "thresholds": "80,90",
                        "colors": ["green", "orange", "rgba(245, 54, 54, 0.9)"],
                        "colorBackground": True,
                        "valueMaps": [{"op": "=", "text": "N/A", "value": "null"}],
                        "sparkline": {"show": True},
                    },
                ],
            },
        ],
    }
    (row,) = read(json.dumps(old).encode(), "old.json").panels
    graph, stat = row.panels
    assert (graph.kind, graph.look.unit, graph.look.scale, graph.legend) == (Kind.TIMESERIES, "bytes", "log", False)
    assert (graph.look.stacked, graph.look.bars, graph.look.minimum) == (True, True, 0.0)
    assert (graph.grid.x, graph.grid.w, stat.grid.x) == (0, 12, 12)
    assert (stat.kind, stat.calcs, stat.background, stat.spark) == (Kind.STAT, ("lastNotNull",), True, True)
    assert [step.value for step in stat.look.thresholds.steps][1:] == [80.0, 90.0]


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (panel("geomap"), "“geomap”"),
        (panel("stat", targets=[]), "no query"),
        (panel("stat", datasource={"type": "loki", "uid": "x"}), "kind loki"),
        (panel("stat", datasource={"type": "datasource", "uid": "-- Dashboard --"}), "kind datasource"),
        ({"type": "stat", "libraryPanel": {"uid": "x"}}, "library panel"),
        ({"title": "no type"}, "“?”"),
    ],
)
def test_what_cannot_be_drawn_says_why(given: dict[str, Any], why: str) -> None:
    (one,) = board(given).panels
    assert why in one.why_not


@pytest.mark.parametrize(
    "content",
    [
        b"no json",
        b"[1]",
        b"{}",
        b'{"panels": 3}',
        b"\xff\xfe\x00",
        b'{"panels": [' + b"[" * 100_000,
        json.dumps({"apiVersion": "dashboard.grafana.app/v2beta1", "spec": {"elements": {}, "layout": {}}}).encode(),
        b" " * (MAX_BYTES + 1),
    ],
    ids=["text", "array", "empty", "number", "binary", "deep", "version 2", "large"],
)
def test_what_is_no_dashboard_is_refused_with_a_remedy(content: bytes) -> None:
    with pytest.raises(LabError) as caught:
        read(content, "x.json")
    assert caught.value.remedy
    assert len(caught.value.message) < 300


def test_depth_is_bounded_before_anything_is_read() -> None:
    nested: Any = {}
    for _ in range(MAX_DEPTH + 1):
        nested = {"a": nested}
    with pytest.raises(LabError, match="deep"):
        read(json.dumps({"panels": [nested]}).encode(), "x.json")


def test_more_panels_than_anybody_reads_are_left_out_and_it_says_so() -> None:
    read = board(*(panel("stat") for _ in range(MAX_PANELS + 5)))
    assert len(read.panels) == MAX_PANELS
    assert read.notes


def test_texts_of_a_file_cannot_steer_the_terminal() -> None:
    (one,) = board(panel("stat", title="\x1b]0;owned\x07\x1b[31mred\u202eder", description="a\x1b[2Jb\nc")).panels
    assert "\x1b" not in one.title + one.description
    assert "\u202e" not in one.title
    assert one.description.endswith("\nc")


JUNK: list[Any] = [None, True, 3, -1, 1e400, "text", [], [None], {}, {"a": [1]}, [[[]]], "x" * 50_000]


@pytest.mark.parametrize("junk", JUNK, ids=[str(number) for number in range(len(JUNK))])
def test_a_wrong_type_anywhere_breaks_nothing(junk: Any) -> None:
    good = panel("timeseries", fieldConfig={"defaults": {}, "overrides": []}, options={}, transformations=[])
    spoiled = [good | {key: junk} for key in (*good, "repeat", "yaxes", "legend", "datasource", "interval", "panels")]
    old = [
        {"type": kind, key: junk}
        for kind in ("graph", "singlestat", "heatmap", "row")
        for key in ("yaxes", "valueMaps", "thresholds", "colors", "sparkline", "y_formats", "gridPos", "targets")
    ]
    defaults = [
        panel("stat", fieldConfig={"defaults": {key: junk, "custom": {key: junk}}})
        for key in ("unit", "thresholds", "mappings", "color", "decimals", "min", "stacking", "hideFrom")
    ]
    defaults += [
        panel("stat", options={key: junk}) for key in ("textMode", "reduceOptions", "colorMode", "sortBy", "legend")
    ]
    whole = {
        "title": junk,
        "templating": {"list": [{"name": junk, "query": junk, "current": junk, "options": junk}]},
        "time": junk,
        "refresh": junk,
        "uid": junk,
    }
    assert read(json.dumps({"panels": [*spoiled, *old, *defaults], **whole}).encode(), "x.json").panels
