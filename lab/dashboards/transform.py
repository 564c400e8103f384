"""Grafana's transformations of tables: the common ones; any other is named as not done."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from lab.dashboards.answers import Answer, Drawn, Table
from lab.dashboards.model import Panel, Transformation
from lab.dashboards.patterns import found_in, replaced
from lab.dashboards.reduce import reduced
from lab.dashboards.untrusted_json import Object, array, line, number, obj, objects, whole

Cell = float | str | None
Row = tuple[Cell, ...]
TIME, VALUE = "Time", "Value"
MOST_ROWS = 1000


def tables(drawn: Sequence[Drawn], answers: Sequence[Answer]) -> tuple[Table, ...]:
    """A table for each query: its labels, the time and the value of the newest point."""
    found = []
    for answer in answers:
        own = [one for one in drawn if one.ref == answer.target.ref and one.series.values]
        labels = tuple(dict.fromkeys(key for one in own for key in one.labels))
        value = VALUE if len(answers) == 1 else f"{VALUE} #{answer.target.ref}"
        rows: tuple[Row, ...] = tuple(
            (one.series.times[-1] * 1000, *(one.labels.get(label, "") for label in labels), one.series.values[-1])
            for one in own[:MOST_ROWS]
        )
        found.append(Table((TIME, *labels, value), rows))
    return tuple(found)


def series_table(drawn: Sequence[Drawn], calcs: Sequence[str]) -> Table:
    """A row for each series, with its calculations: what a table of time series shows here."""
    rows = tuple((one.name, *(reduced(one.series.values, calc) for calc in calcs)) for one in drawn[:MOST_ROWS])
    return Table(("series", *calcs), rows)


def transformed(panel: Panel, given: Sequence[Table]) -> Table:
    """The one table that the panel's transformations make; `notes` name those that aren't done here."""
    current, notes = list(given), []
    for step in panel.transformations:
        do = _KNOWN.get(step.name)
        if do is None:
            notes.append(f"the transformation “{step.name}” isn't done here")
        else:
            current = do(current, step.options)
    last = current[0] if len(current) == 1 else _merge(current, {})[0] if current else Table()
    return replace(last, notes=tuple(notes))


def renamed(drawn: Sequence[Drawn], steps: Sequence[Transformation]) -> tuple[tuple[Drawn, ...], tuple[str, ...]]:
    """Series after those transformations that mean something for a graph, and the names of the others."""
    notes = []
    for step in steps:
        if step.name == "renameByRegex":
            drawn = [replace(one, name=_renamed(one.name, step.options)) for one in drawn]
        elif step.name == "filterFieldsByName":
            drawn = [one for one in drawn if _kept(one.name, step.options)]
        elif step.name not in {"labelsToFields", "merge", "organize"}:
            notes.append(f"the transformation “{step.name}” isn't done here")
    return tuple(drawn), tuple(notes)


def _renamed(name: str, options: Object) -> str:
    return replaced(line(options.get("regex")), line(options.get("renamePattern")), name)


def _organize(given: list[Table], options: Object) -> list[Table]:
    hidden, renames, order = (obj(options, name) for name in ("excludeByName", "renameByName", "indexByName"))

    def one(table: Table) -> Table:
        kept = [name for name in table.columns if hidden.get(name) is not True]
        kept.sort(key=lambda name: _place(order.get(name)))
        chosen = _columns(table, kept)
        return replace(chosen, columns=tuple(line(renames.get(name), name) or name for name in kept))

    return [one(table) for table in given]


def _place(given: object) -> float:
    found = number(given)
    return 1e6 if found is None else found


def _columns(table: Table, names: Sequence[str]) -> Table:
    places = [table.columns.index(name) for name in names]
    return replace(table, columns=tuple(names), rows=tuple(tuple(row[at] for at in places) for row in table.rows))


def _merge(given: list[Table], _: Object) -> list[Table]:
    """Rows that agree in all shared columns become one."""
    columns = tuple(dict.fromkeys(name for table in given for name in table.columns))
    keys = tuple(name for name in columns if name != TIME and not name.startswith(VALUE))
    merged: dict[tuple[Cell, ...], dict[str, Cell]] = {}
    for table in given:
        for row in table.rows:
            cells = dict(zip(table.columns, row, strict=True))
            merged.setdefault(tuple(cells.get(key) for key in keys), {}).update(cells)
    rows = tuple(tuple(cells.get(name) for name in columns) for cells in merged.values())
    return [Table(columns, rows)]


def _join(given: list[Table], options: Object) -> list[Table]:
    by = line(options.get("byField"), TIME)
    columns = tuple(dict.fromkeys(name for table in given for name in table.columns))
    joined: dict[Cell, dict[str, Cell]] = {}
    for table in (one for one in given if by in one.columns):
        for row in table.rows:
            cells = dict(zip(table.columns, row, strict=True))
            joined.setdefault(cells[by], {}).update(cells)
    return [Table(columns, tuple(tuple(cells.get(name) for name in columns) for cells in joined.values()))]


def _sort(given: list[Table], options: Object) -> list[Table]:
    wanted = next(objects(options.get("sort")), {})
    return [ordered(table, line(wanted.get("field")), wanted.get("desc") is True) for table in given]


def ordered(table: Table, column: str, descending: bool) -> Table:
    """Sorted by a column; unsorted without it. What is empty comes last."""
    if column not in table.columns:
        return table
    at = table.columns.index(column)
    full = [row for row in table.rows if row[at] not in {None, ""}]
    full.sort(key=lambda row: _order(row[at]), reverse=descending)
    return replace(table, rows=(*full, *(row for row in table.rows if row[at] in {None, ""})))


def _order(value: Cell) -> tuple[int, float, str]:
    return (1, 0.0, value.casefold()) if isinstance(value, str) else (0, value or 0.0, "")


def _limit(given: list[Table], options: Object) -> list[Table]:
    most = whole(options.get("limitField"), 10, 0, MOST_ROWS)
    return [replace(table, rows=table.rows[:most]) for table in given]


def _kept(name: str, options: Object) -> bool:
    include, exclude = obj(options, "include"), obj(options, "exclude")
    if exclude and _in(name, exclude):
        return False
    return not include or _in(name, include)


def _in(name: str, chosen: Object) -> bool:
    return name in array(chosen.get("names")) or bool(chosen.get("pattern") and found_in(line(chosen["pattern"]), name))


def _filter(given: list[Table], options: Object) -> list[Table]:
    return [_columns(table, [name for name in table.columns if _kept(name, options)]) for table in given]


def _filter_queries(given: list[Table], options: Object) -> list[Table]:
    wanted = line(options.get("include"))
    kept = [table for table in given if f"{VALUE} #{wanted}" in table.columns]
    return kept or given


def _group(given: list[Table], options: Object) -> list[Table]:
    """Rows with the same cells in the columns to group by become one, with calculations of the others."""
    rules = obj(options, "fields")
    return [_grouped(table, rules) for table in given]


def _grouped(table: Table, rules: Object) -> Table:
    keys = [name for name in table.columns if obj(rules, name).get("operation") == "groupby"]
    sums = [(name, line(calc)) for name in table.columns for calc in array(obj(rules, name).get("aggregations"))]
    groups: dict[tuple[Cell, ...], list[dict[str, Cell]]] = {}
    for row in table.rows:
        cells = dict(zip(table.columns, row, strict=True))
        groups.setdefault(tuple(cells[key] for key in keys), []).append(cells)
    columns = (*keys, *(f"{name} ({calc})" for name, calc in sums))
    rows = tuple((*key, *(_calculated(own, name, calc) for name, calc in sums)) for key, own in groups.items())
    return Table(columns, rows)


def _calculated(rows: Sequence[Mapping[str, Cell]], column: str, calc: str) -> Cell:
    cells = [row.get(column) for row in rows]
    if any(isinstance(cell, str) for cell in cells):
        return cells[0 if calc.startswith("first") else -1]
    return reduced([cell for cell in cells if isinstance(cell, float | int)], calc)


def _calculate(given: list[Table], options: Object) -> list[Table]:
    """A column of two others, added, subtracted, multiplied or divided."""
    binary = obj(options, "binary")
    left, right, sign = (binary.get(name) for name in ("left", "right", "operator"))
    alias = line(options.get("alias"))
    return [_with_column(table, alias, _operand(left), line(sign, "+"), _operand(right), options) for table in given]


def _operand(given: object) -> str:
    matched = obj(given, "matcher").get("options") if isinstance(given, Mapping) else given
    return line(matched)


def _with_column(table: Table, alias: str, left: str, sign: str, right: str, options: Object) -> Table:
    name = alias or f"{left} {sign} {right}"
    rows = []
    for row in table.rows:
        cells = dict(zip(table.columns, row, strict=True))
        rows.append((*row, _computed(cells.get(left, number(left)), sign, cells.get(right, number(right)))))
    added = Table((*table.columns, name), tuple(rows))
    return _columns(added, [name]) if options.get("replaceFields") is True else added


def _computed(left: Cell, sign: str, right: Cell) -> Cell:
    if not isinstance(left, float | int) or not isinstance(right, float | int):
        return None
    try:
        return {"+": left + right, "-": left - right, "*": left * right}[sign] if sign != "/" else left / right
    except (KeyError, ZeroDivisionError, OverflowError):
        return None


def _rename(given: list[Table], options: Object) -> list[Table]:
    return [replace(table, columns=tuple(_renamed(name, options) for name in table.columns)) for table in given]


def _as_it_is(given: list[Table], _: Object) -> list[Table]:
    # A table of Prometheus has its labels as columns already.
    return given


_KNOWN: Mapping[str, Callable[[list[Table], Object], list[Table]]] = {
    "organize": _organize,
    "merge": _merge,
    "joinByField": _join,
    "seriesToColumns": _join,
    "sortBy": _sort,
    "limit": _limit,
    "filterFieldsByName": _filter,
    "filterByRefId": _filter_queries,
    "groupBy": _group,
    "calculateField": _calculate,
    "renameByRegex": _rename,
    "labelsToFields": _as_it_is,
    "seriesToRows": _as_it_is,
}
