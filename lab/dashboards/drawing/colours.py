"""Grafana's colours, and which one a value or a series has."""

import re
from math import inf

from lab.dashboards.answers import text_for
from lab.dashboards.model import Field, Thresholds

# The order in which Grafana gives series a colour.
CLASSIC = (
    "#73BF69", "#F2CC0C", "#5794F2", "#FF780A", "#F2495C", "#8AB8FF", "#B877D9", "#FFB357", "#96D98D", "#FF7383",
    "#C0D8FF", "#CA95E5", "#FADE2A", "#37872D", "#E0B400", "#1F60C4", "#C4162A", "#FA6400", "#8F3BB8", "#A352CC",
)  # fmt: skip
_HUES = {
    "red": ("#FFA6B0", "#FF7383", "#F2495C", "#E02F44", "#C4162A"),
    "orange": ("#FFCB7D", "#FFB357", "#FF9830", "#FF780A", "#FA6400"),
    "yellow": ("#FFF899", "#FFEE52", "#FADE2A", "#F2CC0C", "#E0B400"),
    "green": ("#C8F2C2", "#96D98D", "#73BF69", "#56A64B", "#37872D"),
    "blue": ("#C0D8FF", "#8AB8FF", "#5794F2", "#3274D9", "#1F60C4"),
    "purple": ("#DEB6F2", "#CA95E5", "#B877D9", "#A352CC", "#8F3BB8"),
}
_SHADES = {"super-light": 0, "light": 1, "": 2, "semi-dark": 3, "dark": 4}
_OTHER = {"white": "#ffffff", "black": "#000000", "gray": "#8e8e8e", "grey": "#8e8e8e", "brown": "#a0724a",
          "pink": "#ff85c2", "cyan": "#5fd7d7", "teal": "#3fb8af", "gold": "#e0b400", "purple": "#b877d9"}  # fmt: skip
_RGB = re.compile(r"rgba?\(\s*(\d{1,3})[\s,]+(\d{1,3})[\s,]+(\d{1,3})")


def color(name: str) -> str:
    """`#rrggbb` of a colour as a file names it; empty for the text's own."""
    given = name.strip()
    if re.fullmatch(r"#[0-9a-fA-F]{6}([0-9a-fA-F]{2})?", given):
        return given[:7]
    if re.fullmatch(r"#[0-9a-fA-F]{3}", given):
        return "#" + "".join(char * 2 for char in given[1:])
    if found := _RGB.match(given):
        return "#" + "".join(f"{min(int(part), 255):02x}" for part in found.groups())
    shade, _, hue = given.rpartition("-")
    if hue in _HUES and shade in _SHADES:
        return _HUES[hue][_SHADES[shade]]
    return _OTHER.get(given, "")


def by_threshold(value: float | None, thresholds: Thresholds, low: float = 0.0, high: float = 100.0) -> str:
    """The colour of the last step that the value reaches; `low` and `high` are what percentages are of."""
    found = ""
    if value is None or value != value:
        return found
    for step in thresholds.steps:
        bound = step.value
        if thresholds.percent and bound != -inf:
            bound = low + (high - low) * bound / 100
        if value >= bound:
            found = step.color
    return color(found)


def of_value(value: float | str | None, look: Field, low: float = 0.0, high: float = 100.0) -> str:
    """A single value's colour: its text's, its threshold's, or the fixed one."""
    text = text_for(value, look.mappings)
    if text and text.color:
        return color(text.color)
    if look.color_mode == "fixed":
        return color(look.color)
    if isinstance(value, str):
        return ""
    if look.color_mode.startswith("continuous"):
        return _between(value, low, high)
    return by_threshold(value, look.thresholds, low, high)


def _between(value: float | None, low: float, high: float) -> str:
    if value is None or value != value or high <= low:
        return ""
    hues = ("green", "yellow", "orange", "red")
    share = min(max((value - low) / (high - low), 0.0), 1.0)
    return color(hues[min(int(share * len(hues)), len(hues) - 1)])


def of_series(number: int, look: Field, newest: float | None) -> str:
    """A line's colour: fixed, its newest value's threshold's, or the next of the palette."""
    if look.color_mode in {"fixed", "shades"} and color(look.color):
        return color(look.color)
    if look.color_mode == "thresholds":
        return by_threshold(newest, look.thresholds) or CLASSIC[number % len(CLASSIC)]
    return CLASSIC[number % len(CLASSIC)]


def on(background: str) -> str:
    """The look of text on a coloured ground: dark or light, whichever can be read."""
    red, green, blue = (int(background[at : at + 2], 16) for at in (1, 3, 5))
    dark = 0.299 * red + 0.587 * green + 0.114 * blue < 140
    return f"{'#ffffff' if dark else '#101010'} on {background}"
