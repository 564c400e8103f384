"""Panels in their frames, and a whole page of them."""

from collections.abc import Callable, Mapping, Sequence

from lab.dashboards.answers import PanelData
from lab.dashboards.drawing.ink import Ink, Line, Lines, clip, pad, width_of
from lab.dashboards.grid import Placed, bottom_of
from lab.dashboards.model import Kind
from lab.dashboards.variables import Scope

# Columns and lines that a frame takes.
FRAME = 2


def framed(lines: Lines, title: str, width: int, look: str = "muted", note: str = "") -> Lines:
    """`lines` in a frame of `width` with the title in its top; they fit inside. `note` stands at its right end."""
    inner = max(width - FRAME, 0)
    top = _top(title, note, inner, look)
    body = [(Ink("│", look), *pad(line, inner), Ink("│", look)) for line in lines]
    return ((Ink("╭", look), *top, Ink("╮", look)), *body, (Ink(f"╰{'─' * inner}╯", look),))


def _top(title: str, note: str, inner: int, look: str) -> Line:
    right = (Ink(f" {note} ", "warn"), Ink("─", look)) if note and inner > width_of((Ink(note),)) + 12 else ()
    room = inner - width_of(right) - 2
    left = (Ink("─", look), *clip((Ink(f" {title} ", "strong" if look == "muted" else look),), room)) if title else ()
    return (*left, Ink("─" * max(inner - width_of(left) - width_of(right), 0), look), *right)


def row_line(title: str, width: int, count: int, is_open: bool, look: str = "accent") -> Line:
    """The line of a row: whether it is open, its title, and how many panels are in it when it is closed."""
    hidden = "" if is_open else f" ({count} panel{'' if count == 1 else 's'})"
    return pad((Ink("▾ " if is_open else "▸ ", look), Ink(title, "strong"), Ink(hidden, "muted")), width)


def note_of(data: PanelData | None) -> str:
    """A mark in the frame of a panel that was told of trouble."""
    return "!" if data and (data.troubles or data.notes) else ""


def page(placed: Sequence[Placed], scope: Scope, drawing: Callable[[Placed], Lines], width: int) -> Lines:
    """Every panel of a dashboard in its place. `drawing` gives a panel's inner lines."""
    lines: list[list[tuple[int, Line]]] = [[] for _ in range(bottom_of(placed))]
    for one in placed:
        own = scope.within(one.panel.scope)
        title = own.in_text(one.panel.title)
        if one.panel.kind is Kind.ROW:
            lines[one.y].append((0, row_line(title, width, len(one.panel.panels), one.open)))
            continue
        for at, line in enumerate(framed(drawing(one), title, one.width)):
            lines[one.y + at].append((one.x, line))
    return tuple(joined(pieces) for pieces in lines)


def joined(pieces: Sequence[tuple[int, Line]]) -> Line:
    """Pieces of one line, each at its column."""
    found: list[Ink] = []
    at = 0
    for x, line in sorted(pieces, key=lambda piece: piece[0]):
        if x > at:
            found.append(Ink(" " * (x - at)))
        found += line
        at = x + width_of(line)
    return tuple(found)


def summary(values: Mapping[str, str]) -> str:
    """Variables and their values on one line."""
    return "  ".join(f"{name}: {value or '–'}" for name, value in values.items())
