"""Looks as Grafana wrote them before version 8: graphs, single stats, and rows that hold panels by their width."""

from collections.abc import Iterator
from dataclasses import replace
from math import ceil

from lab.dashboards.model import Field, Panel, ValueText
from lab.dashboards.parse_field import old_thresholds
from lab.dashboards.untrusted_json import Object, array, line, number, obj, objects, whole, yes

KINDS = frozenset({"graph", "singlestat", "table-old", "gauge", "heatmap"})
_CALCS = {"current": "lastNotNull", "avg": "mean", "total": "sum", "min": "min", "max": "max", "first": "first"}
# A row of old is so many pixels high; a step of the grid 38.
_PIXELS, _ROW_PIXELS = 38, 250


def with_old_looks(panel: Panel, named: str, given: Object) -> Panel:
    """`panel` with what stands in places where newer files have something else."""
    if named == "graph":
        return _graph(panel, given)
    if named == "singlestat":
        return _single_stat(panel, given)
    if named == "heatmap" and "yAxis" in given:
        return replace(panel, look=replace(panel.look, unit=line(obj(given, "yAxis").get("format"))))
    return panel


def _graph(panel: Panel, given: Object) -> Panel:
    axis = next(objects(given.get("yaxes")), {})
    look = replace(
        panel.look,
        unit=panel.look.unit or line(axis.get("format"), line(next(iter(array(given.get("y_formats"))), ""))),
        minimum=number(axis.get("min")) if panel.look.minimum is None else panel.look.minimum,
        maximum=number(axis.get("max")) if panel.look.maximum is None else panel.look.maximum,
        stacked=yes(given.get("stack")),
        bars=yes(given.get("bars")) and not yes(given.get("lines")),
        scale="log" if (number(axis.get("logBase")) or 1) > 1 else "linear",
    )
    return replace(panel, look=look, legend=obj(given, "legend").get("show") is not False)


def _single_stat(panel: Panel, given: Object) -> Panel:
    marks = old_thresholds(given.get("thresholds"), given.get("colors"))
    colored = yes(given.get("colorValue")) or yes(given.get("colorBackground"))
    look = Field(
        unit=line(given.get("format")),
        decimals=None if number(given.get("decimals")) is None else whole(given.get("decimals"), 0, 0, 12),
        thresholds=marks,
        color_mode="thresholds" if colored else "fixed",
        color="text",
        mappings=tuple(_texts(given)),
    )
    calc = _CALCS.get(line(given.get("valueName"), "avg"), "lastNotNull")
    return replace(
        panel, look=look, calcs=(calc,), background=yes(given.get("colorBackground")),
        spark=yes(obj(given, "sparkline").get("show")),
    )  # fmt: skip


def _texts(given: Object) -> Iterator[ValueText]:
    for item in objects(given.get("valueMaps")):
        value = line(item.get("value"))
        text = line(item.get("text"))
        yield ValueText(text, special="null") if value == "null" else ValueText(text, value=value)


def rows_as_panels(rows: object) -> Iterator[Object]:
    """Panels with places in the grid, made of rows that hold them by their width (`span`, of 12)."""
    top = 0
    for row in objects(rows):
        title = line(row.get("title"))
        if title and row.get("showTitle", True) is not False:
            place = {"x": 0, "y": top, "w": 24, "h": 1}
            yield {"type": "row", "title": title, "gridPos": place, "collapsed": yes(row.get("collapse")),
                   "repeat": row.get("repeat")}  # fmt: skip
            top += 1
        height = max(3, ceil((number(line(row.get("height")).removesuffix("px")) or _ROW_PIXELS) / _PIXELS))
        x = 0
        for panel in objects(row.get("panels")):
            width = whole((number(panel.get("span")) or 4) * 2, 8, 1, 24)
            if x + width > 24:
                x, top = 0, top + height
            yield {**panel, "gridPos": {"x": x, "y": top, "w": width, "h": height}}
            x += width
        top += height
