"""Whatever stands in a dashboard's file: it is read or refused, drawn in its room, and steers nothing."""

import asyncio
import json
import unicodedata
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from lab.base.errors import LabError
from lab.dashboards.asking import Asking
from lab.dashboards.drawing.draw import draw
from lab.dashboards.drawing.ink import width_of
from lab.dashboards.grid import lay_out
from lab.dashboards.looking import Times, ask, each, prepare, view_of
from lab.dashboards.parse import read
from tests.dashboards.boards import NOW, Played

KINDS = [
    "timeseries",
    "graph",
    "stat",
    "singlestat",
    "gauge",
    "bargauge",
    "table",
    "table-old",
    "state-timeline",
    "status-history",
    "heatmap",
    "text",
    "row",
    "geomap",
]
KEYS = [
    "title",
    "description",
    "type",
    "gridPos",
    "targets",
    "fieldConfig",
    "options",
    "transformations",
    "interval",
    "timeShift",
    "timeFrom",
    "repeat",
    "collapsed",
    "panels",
    "datasource",
    "libraryPanel",
    "yaxes",
    "legend",
    "stack",
    "thresholds",
    "colors",
    "valueMaps",
    "format",
    "sparkline",
    "content",
    "mode",
]
INNER = [
    "defaults",
    "overrides",
    "custom",
    "matcher",
    "properties",
    "id",
    "value",
    "options",
    "unit",
    "decimals",
    "min",
    "max",
    "mappings",
    "thresholds",
    "steps",
    "color",
    "mode",
    "fixedColor",
    "expr",
    "refId",
    "legendFormat",
    "format",
    "instant",
    "x",
    "y",
    "w",
    "h",
    "reduceOptions",
    "calcs",
    "values",
    "fields",
    "from",
    "to",
    "result",
    "pattern",
    "excludeByName",
    "renameByName",
    "indexByName",
    "sort",
    "field",
    "type",
    "text",
    "regex",
    "binary",
    "left",
    "names",
    "showLegend",
    "displayMode",
    "sortBy",
    "displayName",
    "desc",
    "stacking",
    "transform",
]
WORDS = [
    "$job",
    "${job:regex}",
    "[[job]]",
    "byName",
    "byRegexp",
    "value",
    "range",
    "regex",
    "special",
    "organize",
    "merge",
    "calculateField",
    "groupBy",
    "sortBy",
    "limit",
    "reduce",
    "s",
    "bytes",
    "percentunit",
    "dateTimeFromNow",
    "time:YYYY",
    "thresholds",
    "continuous-GrYlRd",
    "fixed",
    "#12",
    "rgb(1,2,999)",
    "lastNotNull",
    "p95",
    "heatmap",
    "/(a+)+/",
    "{{job}}",
    "\x1b[31m",
    "\u202e",
    "漢字",
    "now-1y",
    "1h",
    "log",
    "up",
    "null",
    "",
    "negative-Y",
    "normal",
]

scalars = st.one_of(
    st.none(), st.booleans(), st.integers(-(10**20), 10**20), st.floats(), st.sampled_from(WORDS), st.text()
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(INNER), inner, max_size=5),
    max_leaves=25,
)
panels = st.builds(
    lambda kind, more: {"type": kind, "targets": [{"expr": "up", "refId": "A"}], "title": "x"} | more,
    st.sampled_from(KINDS),
    st.dictionaries(st.sampled_from(KEYS), values, max_size=6),
)
variables = st.dictionaries(
    st.sampled_from(
        ["name", "type", "query", "regex", "multi", "includeAll", "allValue", "current", "options", "sort"]
    ),
    values,
    max_size=8,
)
boards = st.fixed_dictionaries(
    {
        "panels": st.lists(panels, min_size=1, max_size=4),
        "templating": st.fixed_dictionaries(
            {
                "list": st.lists(
                    variables | st.just({"name": "job", "type": "query", "query": "label_values(up, job)"}), max_size=3
                )
            }
        ),
    },
    optional=dict.fromkeys(("title", "time", "refresh", "uid", "rows", "description"), values),
)


@settings(max_examples=150)
@given(boards)
def test_any_dashboard_is_read_asked_for_and_drawn(given: Any) -> None:
    try:
        board = read(json.dumps(given).encode(), "x.json")
    except LabError:
        return
    now = datetime.fromtimestamp(NOW, UTC)
    asking = Asking(Played(jobs=("a\x1b[31m", "b\u202e[red]\n"), faults={"$": "no \x1b[2J."}))
    looked = asyncio.run(prepare(asking, board, {}, Times("now-1h", "now"), now))
    looked = asyncio.run(ask(asking, looked, {panel.key: 80 for panel in each(looked.panels)}))
    rows = {panel.key for panel in looked.panels if panel.collapsed}
    for one in lay_out(looked.panels, 80, rows):
        assert one.x + one.width <= 80
        view = view_of(looked, one.panel, max(one.width - 2, 1), max(one.height - 2, 1), now)
        lines = draw(one.panel, looked.data.get(one.panel.key), looked.scope, view)
        assert [width_of(line) for line in lines] == [view.width] * view.height
        text = "".join(ink.text for line in lines for ink in line)
        assert not [char for char in text if unicodedata.category(char) in {"Cc", "Cf", "Cs"}]


@settings(max_examples=100)
@given(st.binary(max_size=300))
def test_any_bytes_are_a_dashboard_or_an_error_of_the_lab(content: bytes) -> None:
    with suppress(LabError):
        read(content, "x.json")
