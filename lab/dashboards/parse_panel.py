"""Reads one panel, of any version of Grafana's files that has panels."""

from collections.abc import Iterator
from dataclasses import replace

from lab.dashboards import parse_old
from lab.dashboards.model import Grid, Kind, Panel, Target, Transformation
from lab.dashboards.parse_field import read_field, read_overrides
from lab.dashboards.untrusted_json import Object, array, block, line, obj, objects, query, whole, yes

MOST_TARGETS, MOST_TRANSFORMATIONS = 50, 30
_KINDS = {str(kind): kind for kind in Kind if kind is not Kind.UNKNOWN} | {
    "graph": Kind.TIMESERIES,
    "singlestat": Kind.STAT,
    "table-old": Kind.TABLE,
    "status-history": Kind.STATES,
}
# What a data source of another kind may be called; its queries mean nothing to Prometheus.
_BUILT_IN = {"-- Dashboard --", "grafana", "datasource", "__expr__"}
_SOURCE = "uses a data source of the kind {}, and the lab has Prometheus"


def read_panel(given: Object, key: str) -> Panel:
    """A panel; `key` tells it from the others. What can't be drawn has `why_not`."""
    named = line(given.get("type"))
    kind = _KINDS.get(named, Kind.UNKNOWN)
    panel = Panel(
        key=key,
        kind=kind,
        title=line(given.get("title")),
        description=block(given.get("description")),
        grid=read_grid(obj(given, "gridPos")),
        look=read_field(obj(given, "fieldConfig")),
        overrides=read_overrides(obj(given, "fieldConfig")),
        transformations=tuple(_transformations(given)),
        interval=line(given.get("interval")),
        shift=line(given.get("timeShift")),
        own_range=line(given.get("timeFrom")),
        repeat=line(given.get("repeat")),
        collapsed=yes(given.get("collapsed")),
    )
    if named in parse_old.KINDS:
        panel = parse_old.with_old_looks(panel, named, given)
    return _with_targets(_with_options(panel, obj(given, "options"), given), given, named)


def read_grid(given: Object) -> Grid:
    """A place in the grid, brought within its bounds."""
    x = whole(given.get("x"), 0, 0, 23)
    return Grid(x, whole(given.get("y"), 0, 0, 100_000), whole(given.get("w"), 12, 1, 24 - x), _height(given))


def _height(given: Object) -> int:
    return whole(given.get("h"), 8, 1, 60)


def _with_options(panel: Panel, options: Object, given: Object) -> Panel:
    reduced = obj(options, "reduceOptions")
    calcs = tuple(line(name) for name in array(reduced.get("calcs"))) or panel.calcs
    sorting = next(objects(options.get("sortBy")), {})
    mode = line(options.get("textMode"))
    return replace(
        panel,
        calcs=calcs,
        all_values=yes(reduced.get("values")),
        text=block(options.get("content"), block(given.get("content"))),
        html="html" in (options.get("mode"), given.get("mode")),
        legend=obj(options, "legend").get("showLegend", panel.legend) is not False
        and obj(options, "legend").get("displayMode") != "hidden",
        background=str(options.get("colorMode", "")).startswith("background") or panel.background,
        spark=options.get("graphMode") == "area" or panel.spark,
        name_only=mode in {"name", "none"},
        value_only=mode == "value",
        sort=(line(sorting.get("displayName")), yes(sorting.get("desc"))) if sorting else panel.sort,
    )


def _transformations(given: Object) -> Iterator[Transformation]:
    for item in list(objects(given.get("transformations")))[:MOST_TRANSFORMATIONS]:
        if not yes(item.get("disabled")):
            yield Transformation(line(item.get("id")), obj(item, "options"))


def _with_targets(panel: Panel, given: Object, named: str) -> Panel:
    if panel.kind in {Kind.ROW, Kind.TEXT}:
        return panel
    if panel.kind is Kind.UNKNOWN:
        return replace(panel, why_not=f"panels of the kind “{named or '?'}” aren't drawn in a terminal")
    listed = list(objects(given.get("targets")))
    wanted = [item for item in listed if not yes(item.get("hide"))]
    elsewhere = [_other_source(item.get("datasource") or given.get("datasource")) for item in wanted]
    targets = tuple(_target(item, number) for number, item in enumerate(wanted) if not elsewhere[number])
    known = tuple(target for target in targets if target.expr)[:MOST_TARGETS]
    notes = tuple(dict.fromkeys(_SOURCE.format(name) for name in elsewhere if name))
    if len(targets) > MOST_TARGETS:
        notes += (f"only the first {MOST_TARGETS} queries are asked",)
    why = "" if known else next(iter(notes), "it has no query that Prometheus could answer")
    library = "libraryPanel" in given and not listed
    why = "it is a library panel, which the file doesn't hold" if library else why
    return replace(panel, targets=known, why_not=why, notes=() if why else (*panel.notes, *notes))


def _target(item: Object, number: int) -> Target:
    form = item.get("format")
    return Target(
        ref=line(item.get("refId"), chr(65 + number % 26)),
        expr=query(item.get("expr")).strip(),
        legend=line(item.get("legendFormat")),
        instant=yes(item.get("instant")) and not yes(item.get("range")),
        table=form == "table",
        buckets=form == "heatmap",
        interval=line(item.get("interval")),
    )


def _other_source(given: object) -> str:
    """The kind of a data source that certainly isn't Prometheus; a mere name or a variable may be one."""
    if not isinstance(given, dict):
        name = line(given)
        return name if name in _BUILT_IN else ""
    kind = line(given.get("type"))
    mixed = given.get("uid") == "-- Mixed --"
    return "" if mixed or kind in {"", "prometheus"} or "prometheus" in kind else kind
