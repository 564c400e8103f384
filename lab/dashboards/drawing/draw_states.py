"""States over time and heat maps: a line for each series or bucket, a character for each moment."""

import itertools
from collections.abc import Sequence
from dataclasses import replace
from math import inf, isfinite, isnan, log1p, nan

from lab.base.monitoring import Series
from lab.dashboards.answers import Drawn
from lab.dashboards.drawing.colours import of_value
from lab.dashboards.drawing.draw_lines import View, time_axis
from lab.dashboards.drawing.draw_values import bounds, text_of
from lab.dashboards.drawing.ink import Ink, Line, Lines, block, clip, pad, width_of
from lab.dashboards.units import shown

# From cold to hot, for a ground that is dark or light.
HEAT = ("#3b4cc0", "#5977e3", "#7b9ff9", "#9ebeff", "#c0d4f5", "#dddcdc", "#f2cbb7", "#f7ad90", "#ee8468", "#d65244",
        "#b40426")  # fmt: skip


def draw_states(drawn: Sequence[Drawn], view: View) -> Lines:
    """A stripe for each series, coloured by state, and what each colour means."""
    legend = _state_legend(drawn, view) if view.legend and view.height >= 4 else []
    axis = 1 if view.height - len(legend) >= 3 else 0
    room = max(view.height - len(legend) - axis, 1)
    kept = drawn[:room] if len(drawn) <= room else drawn[: max(room - 1, 0)]
    left = min(max((width_of((Ink(one.name),)) for one in kept), default=0), max(view.width // 3, 1))
    width = max(view.width - left - 1, 1)
    lines: list[Line] = [(*pad((Ink(one.name),), left), Ink(" "), *_stripe(one, view, width)) for one in kept]
    if len(kept) < len(drawn):
        lines.append((Ink(f"and {len(drawn) - len(kept)} more", "muted"),))
    if axis:
        lines.append((Ink(" " * (left + 1)), *time_axis(view, width)))
    return block([*lines, *legend], view.width, view.height)


def _stripe(one: Drawn, view: View, width: int) -> Line:
    low, high = bounds(one.field)
    inks: list[Ink] = []
    for value in sampled(one, view, width):
        look = "muted" if isnan(value) else of_value(value, one.field, low, high)
        char = "·" if isnan(value) else "█"
        if inks and inks[-1].look == look and inks[-1].text[-1] == char:
            inks[-1] = Ink(inks[-1].text + char, look)
        else:
            inks.append(Ink(char, look))
    return tuple(inks)


def sampled(one: Drawn, view: View, width: int) -> list[float]:
    """The value in each character's time: the newest point not after its end, not older than two steps."""
    times, values = one.series.times, one.series.values
    cell_s = (view.end - view.begin) / max(width, 1)
    steps = sorted(after - at for at, after in itertools.pairwise(times))
    longest = 2.5 * steps[len(steps) // 2] if steps else cell_s
    found, at = [], 0
    for number in range(width):
        end = view.begin + (number + 1) * cell_s
        while at + 1 < len(times) and times[at + 1] <= end:
            at += 1
        near = bool(times) and times[at] <= end and end - times[at] <= max(longest, cell_s)
        found.append(values[at] if near else nan)
    return found


def _state_legend(drawn: Sequence[Drawn], view: View) -> list[Line]:
    entries: dict[tuple[str, str], None] = {}
    for one in drawn:
        low, high = bounds(one.field)
        for value in sorted({value for value in one.series.values if not isnan(value)})[:8]:
            entries[text_of(value, one.field, view), of_value(value, one.field, low, high)] = None
    inks = [ink for text, look in list(entries)[:8] for ink in (Ink("█ ", look), Ink(f"{text}  "))]
    return [clip(inks, view.width)] if inks else []


def draw_heatmap(drawn: Sequence[Drawn], view: View) -> Lines:
    """Buckets from the lowest at the bottom; how hot a moment is, by its share of the greatest value."""
    ordered = list(reversed(apart(drawn)))
    axis = 2 if view.height >= 5 else 0
    room = max(view.height - axis, 1)
    kept = _thinned(ordered, room)
    left = min(max((width_of((Ink(one.name),)) for one in kept), default=0), max(view.width // 4, 1))
    width = max(view.width - left - 1, 1)
    rows = [sampled(one, view, width) for one in kept]
    top = max((value for row in rows for value in row if isfinite(value)), default=0.0)
    lines = [
        (*pad((Ink(one.name, "muted"),), left, "right"), Ink(" "), *_heat(row, top))
        for one, row in zip(kept, rows, strict=True)
    ]
    if axis:
        text = shown(top, "short")
        lines += [(Ink(" " * (left + 1)), *time_axis(view, width)), _heat_legend(text)]
    return block(lines, view.width, view.height)


def apart(drawn: Sequence[Drawn]) -> list[Drawn]:
    """Buckets from the lowest up, each with what is in it alone: Prometheus counts all below along with it."""
    found: list[Drawn] = []
    below: dict[float, float] = {}
    for one in sorted(drawn, key=bucket):
        own = dict(zip(one.series.times, one.series.values, strict=True))
        values = tuple(max(value - below.get(at, 0.0), 0.0) for at, value in own.items())
        cumulative = one.buckets and "le" in one.labels
        found.append(replace(one, series=Series(one.labels, tuple(own), values)) if cumulative else one)
        below = own
    return found


def _heat(row: Sequence[float], top: float) -> Line:
    inks: list[Ink] = []
    for value in row:
        look, char = _warmth(value, top)
        if inks and inks[-1].look == look and inks[-1].text[-1] == char:
            inks[-1] = Ink(inks[-1].text + char, look)
        else:
            inks.append(Ink(char, look))
    return tuple(inks)


def _warmth(value: float, top: float) -> tuple[str, str]:
    if not isfinite(value) or value <= 0 or top <= 0:
        return "", " "
    # By the logarithm: counts differ by magnitudes, and rare ones matter.
    share = log1p(value / top * 9) / log1p(9)
    step = min(int(share * len(HEAT)), len(HEAT) - 1)
    return HEAT[step], "░▒▓█"[min(step * 4 // len(HEAT), 3)]


def _heat_legend(top: str) -> Line:
    return (Ink("0 ", "muted"), *(Ink("█", look) for look in HEAT), Ink(f" {top}", "muted"))


def _thinned(ordered: Sequence[Drawn], room: int) -> Sequence[Drawn]:
    """As many as there is room for, evenly chosen."""
    if len(ordered) <= room:
        return ordered
    return [ordered[at * len(ordered) // room] for at in range(room)]


def bucket(one: Drawn) -> tuple[float, str]:
    """Where a bucket stands: by its upper bound."""
    text = one.labels.get("le", one.name)
    try:
        return (float(text), "")
    except ValueError:
        return (inf, text)
