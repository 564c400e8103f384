"""One panel as lines of text: its picture, or the words that say why there is none."""

from collections.abc import Mapping, Sequence

from lab.dashboards.answers import PanelData, Table, named
from lab.dashboards.drawing.draw_lines import View, draw_lines
from lab.dashboards.drawing.draw_states import draw_heatmap, draw_states
from lab.dashboards.drawing.draw_table import draw_table
from lab.dashboards.drawing.draw_text import draw_text
from lab.dashboards.drawing.draw_values import draw_bars, draw_gauges, draw_stats
from lab.dashboards.drawing.ink import Ink, Line, Lines, block, clip, words
from lab.dashboards.model import Kind, Panel
from lab.dashboards.transform import renamed, series_table, tables, transformed
from lab.dashboards.untrusted_json import block as block_of_text
from lab.dashboards.untrusted_json import line
from lab.dashboards.variables import Scope


def draw(panel: Panel, data: PanelData | None, scope: Scope, view: View) -> Lines:
    """Exactly the view's lines. `data` is None as long as nothing was asked."""
    own = scope.within(panel.scope)
    if panel.kind is Kind.TEXT:
        return draw_text(own.in_text(panel.text), panel.html, view.width, view.height)
    if panel.why_not:
        return _said(f"not drawn: {panel.why_not}", "warn", view)
    if data is None or data.asked_at is None:
        return _said("waiting for the first answer", "muted", view)
    if data.troubles and not data.count:
        return _said("\n".join(data.troubles), "bad", view)
    notes = notes_of(panel, data)
    below: Sequence[Line] = [clip((Ink(f"! {note}", "warn"),), view.width) for note in notes[: max(view.height - 3, 0)]]
    inner = View(**{**view.__dict__, "height": max(view.height - len(below), 1)})
    return block([*_picture(panel, data, own, inner), *below], view.width, view.height)


def notes_of(panel: Panel, data: PanelData) -> tuple[str, ...]:
    """What isn't as in Grafana, and queries that failed beside others that didn't."""
    warned = tuple(warning for answer in data.answers for warning in answer.warnings)
    return tuple(dict.fromkeys(line(one) for one in (*data.troubles, *data.notes, *panel.notes, *warned)))


def _said(text: str, look: str, view: View) -> Lines:
    lines = words(block_of_text(text), max(view.width, 1))
    if len(lines) > view.height:
        lines = [*lines[: view.height - 1], lines[view.height - 1][: max(view.width - 1, 0)] + "…"]
    return block([(Ink(one, look),) for one in lines], view.width, view.height)


def legends_of(panel: Panel, scope: Scope) -> Mapping[str, str]:
    """The legends of a panel's queries, with variables filled in."""
    return {target.ref: scope.in_text(target.legend) for target in panel.targets}


def _picture(panel: Panel, data: PanelData, scope: Scope, view: View) -> Lines:
    drawn = named(panel, data.answers, legends_of(panel, scope))
    if not drawn and panel.kind is not Kind.TABLE:
        return _said(panel.look.no_value or "no data", "muted", view)
    if panel.kind is Kind.TABLE:
        table = table_of(panel, data, scope)
        return draw_table(panel, table, view) if table.rows else _said(panel.look.no_value or "no data", "muted", view)
    drawn, notes = renamed(drawn, panel.transformations)
    lines: Lines
    room = View(**{**view.__dict__, "height": max(view.height - len(notes), 1)})
    if panel.kind is Kind.TIMESERIES:
        lines = draw_lines(drawn, room, panel.legend)
    elif panel.kind is Kind.STAT:
        lines = draw_stats(panel, drawn, room)
    elif panel.kind is Kind.GAUGE:
        lines = draw_gauges(panel, drawn, room)
    elif panel.kind is Kind.BARGAUGE:
        lines = draw_bars(panel, drawn, room)
    else:
        lines = draw_states(drawn, room) if panel.kind is Kind.STATES else draw_heatmap(drawn, room)
    return (*lines, *(clip((Ink(f"! {note}", "warn"),), view.width) for note in notes))


def table_of(panel: Panel, data: PanelData, scope: Scope) -> Table:
    """The table that a table panel shows."""
    drawn = named(panel, data.answers, legends_of(panel, scope))
    if any(answer.target.table or answer.target.instant for answer in data.answers):
        return transformed(panel, tables(drawn, data.answers))
    return transformed(panel, [series_table(drawn, panel.calcs)])
