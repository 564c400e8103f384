"""Panels as strips of Textual, kept as long as nothing about them changes; and which panel is next to another."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from lab.dashboards.drawing.compose import FRAME, framed, note_of, row_line
from lab.dashboards.drawing.draw import draw
from lab.dashboards.drawing.ink import Line, Lines
from lab.dashboards.grid import Placed
from lab.dashboards.looking import Looked, view_of
from lab.dashboards.model import Kind

Clock = Callable[[], datetime]
# Looks that have a name; the theme decides how they look.
WORDS = ("muted", "strong", "bad", "warn", "ok", "accent")


class Painter:
    """`base` is the style of plain text, `named` that of one of the `WORDS`."""

    def __init__(self, clock: Clock, base: Callable[[], Style], named: Callable[[str], Style]) -> None:
        self._clock, self._base, self._named = clock, base, named
        self._styles: dict[str, Style] = {}
        self._kept: dict[str, tuple[tuple[object, ...], list[Strip]]] = {}

    def forget(self) -> None:
        """Another theme: nothing that was drawn is right any more."""
        self._styles.clear()
        self._kept.clear()

    def panel(self, looked: Looked, one: Placed, chosen: bool, legend: bool, large: bool) -> list[Strip]:
        """The panel's lines, its frame too; as they were while nothing about it changed."""
        data = looked.data.get(one.panel.key)
        title = looked.scope.within(one.panel.scope).in_text(one.panel.title)
        state = (data, one, title, chosen, legend, large)
        kept = self._kept.get(one.panel.key)
        if kept and kept[0] == state:
            return kept[1]
        strips = [self.strip(line) for line in self._lines(looked, one, title, chosen, legend, large)]
        self._kept[one.panel.key] = (state, strips)
        return strips

    def _lines(self, looked: Looked, one: Placed, title: str, chosen: bool, legend: bool, large: bool) -> Lines:
        look = "accent" if chosen else "muted"
        if one.panel.kind is Kind.ROW:
            return (row_line(title, one.width, len(one.panel.panels), one.open, look),)
        view = view_of(looked, one.panel, one.width - FRAME, one.height - FRAME, self._clock(), legend)
        data = looked.data.get(one.panel.key)
        inner = draw(one.panel, data, looked.scope, replace(view, large=large))
        return framed(inner, title, one.width, look, note_of(data))

    def strip(self, line: Line) -> Strip:
        """A line in the colours of the theme."""
        return Strip([Segment(ink.text, self._style(ink.look)) for ink in line if ink.text])

    def _style(self, look: str) -> Style:
        if look not in self._styles:
            words, _, ground = look.partition(" on ")
            found = self._base() + Style(bgcolor=ground or None)
            for word in words.split():
                found += self._named(word) if word in WORDS else Style(color=word)
            self._styles[look] = found
        return self._styles[look]


def beside(pieces: Sequence[tuple[int, Strip]], blank: Style) -> Strip:
    """Strips of one line, each at its column."""
    strips: list[Strip] = []
    at = 0
    for x, strip in pieces:
        if x > at:
            strips.append(Strip.blank(x - at, blank))
        strips.append(strip)
        at = x + strip.cell_length
    return Strip.join(strips)


def nearest(here: Placed, placed: Sequence[Placed], right: int, down: int) -> Placed | None:
    """The panel that lies next in a direction, the one most in line first."""

    def ahead(one: Placed) -> int:
        if right:
            return one.x - here.x - here.width + 1 if right > 0 else here.x - one.x - one.width + 1
        return one.y - here.y - here.height + 1 if down > 0 else here.y - one.y - one.height + 1

    def aside(one: Placed) -> int:
        if right:
            return max(one.y - here.y - here.height + 1, here.y - one.y - one.height + 1, 0)
        return max(one.x - here.x - here.width + 1, here.x - one.x - one.width + 1, 0)

    found = [one for one in placed if one is not here and ahead(one) > 0 and (not right or aside(one) == 0)]
    return min(found, key=lambda one: (ahead(one), aside(one), one.x, one.y), default=None)
