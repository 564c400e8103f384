"""The head of a drill-down: what it is about, and the names of its views."""

from collections.abc import Sequence

from textual import events
from textual.content import Content
from textual.message import Message
from textual.widgets import Static

from lab.screen.widgets.paint import content
from lab.views.cells import Line, Span, Tone, clip


class Subject(Static):
    """One line, cut at the window's edge."""

    def __init__(self) -> None:
        super().__init__(markup=False, classes="subject")
        self._line: Line = ()

    def show(self, line: Line) -> None:
        """Takes the line."""
        self._line = line
        self._draw()

    def on_resize(self) -> None:
        self._draw()

    def _draw(self) -> None:
        if self.content_size.width:
            self.update(content(clip(self._line, self.content_size.width)), layout=False)


class TabBar(Static):
    """The views by their keys; a click chooses one."""

    class Chosen(Message):
        """A person wants view `index`."""

        def __init__(self, index: int) -> None:
            super().__init__()
            self.index = index

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(markup=False, classes="tabs")
        self._names = names
        self._ends: list[int] = []
        self._current = 0

    def show(self, current: int) -> None:
        """Marks the view that is shown, by brackets as well."""
        self._current = current
        spans: list[Content] = []
        self._ends = []
        width = 0
        room = self.content_size.width
        brief = 0 < room < sum(len(name) + 4 for name in self._names)
        for index, name in enumerate(self._names):
            chosen = index == current
            # In a narrow window the others are their keys only, so that each can be seen.
            plain = f" {index + 1} " if brief else f" {index + 1} {name} "
            text = f"[{index + 1} {name}]" if chosen else plain
            style = "bold $accent" if chosen else "$foreground-muted"
            spans.append(Content.styled(text, style))
            width += len(text)
            self._ends.append(width)
        self.update(Content("").join(spans), layout=False)

    def on_resize(self) -> None:
        self.show(self._current)

    def on_click(self, event: events.Click) -> None:
        place = event.x - self.gutter.left
        index = next((number for number, end in enumerate(self._ends) if place < end), None)
        if index is not None and place >= 0:
            self.post_message(self.Chosen(index))


def subject(*spans: Span) -> Line:
    """The parts of a subject line with dots between them; empty ones are left out."""
    line: list[Span] = []
    for span in spans:
        if span.text:
            line += [Span(" · ", Tone.MUTED), span] if line else [span]
    return tuple(line)
