"""Scrolling text of any length: only what is visible is drawn."""

import re
from collections.abc import Sequence
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from lab.screen.binding import Binding, BindingType
from lab.views.cells import Line, Tone
from lab.views.wrapping import wrap

_SIDEWAYS = 8


class LineList(ScrollView, can_focus=True):
    """Lines that scroll, break at the window's edge or not (`w`), and follow their end when they are told to."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {*(f"lines--{tone}" for tone in Tone), "lines--match"}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "move(1)", "Down", show=False),
        Binding("up,k", "move(-1)", "Up", show=False),
        Binding("pagedown,space,ctrl+f", "page(1)", "Page down", show=False),
        Binding("pageup,ctrl+b", "page(-1)", "Page up", show=False),
        Binding("home,g", "top", "Top", show=False),
        Binding("end,G", "end", "End", show=False),
        Binding("left", "sideways(-1)", "Left", show=False),
        Binding("right", "sideways(1)", "Right", show=False),
        Binding("w", "wrap", "Wrap", show=False),
    ]

    class FollowChanged(Message):
        """A person scrolled away from the end, or went to it."""

    def __init__(self, wrapping: bool = True, follows: bool = False) -> None:
        """With `follows` it begins at its end, and stays there while lines come until a person scrolls up."""
        super().__init__()
        self._wrapping = wrapping
        self._lines: list[Line] = []
        self._drawn: list[Line] = []
        self._left = 0
        self._width = 0
        self._match: re.Pattern[str] | None = None
        self._styles_by_tone: dict[Tone, Style] = {}
        self.following = self._follows = follows

    @property
    def lines(self) -> Sequence[Line]:
        """What is shown, before it was broken."""
        return self._lines

    def show(self, lines: Sequence[Line]) -> None:
        """Takes the whole content; the place stays, as far as it exists."""
        self._lines = list(lines)
        self._lay_out()

    def extend(self, lines: Sequence[Line], dropped: int = 0) -> None:
        """Takes new lines at the end, after the first `dropped` ones went; the place stays on the same lines."""
        gone = sum(len(self._broken(line)) for line in self._lines[:dropped])
        del self._lines[:dropped]
        del self._drawn[:gone]
        self._lines.extend(lines)
        for line in lines:
            self._drawn.extend(self._broken(line))
        self._resize()
        if gone and not self.following:
            self.scroll_to(y=max(0, self.scroll_offset.y - gone), animate=False, force=True, immediate=True)
        self._after_change()

    def highlight(self, match: re.Pattern[str] | None) -> None:
        """Marks what the pattern finds."""
        if match != self._match:
            self._match = match
            self.refresh()

    def reveal(self, index: int) -> None:
        """Brings line `index` to the top."""
        row = sum(len(self._broken(line)) for line in self._lines[:index])
        self.scroll_to(y=row, animate=False, force=True)

    def _broken(self, line: Line) -> tuple[Line, ...]:
        return wrap(line, self._width) if self._wrapping else (line,)

    def _lay_out(self) -> None:
        self._width = self.scrollable_content_region.width
        self._drawn = [part for line in self._lines for part in self._broken(line)]
        self._resize()
        self._after_change()

    def _resize(self) -> None:
        self.virtual_size = Size(self._width, len(self._drawn))

    def _after_change(self) -> None:
        if self.following:
            self.scroll_to(y=self.max_scroll_y, animate=False, force=True, immediate=True)
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """One line of the visible part."""
        index = y + round(self.scroll_offset.y)
        width = self.size.width
        if index >= len(self._drawn):
            return Strip.blank(width, self.rich_style)
        strip = Strip([Segment(span.text, self._style(span.tone)) for span in self._drawn[index]])
        if self._match:
            strip = self._marked(strip, self._match)
        return strip.crop(self._left, self._left + width).adjust_cell_length(width, self.rich_style)

    def _marked(self, strip: Strip, match: re.Pattern[str]) -> Strip:
        text = strip.text
        cuts: list[int] = []
        for found in match.finditer(text):
            if found.end() > found.start():
                cuts += [cell_len(text[: found.start()]), cell_len(text[: found.end()])]
        if not cuts:
            return strip
        style = self.get_component_rich_style("lines--match")
        parts = strip.divide([*cuts, strip.cell_length])
        return Strip.join(part.apply_style(style) if number % 2 else part for number, part in enumerate(parts))

    def _style(self, tone: Tone) -> Style:
        if tone not in self._styles_by_tone:
            self._styles_by_tone[tone] = self.get_component_rich_style(f"lines--{tone}")
        return self._styles_by_tone[tone]

    def notify_style_update(self) -> None:
        """The theme or a state changed."""
        super().notify_style_update()
        self._styles_by_tone.clear()

    def action_move(self, by: int) -> None:
        self._follow(self.following and by > 0)
        self.scroll_relative(y=by, animate=False)

    def _follow(self, wanted: bool) -> None:
        if wanted is not self.following:
            self.following = wanted
            self.post_message(self.FollowChanged())

    def action_page(self, direction: int) -> None:
        self.action_move(direction * max(1, self.size.height - 1))

    def action_top(self) -> None:
        self._follow(False)
        self.scroll_to(y=0, animate=False)

    def action_end(self) -> None:
        self._follow(self._follows)
        self.scroll_to(y=self.max_scroll_y, animate=False, force=True)

    def action_sideways(self, direction: int) -> None:
        """Moves the text by some columns, where it isn't broken."""
        longest = max((sum(cell_len(span.text) for span in line) for line in self._drawn), default=0)
        most = max(0, longest - self.size.width)
        self._left = 0 if self._wrapping else max(0, min(self._left + direction * _SIDEWAYS, most))
        self.refresh()

    def action_wrap(self) -> None:
        """Breaks long lines, or shows them cut."""
        self._wrapping, self._left = not self._wrapping, 0
        self._lay_out()

    def on_mouse_scroll_up(self) -> None:
        """Whoever looks back wants to stay there."""
        self._follow(False)

    def on_resize(self) -> None:
        if self._width != self.scrollable_content_region.width:
            self._lay_out()
