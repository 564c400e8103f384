"""Tables: columns as wide as they need, the last ones dropped when there is no room."""

from collections.abc import Sequence
from dataclasses import replace

from lab.base.monitoring import Series
from lab.dashboards.answers import Drawn, Table, look_of
from lab.dashboards.drawing.colours import of_value
from lab.dashboards.drawing.draw_lines import View
from lab.dashboards.drawing.draw_values import bounds, text_of
from lab.dashboards.drawing.ink import Ink, Line, Lines, block, pad, width_of
from lab.dashboards.model import Field, Panel
from lab.dashboards.transform import TIME, ordered
from lab.dashboards.untrusted_json import line

_GAP, _LEAST = 2, 5


def draw_table(panel: Panel, table: Table, view: View) -> Lines:
    """The table, sorted as the file says."""
    table = ordered(table, *panel.sort) if panel.sort[0] else table
    looks = {name: _look(panel, name) for name in table.columns}
    kept = [name for name in table.columns if not looks[name].hidden and name != "__name__"]
    table = replace(table, columns=table.columns)
    cells = [[_cell(row[table.columns.index(name)], looks[name], view) for name in kept] for row in table.rows]
    heads = [line(looks[name].name or name) for name in kept]
    widths = _widths(heads, cells, view.width)
    lines: list[Line] = [_line([(Ink(head, "muted"),) for head in heads], widths, _right(cells, len(heads)))]
    room = view.height - 1
    shown_rows = cells if len(cells) <= room else cells[: max(room - 1, 0)]
    lines += [_line([(ink,) for ink in row], widths, _right(cells, len(heads))) for row in shown_rows]
    if len(shown_rows) < len(cells):
        lines.append((Ink(f"and {len(cells) - len(shown_rows)} more rows", "muted"),))
    return block(lines, view.width, view.height)


def _look(panel: Panel, column: str) -> Field:
    look = look_of(panel, Drawn(column, panel.look, Series()))
    return replace(look, unit="dateTimeAsIso") if column == TIME and not look.unit else look


def _cell(value: float | str | None, look: Field, view: View) -> Ink:
    low, high = bounds(look)
    return Ink(text_of(value, look, view), of_value(value, look, low, high) if look.colored else "")


def _right(cells: Sequence[Sequence[Ink]], count: int) -> list[bool]:
    """Columns of figures stand at the right."""
    return [bool(cells) and all(row[at].text[:1] in "0123456789-+–" for row in cells) for at in range(count)]


def _widths(heads: Sequence[str], cells: Sequence[Sequence[Ink]], width: int) -> list[int]:
    """What each column gets: what it wants, less of the widest where room is short, none of the last ones."""
    wanted = [
        max([width_of((Ink(head),)), *(width_of((row[at],)) for row in cells[:200])]) for at, head in enumerate(heads)
    ]
    while wanted and sum(min(one, _LEAST) for one in wanted) + _GAP * (len(wanted) - 1) > width and len(wanted) > 1:
        wanted.pop()
    while wanted and sum(wanted) + _GAP * (len(wanted) - 1) > width and max(wanted) > 1:
        widest = wanted.index(max(wanted))
        wanted[widest] -= 1
    return wanted


def _line(cells: Sequence[Line], widths: Sequence[int], right: Sequence[bool]) -> Line:
    inks: list[Ink] = []
    for at, width in enumerate(widths):
        inks += [Ink(" " * _GAP)] if at else []
        inks += pad(cells[at], width, "right" if right[at] else "left")
    return tuple(inks)
