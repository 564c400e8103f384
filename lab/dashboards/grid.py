"""Where panels stand: Grafana's grid of 24 columns on a terminal of any width."""

from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass, replace

from lab.dashboards.model import COLUMNS, Grid, Kind, Panel

# A step of the grid is 38 pixels high, a line of a terminal some 20; text needs less room than pictures.
LINES_PER_STEP = 1.5
LEAST_HEIGHT = {Kind.STAT: 4, Kind.GAUGE: 5, Kind.TEXT: 4}
_LEAST_WIDTH = {Kind.STAT: 16, Kind.GAUGE: 20, Kind.BARGAUGE: 32, Kind.TEXT: 24}
_NORMAL_HEIGHT, _NORMAL_WIDTH = 7, 36


@dataclass(frozen=True)
class Placed:
    """A panel in its place, in characters; rows are one line high. `open` tells whether a row shows its panels."""

    panel: Panel
    x: int
    y: int
    width: int
    height: int
    open: bool = True


def lay_out(panels: Sequence[Panel], width: int, toggled: Set[str] = frozenset()) -> tuple[Placed, ...]:
    """All panels that show; `toggled` are keys of rows that a person opened or closed against the file."""
    placed: list[Placed] = []
    for row, group in _sections(panels):
        top = bottom_of(placed)
        shows = row is None or row.collapsed == (row.key in toggled)
        if row is not None:
            placed.append(Placed(row, 0, top, width, 1, open=shows))
            top += 1
        if shows:
            placed += _section(group, width, top)
    return tuple(placed)


def bottom_of(placed: Sequence[Placed]) -> int:
    """Lines that the panels take."""
    return max((one.y + one.height for one in placed), default=0)


def _sections(panels: Sequence[Panel]) -> Iterator[tuple[Panel | None, Sequence[Panel]]]:
    """Panels before any row, then each row with its own."""
    loose: list[Panel] = []
    for panel in panels:
        if panel.kind is Kind.ROW:
            if loose:
                yield None, loose
                loose = []
            yield panel, panel.panels
        else:
            loose.append(panel)
    if loose:
        yield None, loose


def _section(group: Sequence[Panel], width: int, top: int) -> list[Placed]:
    placed: list[Placed] = []
    for band in _bands(group):
        at = max(bottom_of(placed), top)
        placed += _as_grid(band, width, at) if _fits(band, width) else _as_flow(band, width, at)
    return placed


def _bands(group: Sequence[Panel]) -> Iterator[list[Panel]]:
    """Panels that stand beside each other, from top to bottom."""
    band: list[Panel] = []
    bottom = 0
    for panel in sorted(group, key=lambda one: (one.grid.y, one.grid.x)):
        if band and panel.grid.y >= bottom:
            yield band
            band = []
        bottom = max(bottom, panel.grid.y + panel.grid.h) if band else panel.grid.y + panel.grid.h
        band.append(panel)
    if band:
        yield band


def _fits(band: Sequence[Panel], width: int) -> bool:
    """Whether each panel has the room that it needs to say something, and none covers another."""
    cells = {(x, y) for one in band for x in range(one.grid.x, one.grid.x + one.grid.w)
             for y in range(one.grid.y, one.grid.y + one.grid.h)}  # fmt: skip
    overlap = len(cells) < sum(one.grid.w * one.grid.h for one in band)
    return not overlap and all(one.grid.w * width // COLUMNS >= least_width(one) for one in band)


def least_width(panel: Panel) -> int:
    """Characters across that the panel needs."""
    return _LEAST_WIDTH.get(panel.kind, _NORMAL_WIDTH)


def _as_grid(band: Sequence[Panel], width: int, top: int) -> list[Placed]:
    first = min(one.grid.y for one in band)
    return [_at_grid(one, one.grid, width, top, first, len(band) == 1) for one in band]


def _at_grid(panel: Panel, grid: Grid, width: int, top: int, first: int, alone: bool) -> Placed:
    x = grid.x * width // COLUMNS
    right = (grid.x + grid.w) * width // COLUMNS
    y = round((grid.y - first) * LINES_PER_STEP)
    height = round((grid.y + grid.h - first) * LINES_PER_STEP) - y
    least = least_height(panel) if alone else min(least_height(panel), height + 1)
    # A panel alone in its band may be as high as it needs; others would cover what is below them.
    return Placed(panel, x, top + y, right - x, max(height, least if alone else 3))


def least_height(panel: Panel) -> int:
    """Lines that the panel needs, its border counted."""
    return LEAST_HEIGHT.get(panel.kind, _NORMAL_HEIGHT)


def _as_flow(band: Sequence[Panel], width: int, top: int) -> list[Placed]:
    """One after the other, as many on a line as have room; those of a line have one height."""
    placed: list[Placed] = []
    line: list[Panel] = []
    for panel in band:
        if line and sum(least_width(one) for one in [*line, panel]) > width:
            placed += _flow_line(line, width, max(bottom_of(placed), top))
            line = []
        line.append(panel)
    return placed + (_flow_line(line, width, max(bottom_of(placed), top)) if line else [])


def _flow_line(line: Sequence[Panel], width: int, top: int) -> list[Placed]:
    height = max(max(least_height(one), round(one.grid.h * LINES_PER_STEP)) for one in line)
    total = sum(least_width(one) for one in line)
    placed, x = [], 0
    for number, panel in enumerate(line):
        last = number == len(line) - 1
        own = width - x if last else width * least_width(panel) // total
        placed.append(Placed(panel, x, top, own, height))
        x += own
    return placed


def repeated(panels: Sequence[Panel], values: "dict[str, tuple[str, ...]]") -> tuple[Panel, ...]:
    """Panels and rows that are repeated for each value of a variable, once for each."""
    found: list[Panel] = []
    for panel in panels:
        inner = repeated(panel.panels, values) if panel.panels else ()
        chosen = values.get(panel.repeat, ()) if panel.repeat else ()
        if not chosen:
            found.append(replace(panel, panels=inner))
            continue
        for number, value in enumerate(chosen[:_MOST_REPEATED]):
            found.append(_copy(replace(panel, panels=inner), number, value, len(chosen)))
    return tuple(found)


_MOST_REPEATED = 24


def _copy(panel: Panel, number: int, value: str, count: int) -> Panel:
    scope = {**panel.scope, panel.repeat: value}
    inner = tuple(_scoped(one, number, scope) for one in panel.panels)
    own = replace(panel, key=f"{panel.key}#{number}", scope=scope, panels=inner)
    if panel.kind is Kind.ROW:
        return own
    per_line = max(1, min(count, COLUMNS // min(panel.grid.w, 8) if panel.grid.w < COLUMNS else 4))
    width = COLUMNS // per_line
    grid = Grid((number % per_line) * width, panel.grid.y + number // per_line * panel.grid.h, width, panel.grid.h)
    return replace(own, grid=grid)


def _scoped(panel: Panel, number: int, scope: "dict[str, str]") -> Panel:
    return replace(panel, key=f"{panel.key}#{number}", scope={**scope, **panel.scope})
