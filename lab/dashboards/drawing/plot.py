"""Curves over numbers of any kind, with both axes: what isn't a dashboard's, as a ROC or a service's memory."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import isfinite

from lab.dashboards.drawing.canvas import Canvas
from lab.dashboards.drawing.ink import Ink, Line, Lines, pad

Point = tuple[float, float]


@dataclass(frozen=True)
class Curve:
    """Points from left to right, joined by a line unless they are `dots`."""

    points: Sequence[Point]
    look: str = "accent"
    dots: bool = False


@dataclass(frozen=True)
class Axes:
    """The ranges that are shown, and how a value reads."""

    left: float
    right: float
    bottom: float
    top: float
    along: Callable[[float], str] = "{:g}".format
    upward: Callable[[float], str] = "{:g}".format


def plot(curves: Sequence[Curve], axes: Axes, width: int, height: int) -> Lines:
    """The curves in `width` × `height` characters, axes with their labels included; the first one ends on top."""
    labels = [axes.upward(axes.top), axes.upward(axes.bottom)]
    margin = min(max(map(len, labels)), max(width // 3, 1))
    canvas = Canvas(max(width - margin - 1, 1), max(height - 1, 1))
    for curve in reversed(curves):
        _draw(canvas, curve, axes)
    picture = canvas.lines()
    lines: list[Line] = []
    for row, line in enumerate(picture):
        label = labels[0] if row == 0 else labels[1] if row == len(picture) - 1 else ""
        lines.append((*pad((Ink(label, "muted"),), margin, "right"), Ink("┤" if label else "│", "muted"), *line))
    return (*lines, (Ink(" " * (margin + 1)), *_below(axes, canvas.width)))


def _draw(canvas: Canvas, curve: Curve, axes: Axes) -> None:
    before: tuple[int, int] | None = None
    for x, y in curve.points:
        if not (isfinite(x) and isfinite(y)):
            before = None
            continue
        here = (
            round((x - axes.left) / ((axes.right - axes.left) or 1.0) * (canvas.columns - 1)),
            round((axes.top - y) / ((axes.top - axes.bottom) or 1.0) * (canvas.rows - 1)),
        )
        if before is None or curve.dots:
            canvas.stroke(here[0], here[1], here[1], curve.look)
        else:
            _join(canvas, before, here, curve.look)
        before = here


def _join(canvas: Canvas, begin: tuple[int, int], end: tuple[int, int], look: str) -> None:
    """A straight line of dots: an upright stroke in each column."""
    across = end[0] - begin[0]
    if not across:
        canvas.stroke(end[0], min(begin[1], end[1]), max(begin[1], end[1]), look)
        return
    before = begin[1]
    for step in range(1, across + 1):
        row = round(begin[1] + (end[1] - begin[1]) * step / across)
        canvas.stroke(begin[0] + step, min(before, row), max(before, row), look)
        before = row


def _below(axes: Axes, width: int) -> Line:
    left, right = axes.along(axes.left), axes.along(axes.right)
    middle = axes.along((axes.left + axes.right) / 2)
    room = width - len(left) - len(right)
    between = middle.center(room) if room >= len(middle) + 2 else " " * max(room, 1)
    return (Ink(f"{left}{between}{right}"[: max(width, 1)], "muted"),)
