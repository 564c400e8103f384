"""Single values: stats, gauges and bar gauges."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, isfinite, isnan

from lab.dashboards.answers import Drawn, text_for
from lab.dashboards.drawing.colours import of_value, on
from lab.dashboards.drawing.draw_lines import View
from lab.dashboards.drawing.ink import Ink, Line, Lines, block, clip, pad, width_of
from lab.dashboards.model import Field, Panel
from lab.dashboards.reduce import reduced
from lab.dashboards.units import shown
from lab.dashboards.untrusted_json import line

_BARS = "▁▂▃▄▅▆▇█"
# A tile narrower than this says nothing.
_TILE = 14


@dataclass(frozen=True)
class Single:
    """One value with its name, as text and as a colour."""

    name: str
    value: float | None
    text: str
    color: str
    drawn: Drawn


def singles(panel: Panel, drawn: Sequence[Drawn], view: View) -> tuple[Single, ...]:
    """The values that a panel shows: one for each series and calculation."""
    found = []
    for one in drawn:
        for calc in panel.calcs:
            value = reduced(one.series.values, calc)
            low, high = bounds(one.field)
            name = one.name if len(panel.calcs) == 1 else f"{one.name} {calc}"
            found.append(
                Single(name, value, text_of(value, one.field, view), of_value(value, one.field, low, high), one)
            )
    return tuple(found)


def text_of(value: float | str | None, look: Field, view: View) -> str:
    """The text in place of a value, or the value with its unit."""
    mapped = text_for(value, look.mappings)
    if mapped and mapped.text:
        return mapped.text
    if isinstance(value, str):
        return line(value)
    if value is None and look.no_value:
        return look.no_value
    return shown(value, look.unit, look.decimals, view.zone, view.now)


def bounds(look: Field) -> tuple[float, float]:
    """From where to where a gauge goes when the file leaves it open."""
    natural = 1.0 if look.unit == "percentunit" else 100.0
    low = 0.0 if look.minimum is None else look.minimum
    high = look.maximum if look.maximum is not None else max(natural, low + natural)
    return low, high


def draw_stats(panel: Panel, drawn: Sequence[Drawn], view: View) -> Lines:
    """A tile for each value, as many as fit, coloured by thresholds."""
    found = singles(panel, drawn, view)
    across = max(1, min(len(found), view.width // _TILE))
    down = ceil(len(found) / across)
    rows = min(down, max(view.height, 1))
    shown_ones = found[: across * rows]
    lines: list[Line] = []
    heights = [view.height // rows + (number < view.height % rows) for number in range(rows)]
    for number, height in enumerate(heights):
        group = shown_ones[number * across : (number + 1) * across]
        widths = [view.width // len(group) + (at < view.width % len(group)) for at in range(len(group))]
        alone = len(found) == 1
        tiles = [_tile(panel, one, width, height, alone) for one, width in zip(group, widths, strict=True)]
        lines += [tuple(ink for tile in tiles for ink in tile[at]) for at in range(height)]
    if len(shown_ones) < len(found) and lines:
        lines[-1] = pad((Ink(f"and {len(found) - len(shown_ones)} more", "muted"),), view.width, "right")
    return block(lines, view.width, view.height)


def _tile(panel: Panel, one: Single, width: int, height: int, alone: bool) -> Lines:
    ground = panel.background and bool(one.color)
    look = on(one.color) if ground else f"strong {one.color}".strip()
    name = one.name if (panel.name_only or (not alone and not panel.value_only)) else ""
    parts: list[Line] = [] if panel.name_only else [(Ink(one.text, look),)]
    if name and height > len(parts):
        parts.append((Ink(name, look if ground else "muted"),))
    elif name and parts and height == 1:
        parts = [(Ink(f"{name} ", look if ground else "muted"), Ink(one.text, look))]
    if panel.spark and height >= len(parts) + 1 and len(one.drawn.series.values) > 2:
        parts.append((Ink(spark(one.drawn.series.values, max(width - 2, 1)), one.color),))
    above = max((height - len(parts)) // 2, 0)
    lines = [(), *[()] * (above - 1), *parts] if above else parts[:height]
    return tuple(
        _grounded(line, width, look if ground else "") for line in [*lines, *[()] * (height - len(lines))][:height]
    )


def _grounded(line: Line, width: int, look: str) -> Line:
    padded = pad(line, max(width - 1, 1), "center")
    return (*(Ink(ink.text, ink.look or look) for ink in padded), Ink(" "))


def spark(values: Sequence[float], width: int) -> str:
    """The newest values as a line of bars."""
    real = [value for value in values if isfinite(value)]
    if not real:
        return ""
    size = max(len(real) / width, 1.0)
    picked = [real[min(int((at + 1) * size) - 1, len(real) - 1)] for at in range(min(width, len(real)))]
    low, high = min(picked), max(picked)
    top = len(_BARS) - 1
    return "".join(_BARS[round((value - low) / (high - low) * top)] if high > low else _BARS[0] for value in picked)


def draw_gauges(panel: Panel, drawn: Sequence[Drawn], view: View) -> Lines:
    """A bar from the lowest to the highest value, with the thresholds under it."""
    found = singles(panel, drawn, view)
    if len(found) != 1:
        return draw_bars(panel, drawn, view)
    one = found[0]
    low, high = bounds(one.drawn.field)
    width = max(view.width - 2, 1)
    parts: list[Line] = [pad((Ink(one.text, f"strong {one.color}".strip()),), view.width, "center")]
    if view.height >= 2:
        parts.append((Ink(" "), *meter(one.value, low, high, width, one.color), Ink(" ")))
    if view.height >= 3:
        parts.append((Ink(" "), *_steps(one.drawn.field, low, high, width), Ink(" ")))
    if view.height >= 4:
        ends = [shown(end, one.drawn.field.unit, one.drawn.field.decimals) for end in (low, high)]
        gap = max(width - len(ends[0]) - len(ends[1]), 1)
        parts.append((Ink(f" {ends[0]}{' ' * gap}{ends[1]}", "muted"),))
    above = max((view.height - len(parts)) // 2, 0)
    return block([*[()] * above, *parts], view.width, view.height)


def meter(value: float | None, low: float, high: float, width: int, look: str) -> Line:
    """A bar as full as the value is high, in eighths of a character."""
    share = (value - low) / (high - low) if value is not None and not isnan(value) and high > low else 0.0
    eighths = round(min(max(share, 0.0), 1.0) * width * 8)
    full, rest = divmod(eighths, 8)
    done = "█" * full + ("▏▎▍▌▋▊▉"[rest - 1] if rest else "")
    return (Ink(done, look), Ink("·" * (width - len(done)), "muted"))


def _steps(look: Field, low: float, high: float, width: int) -> Line:
    """The thresholds' colours along the bar."""
    inks: list[Ink] = []
    for at in range(width):
        color = of_value(low + (high - low) * (at + 0.5) / width, look, low, high)
        if inks and inks[-1].look == color:
            inks[-1] = Ink(inks[-1].text + "▔", color)
        else:
            inks.append(Ink("▔", color))
    return tuple(inks)


def draw_bars(panel: Panel, drawn: Sequence[Drawn], view: View) -> Lines:
    """A bar for each value, with its name in front and the value behind."""
    found = singles(panel, drawn, view)
    kept = found[: view.height] if len(found) <= view.height else found[: max(view.height - 1, 0)]
    names = min(max((width_of((Ink(one.name),)) for one in kept), default=0), max(view.width * 2 // 5, 1))
    values = min(max((width_of((Ink(one.text),)) for one in kept), default=0), max(view.width // 3, 1))
    room = max(view.width - names - values - 2, 0)
    low, high = _common(found)
    lines = [
        (
            *pad((Ink(one.name),), names),
            Ink(" "),
            *meter(one.value, low, high, room, one.color),
            Ink(" "),
            *pad((Ink(one.text, one.color),), values, "right"),
        )
        for one in kept
    ]
    if len(kept) < len(found):
        lines.append(clip((Ink(f"and {len(found) - len(kept)} more", "muted"),), view.width))
    return block(lines, view.width, view.height)


def _common(found: Sequence[Single]) -> tuple[float, float]:
    """One yardstick for all bars: as the file says, else up to the greatest value."""
    looks = [one.drawn.field for one in found]
    values = [one.value for one in found if one.value is not None and isfinite(one.value)]
    low = min([0.0, *values]) if not looks or looks[0].minimum is None else looks[0].minimum
    if looks and (looks[0].maximum is not None or looks[0].unit in {"percent", "percentunit"}):
        return low, bounds(looks[0])[1]
    return low, max([*values, low]) if max([*values, low]) > low else low + 1.0
