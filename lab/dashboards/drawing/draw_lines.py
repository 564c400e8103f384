"""Time series as lines, areas and bars, with axes, thresholds and a legend."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, tzinfo
from math import inf, isnan, nan

from lab.dashboards.answers import Drawn
from lab.dashboards.drawing.canvas import Canvas
from lab.dashboards.drawing.colours import color, of_series
from lab.dashboards.drawing.ink import Ink, Line, Lines, block, clip, pad, width_of
from lab.dashboards.drawing.scales import Scale, fitting, time_marks
from lab.dashboards.model import Field
from lab.dashboards.units import BINARY, SECONDS, shown

Points = list[float]
# From this height on there is a time axis; from that one on a legend that takes a line of its own.
AXIS_FROM, LEGEND_FROM = 4, 6


@dataclass(frozen=True)
class View:
    """Room and time of a picture: characters, epoch seconds, and a person's choices."""

    width: int
    height: int
    begin: float = 0.0
    end: float = 1.0
    legend: bool = True
    large: bool = False
    zone: tzinfo | None = UTC
    now: float = 0.0


def draw_lines(drawn: Sequence[Drawn], view: View, legend: bool = True) -> Lines:
    """The picture, at the view's size."""
    seen = [one for one in drawn if not one.field.hidden]
    looks = {id(one): of_series(number, one.field, _newest(one)) for number, one in enumerate(drawn)}
    below = _legend(drawn, looks, view) if legend and view.legend and view.height >= LEGEND_FROM else []
    axis = 1 if view.height >= AXIS_FROM else 0
    height = max(view.height - len(below) - axis, 1)
    columns = [_columns(one, max(view.width, 2) * 2, view) for one in seen]
    stacked = _stacked(seen, columns)
    first = seen[0].field if seen else Field()
    scale = _scale(seen, stacked, first)
    labels = _value_labels(scale, height, first)
    left = min(max((len(label) for label in labels.values()), default=0), max(view.width // 3, 1))
    room = max(view.width - left - 1, 1)
    picture = _picture(seen, view, scale, Canvas(room, height), looks)
    lines = [(*_label(labels.get(row, ""), left), *picture[row]) for row in range(height)]
    if axis:
        lines.append((Ink(" " * (left + 1)), *time_axis(view, room)))
    return block([*lines, *below], view.width, view.height)


def _newest(one: Drawn) -> float | None:
    return next((value for value in reversed(one.series.values) if not isnan(value)), None)


def _columns(one: Drawn, count: int, view: View) -> Points:
    """A value for each column of dots; no number where there was none for longer than two steps."""
    found = [nan] * count
    length = max(view.end - view.begin, 1e-9)
    times, values = one.series.times, one.series.values
    sign = -1 if one.field.negative else 1
    before: tuple[int, float, float] | None = None
    gap_s = 2.5 * _step(times)
    for at, value in zip(times, values, strict=True):
        place = int((at - view.begin) / length * (count - 1) + 0.5)
        if 0 <= place < count and not isnan(value):
            if before and at - before[2] <= gap_s:
                _bridge(found, before[0], before[1], place, sign * value)
            found[place] = sign * value
            before = (place, sign * value, at)
    return found


def _step(times: Sequence[float]) -> float:
    """The usual time between two points."""
    steps = sorted(after - at for at, after in itertools.pairwise(times))
    return steps[len(steps) // 2] if steps else inf


def _bridge(found: Points, begin: int, first: float, end: int, last: float) -> None:
    for place in range(begin + 1, end):
        found[place] = first + (last - first) * (place - begin) / (end - begin)


def _stacked(seen: Sequence[Drawn], columns: Sequence[Points]) -> Sequence[Points]:
    """Series that are stacked, upon each other; upward and downward ones apart."""
    sums: dict[bool, Points] = {}
    found = []
    for one, points in zip(seen, columns, strict=True):
        if not one.field.stacked:
            found.append(points)
            continue
        below = sums.get(one.field.negative, [0.0] * len(points))
        total = [under + (0.0 if isnan(value) else value) for under, value in zip(below, points, strict=True)]
        sums[one.field.negative] = total
        found.append([nan if isnan(value) else own for own, value in zip(total, points, strict=True)])
    return found


def _scale(seen: Sequence[Drawn], columns: Sequence[Points], first: Field) -> Scale:
    values = [value for points in columns for value in points if not isnan(value)]
    low, high = first.minimum, first.maximum
    if first.threshold_lines and values:
        values += [step.value for step in first.thresholds.steps if step.value > -inf and not first.thresholds.percent]
    if any(one.field.stacked or one.field.bars for one in seen) and low is None:
        values.append(0.0)
    found = fitting(values, low, high, log=first.scale == "log")
    return replace(found, binary=first.unit in BINARY, seconds=SECONDS.get(first.unit, 0.0))


def _picture(
    seen: Sequence[Drawn], view: View, scale: Scale, canvas: Canvas, looks: dict[int, str]
) -> tuple[Line, ...]:
    columns = _stacked(seen, [_columns(one, canvas.columns, view) for one in seen])
    # The first series ends on top.
    for one, points in reversed(list(zip(seen, columns, strict=True))):
        rows = [scale.row(value, canvas.rows) for value in points]
        if one.field.bars:
            base = scale.row(max(0.0, scale.low), canvas.rows) or canvas.rows - 1
            for column, row in enumerate(rows):
                if row is not None:
                    canvas.stroke(column, min(row, base), max(row, base), looks[id(one)])
        else:
            canvas.line(rows, looks[id(one)])
    for one in seen[:1]:
        _threshold_lines(canvas, scale, one.field)
    return canvas.lines()


def _threshold_lines(canvas: Canvas, scale: Scale, look: Field) -> None:
    for step in look.thresholds.steps if look.threshold_lines else ():
        bound = step.value
        if look.thresholds.percent and bound > -inf:
            bound = scale.low + (scale.high - scale.low) * bound / 100
        row = scale.row(bound, canvas.rows) if bound > -inf else None
        if row is not None:
            canvas.rule(row, color(step.color) or "muted")


def _value_labels(scale: Scale, height: int, look: Field) -> dict[int, str]:
    """Texts by row of characters."""
    found: dict[int, str] = {}
    for value in scale.marks(max(min(height * 2 // 3, 5), height // 3, 1)):
        row = scale.row(value, height * 4)
        if row is not None and 0 <= row < height * 4 and _worth_a_mark(value, look):
            text = shown(abs(value) if look.negative else value, look.unit, look.decimals)
            found.setdefault(row >> 2, text)
    return found


def _worth_a_mark(value: float, look: Field) -> bool:
    """Whether its text, with the file's decimals, says where it stands: half a run is none."""
    plain = look.unit in {"", "none", "short"} and look.decimals is not None
    return not plain or abs(round(value, look.decimals) - value) < 1e-9


def _label(text: str, width: int) -> Line:
    return (*pad((Ink(text, "muted"),), width, "right"), Ink("┤" if text else "│", "muted"))


def time_axis(view: View, width: int) -> Line:
    """Round times along a line of `width` characters."""
    length = max(view.end - view.begin, 1e-9)
    text = ""
    for at, label in time_marks(view.begin, view.end, max(width // 12, 1), view.zone):
        place = int((at - view.begin) / length * (width - 1)) - len(label) // 2
        place = max(0, min(place, width - len(label)))
        if len(text) == 0 or place >= len(text) + 1:
            text = text.ljust(place) + label
    return (Ink(text[:width], "muted"),)


def _legend(drawn: Sequence[Drawn], looks: dict[int, str], view: View) -> list[Line]:
    """Names with their newest values, as many as there is room for; large, one to a line."""
    entries = [_entry(one, looks[id(one)]) for one in drawn if not one.field.hidden]
    if view.large:
        most = max(view.height // 3, 1)
        lines = [clip(entry, view.width) for entry in entries[:most]]
        return [*lines[:-1], (Ink(f"and {len(entries) - most + 1} more", "muted"),)] if len(entries) > most else lines
    return _flowing(entries, view.width, 2 if view.height >= 2 * LEGEND_FROM else 1)


def _entry(one: Drawn, look: str) -> Line:
    value = shown(_newest(one), one.field.unit, one.field.decimals)
    return (Ink("━ ", look), Ink(one.name), Ink(f" {value}", "muted"))


def _flowing(entries: Sequence[Line], width: int, most: int) -> list[Line]:
    lines: list[list[Ink]] = []
    for number, entry in enumerate(entries):
        fits = lines and width_of(lines[-1]) + 2 + width_of(entry) <= width
        if fits:
            lines[-1] += [Ink("  "), *entry]
        elif len(lines) < most:
            lines.append(list(clip(entry, width)))
        else:
            rest = f" +{len(entries) - number}"
            lines[-1] = [*clip(lines[-1], width - len(rest)), Ink(rest, "muted")]
            break
    return [tuple(line) for line in lines]
