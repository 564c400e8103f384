"""A dashboard as PNG or SVG, for reports. matplotlib draws; it is of the group `pipelines` and comes in when asked."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from math import inf, isfinite, isnan
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Any

from lab.base.errors import LabError
from lab.dashboards.answers import Drawn, PanelData, named
from lab.dashboards.drawing.colours import color, of_series, of_value, on
from lab.dashboards.drawing.draw import draw, legends_of
from lab.dashboards.drawing.draw_lines import View
from lab.dashboards.drawing.draw_states import apart, sampled
from lab.dashboards.drawing.draw_values import bounds, singles, text_of
from lab.dashboards.drawing.scales import time_marks
from lab.dashboards.grid import Placed, bottom_of, lay_out
from lab.dashboards.looking import Looked, view_of
from lab.dashboards.model import Kind, Panel
from lab.dashboards.units import shown
from lab.dashboards.variables import Scope

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# A page is laid out as on a terminal of this width; inches for a character and a line.
_WIDTH, _CELL_IN, _LINE_IN = 180, 0.09, 0.19
_DPI, _MOST_LINES = 110, 900
_INK, _MUTED, _GROUND, _FRAME = "#1f2733", "#6a7a99", "#ffffff", "#d5dbe5"
_MOST_LEGEND = 8
# Cells that a bold character of a value takes, with its share of the frame around it.
_BOLD = 1.25


def write(looked: Looked, target: Path, now: datetime, head: str) -> None:
    """Writes the picture to `target`. Raises LabError without matplotlib, or when the file can't be written."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise LabError(
            "A picture is drawn by matplotlib, which isn't installed.",
            "Type `uv sync --group pipelines`, or `pip install matplotlib`.",
        ) from None
    placed = [one for one in lay_out(looked.panels, _WIDTH, _closed(looked)) if one.y < _MOST_LINES]
    height = min(bottom_of(placed), _MOST_LINES) + 3
    figure = Figure(figsize=(_WIDTH * _CELL_IN, height * _LINE_IN), dpi=_DPI, facecolor=_GROUND)
    page = _Page(figure, height, looked, now)
    figure.text(0.008, 1 - 1 / height, _plain(head), fontsize=13, color=_INK, weight="bold", va="center")
    for one in placed:
        page.add(one)
    try:
        # Without a date in it the same data give the same bytes.
        meta = {"Date": None} if target.suffix.lower() == ".svg" else {}
        figure.savefig(target, facecolor=_GROUND, metadata=meta)
    except OSError as err:
        raise LabError(
            f"{target} can't be written: {err.strerror}.", "Name a file in a folder that is yours."
        ) from None


def _closed(looked: Looked) -> set[str]:
    """Rows that the file has closed are open in a picture: nobody can open them there."""
    return {row.key for row in looked.panels if row.kind is Kind.ROW and row.collapsed}


class _Page:
    """Panels on a figure, each in its place."""

    def __init__(self, figure: Any, height: int, looked: Looked, now: datetime) -> None:
        self._figure, self._height, self._looked, self._now = figure, height, looked, now

    def add(self, one: Placed) -> None:
        """Draws a panel, or a row's title."""
        scope = self._looked.scope.within(one.panel.scope)
        title = _plain(scope.in_text(one.panel.title))
        bottom = 1 - (one.y + one.height + 2.5) / self._height
        if one.panel.kind is Kind.ROW:
            self._figure.text(0.008, bottom + 0.25 / self._height, title, fontsize=11, color=_INK, weight="bold")
            return
        left, width = one.x / _WIDTH, one.width / _WIDTH
        frame = self._figure.add_axes((left + 0.003, bottom, width - 0.006, (one.height - 0.3) / self._height))
        frame.set(xticks=[], yticks=[], facecolor="none")
        for spine in frame.spines.values():
            spine.set_color(_FRAME)
        frame.set_title(title, loc="left", fontsize=8.5, color=_INK, y=1.0, pad=-11, x=0.012 * _WIDTH / one.width)
        wide = one.panel.kind in {Kind.TIMESERIES, Kind.STATES, Kind.HEATMAP, Kind.BARGAUGE}
        names = 16.0 if one.panel.kind in {Kind.STATES, Kind.BARGAUGE} else 9.0
        margin = min(names / _WIDTH, width / 3) if wide else 0.008
        below = 1.6 if one.panel.kind in {Kind.TIMESERIES, Kind.STATES, Kind.HEATMAP} else 0.4
        inner = (left + margin, bottom + below / self._height, width - margin - 0.01,
                 max(one.height - below - 1.6, 0.5) / self._height)  # fmt: skip
        axes = self._figure.add_axes(inner, facecolor="none")
        self._fill(axes, one, scope)

    def _fill(self, axes: "Axes", one: Placed, scope: Scope) -> None:
        looked, panel = self._looked, one.panel
        view = view_of(looked, panel, one.width - 2, one.height - 2, self._now)
        data = looked.data.get(panel.key)
        drawn = named(panel, data.answers, legends_of(panel, scope)) if data else ()
        drawing = _DRAWINGS.get(panel.kind)
        if drawing is None or panel.why_not or not drawn:
            _as_text(axes, panel, data, looked.scope, view)
        else:
            drawing(axes, panel, drawn, view)


def _plain(text: str) -> str:
    """Dollars would begin a formula."""
    return text.replace("$", r"\$")


def _brief(name: str, most: int) -> str:
    """A name that has to be cut says so."""
    return name if len(name) <= most else f"{name[: most - 1].rstrip()}…"


def _as_text(axes: "Axes", panel: Panel, data: PanelData | None, scope: Scope, view: View) -> None:
    """What the terminal would show, in its letters: tables, text, and the reason where nothing is drawn."""
    axes.set_axis_off()
    lines = ["".join(ink.text for ink in line).rstrip() for line in draw(panel, data, scope, view)]
    for number, line in enumerate(lines):
        axes.text(
            0, 1 - number / max(len(lines), 1), _plain(line), fontsize=7, family="monospace", color=_INK, va="top"
        )


def _lines(axes: "Axes", panel: Panel, drawn: Sequence[Drawn], view: View) -> None:
    look = drawn[0].field
    bases: dict[bool, list[float]] = {}
    for number, one in enumerate(drawn):
        if one.field.hidden:
            continue
        values = _signed(one)
        tint = of_series(number, one.field, one.series.values[-1] if one.series.values else None)
        if one.field.stacked:
            below = bases.get(one.field.negative, [0.0] * len(values))
            if len(below) == len(values):
                total = [under + (0 if isnan(own) else own) for under, own in zip(below, values, strict=True)]
                axes.fill_between(one.series.times, below, total, color=tint, alpha=0.35, linewidth=0)
                bases[one.field.negative] = values = total
        if one.field.bars:
            axes.bar(one.series.times, values, width=(view.end - view.begin) / max(len(values), 1), color=tint)
        else:
            axes.plot(one.series.times, values, color=tint, linewidth=1.0)
        axes.plot([], [], color=tint, label=_plain(_brief(one.name, 60)) if number < _MOST_LEGEND else None)
    _line_axes(axes, panel, drawn, view)
    for step in look.thresholds.steps if look.threshold_lines and not look.thresholds.percent else ():
        if step.value > -inf:
            axes.axhline(step.value, color=color(step.color) or _MUTED, linewidth=0.8, linestyle="--")


def _signed(one: Drawn) -> list[float]:
    return [
        (-value if one.field.negative else value) if isfinite(value) else float("nan") for value in one.series.values
    ]


def _line_axes(axes: "Axes", panel: Panel, drawn: Sequence[Drawn], view: View) -> None:
    look = drawn[0].field
    if look.scale == "log":
        axes.set_yscale("log")
    if look.minimum is not None and not (look.scale == "log" and look.minimum <= 0):
        axes.set_ylim(bottom=look.minimum)
    if look.maximum is not None:
        axes.set_ylim(top=look.maximum)
    axes.yaxis.set_major_formatter(lambda value, _: shown(value, look.unit, look.decimals))
    axes.grid(axis="y", color=_FRAME, linewidth=0.5)
    _time_axis(axes, view)
    if panel.legend:
        axes.legend(fontsize=6, loc="upper left", frameon=False, ncols=2, labelcolor=_INK)


def _time_axis(axes: "Axes", view: View) -> None:
    axes.set_xlim(view.begin, view.end)
    marks = time_marks(view.begin, view.end, max(view.width // 14, 2), view.zone)
    axes.set_xticks([at for at, _ in marks], [text for _, text in marks])
    axes.tick_params(labelsize=6.5, colors=_MUTED, length=2)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _tiles(axes: "Axes", panel: Panel, drawn: Sequence[Drawn], view: View) -> None:
    """Stats and single gauges: text on its colour."""
    axes.set_axis_off()
    found = singles(panel, drawn, view)
    most = max(1, min(len(found), view.width // 12))
    for number, one in enumerate(found[: most * 4]):
        rows = -(-len(found[: most * 4]) // most)
        x, y = (number % most + 0.5) / most, 1 - (number // most + 0.5) / rows
        ground = one.color if panel.background and one.color else ""
        box = {"boxstyle": "round,pad=0.35", "facecolor": ground, "edgecolor": "none"} if ground else None
        tint = on(ground).split()[0] if ground else one.color or _INK
        said, size = _within(one.text, view.width / most / _BOLD)
        axes.text(x, y, _plain(said), fontsize=size, ha="center", va="center", color=tint, weight="bold", bbox=box)
        if len(found) > 1 and not panel.value_only:
            axes.text(
                x, y - 0.42 / rows, _plain(_brief(one.name, 24)), fontsize=6, ha="center", va="center", color=_MUTED
            )


def _within(text: str, most: float) -> tuple[str, float]:
    """A value in two lines, and then smaller, where one of the usual size has no room for it."""
    lines = [text] if len(text) <= most else wrap(text, max(-(-len(text) // 2) + 2, int(most))) or [text]
    return "\n".join(lines), 10 * min(1.0, most / max(max(map(len, lines)), 1))


def _bars(axes: "Axes", panel: Panel, drawn: Sequence[Drawn], view: View) -> None:
    found = list(reversed(singles(panel, drawn, view)))[-40:]
    low, high = bounds(drawn[0].field)
    values = [one.value if one.value is not None and isfinite(one.value) else 0.0 for one in found]
    axes.set_yticks(range(len(found)), [_plain(_brief(one.name, 24)) for one in found])
    axes.tick_params(labelsize=6.5, colors=_MUTED, length=0)
    axes.set_xticks([])
    # Few bars stay bars, and their values have room behind them.
    axes.set_ylim(min(0, len(found) - 5) - 0.6, len(found) - 0.4)
    if panel.kind is not Kind.GAUGE and drawn[0].field.maximum is None:
        low, high = min([0.0, *values]), max([*values, 0.0]) or 1.0
    axes.set_xlim(low, low + (high - low) * 1.2)
    # What is above the scale ends with it, as in the terminal.
    ends = [min(max(value, low), high) for value in values]
    axes.barh(range(len(found)), ends, color=[one.color or color("green") for one in found], height=0.7)
    for number, one in enumerate(found):
        axes.text(ends[number], number, f" {_plain(one.text)}", fontsize=6.5, va="center", color=_INK)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _gauge(axes: "Axes", panel: Panel, drawn: Sequence[Drawn], view: View) -> None:
    (_bars if len(drawn) > 1 else _tiles)(axes, panel, drawn, view)


def _states(axes: "Axes", _: Panel, drawn: Sequence[Drawn], view: View) -> None:
    steps = 200
    cell = (view.end - view.begin) / steps
    seen: dict[str, str] = {}
    for number, one in enumerate(reversed(drawn)):
        low, high = bounds(one.field)
        for at, value in enumerate(sampled(one, view, steps)):
            if not isnan(value):
                tint = of_value(value, one.field, low, high) or _MUTED
                seen[text_of(value, one.field, view)] = tint
                axes.broken_barh([(view.begin + at * cell, cell * 1.05)], (number - 0.4, 0.8), facecolors=tint)
    axes.set_yticks(range(len(drawn)), [_plain(_brief(one.name, 25)) for one in reversed(drawn)])
    for text, tint in list(seen.items())[:6]:
        axes.plot([], [], color=tint, linewidth=5, label=_plain(text))
    axes.legend(fontsize=6, loc="upper right", frameon=False, ncols=6, bbox_to_anchor=(1, 1.14))
    _time_axis(axes, view)


def _heat(axes: "Axes", _: Panel, drawn: Sequence[Drawn], view: View) -> None:
    ordered = apart(drawn)
    rows = [[0.0 if isnan(value) else value for value in sampled(one, view, 200)] for one in ordered]
    axes.imshow(rows, aspect="auto", origin="lower", extent=(view.begin, view.end, -0.5, len(rows) - 0.5), cmap="magma")
    axes.set_yticks(range(len(ordered)), [_plain(_brief(one.name, 16)) for one in ordered])
    _time_axis(axes, view)


_DRAWINGS: Mapping[Kind, Any] = {
    Kind.TIMESERIES: _lines,
    Kind.STAT: _tiles,
    Kind.GAUGE: _gauge,
    Kind.BARGAUGE: _bars,
    Kind.STATES: _states,
    Kind.HEATMAP: _heat,
}
