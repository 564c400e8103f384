"""The view of groups of people: each group's rate with its interval and the rows that it is a mean of."""

from collections.abc import Iterator

from lab.models.groups import MEASURES, NONE, Apart, Comparison, Group, Measured, caution, counted_rows
from lab.views import formats
from lab.views.cells import Cell, Column, Line, PanelView, Row, Span, Tone, cell
from lab.views.view import note

COLUMNS = (
    Column("column", "column", 1, 8, 26),
    Column("group", "group", 1, 8, 30),
    Column("rate", "rate", 3, 8, 20),
    Column("value", "value", 1, 6, right=True),
    Column("interval", "95 % interval", 1, 15, 22, right=True),
    Column("counted", "counted", 1, 7, right=True),
    Column("rows", "rows", 2, 5, right=True),
    Column("apart", "apart", 2, 10),
)


def groups(found: Measured) -> PanelView:
    """Every group that is large enough; those that chance explains worst say so."""
    if found.measure == NONE:
        return PanelView("Groups", message=note("Its contract says that groups of people aren't compared."))
    rows = tuple(row for one in found.columns for row in _compared(one))
    few = sum(one.few for one in found.columns)
    left = f" · ▲ {few} too small" if few else ""
    status = (Span(formats.clean(found.measure), Tone.MUTED), Span(left, Tone.WARN))
    if not rows:
        counted = " or ".join(sorted({counted_rows(rate) for rate in MEASURES[found.measure].rates}))
        said = f"No group has {found.least} {counted}: nothing can be said of any."
        return PanelView("Groups", status, message=note(said))
    return PanelView("Groups", status, columns=COLUMNS, rows=rows)


def group_lines(found: Measured, key: str) -> tuple[Line, ...]:
    """What the comparison that a row is of shows, and what none does."""
    one = next((one for one in found.columns if key.startswith(f"{one.metric}/")), None)
    return () if one is None else ((Span(formats.clean(f"{one.says} {caution([one.column])}")),),)


def _compared(one: Comparison) -> Iterator[Row]:
    furthest = one.furthest()
    for group in sorted(one.groups, key=lambda group: -(group.value or 0.0)):
        yield Row(f"{one.metric}/{group.name}", _cells(one, group, furthest))


def _cells(one: Comparison, group: Group, furthest: Apart | None) -> dict[str, Cell]:
    said, tone = _apart(group, furthest)
    ends = f"{_figure(group.low)} … {_figure(group.high)}"
    return {
        "column": cell(formats.clean(one.column)),
        "group": cell(formats.clean(group.name)),
        "rate": cell(one.rate.replace("_", " "), Tone.MUTED),
        "value": cell(_figure(group.value), Tone.STRONG),
        "interval": cell(ends, Tone.MUTED),
        "counted": cell(f"{group.counted:,}"),
        "rows": cell(f"{group.rows:,}", Tone.MUTED),
        "apart": cell(said, tone),
    }


def _apart(group: Group, furthest: Apart | None) -> tuple[str, Tone]:
    """At the two groups that are furthest apart, whether chance may explain it."""
    if furthest is None or group.name not in {furthest.more, furthest.less}:
        return "", Tone.MUTED
    glyph = "▲" if group.name == furthest.more else "▼"
    if furthest.least > 0:
        return f"{glyph} ≥ {furthest.least:.3g}", Tone.WARN
    return f"{glyph} {furthest.difference:.3g}, within chance", Tone.MUTED


def _figure(value: float | None) -> str:
    return formats.NOTHING if value is None else f"{value:.4g}"
