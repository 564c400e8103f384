"""One view of a drill-down: a frame in the state of its source, around a table or around text."""

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from lab.screen.binding import Binding, BindingType
from lab.screen.widgets.lines import LineList
from lab.screen.widgets.paint import content, paragraphs
from lab.screen.widgets.panel import Panel
from lab.views.cells import Line, PanelState, PanelView, Span, Tone
from lab.views.feed import marker, matcher


def leave(page: Vertical) -> None:
    """Esc, when the view has nothing to undo: back to where the person came from."""
    page.screen.action_back()  # type: ignore[attr-defined]  # the screens that hold views have it


def take(page: Widget, part: Widget) -> None:
    """The focus goes there, unless the app is being left while the view is still coming up."""
    if page.is_attached:
        page.screen.set_focus(part)


class TablePage(Panel):
    """A table as one of a drill-down's views; Esc first shows every row again, then goes back."""

    def action_clear_filter(self) -> None:
        if self._pattern:
            super().action_clear_filter()
        else:
            leave(self)

    def take_focus(self) -> None:
        take(self, self.rows)


class TextPage(Vertical):
    """Text as one of a drill-down's views; `/` shows only the lines that match."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "filter", "Search", key_display="/", priority=True),  # as a panel's
        Binding("escape", "clear_filter", "Clear the search", show=False),
    ]

    def __init__(self, name: str, number: int, wrapping: bool = True, follows: bool = False) -> None:
        super().__init__(id=name, classes=f"panel -{PanelState.WAITING}")
        self._number = number
        self._static = Static(markup=False)
        self.text = LineList(wrapping, follows)
        self._view = PanelView("", state=PanelState.WAITING)
        self.pattern = ""
        self._searched = False

    def compose(self) -> ComposeResult:
        yield self._static
        yield self.text

    def take_focus(self) -> None:
        take(self, self.text)

    def show(self, view: PanelView) -> None:
        """Takes what the view is to show: `lines` are the text, `message` stands in its place when there is none."""
        if view != self._view:
            self._set_state(view)
            self._draw()

    def _set_state(self, view: PanelView) -> None:
        if view.state is not self._view.state:
            self.remove_class(f"-{self._view.state}").add_class(f"-{view.state}")
        self._view = view

    def _draw(self) -> None:
        chosen = self._chosen(self._view.lines)
        self._draw_frame(len(chosen), len(self._view.lines))
        if chosen != self.text.lines:
            self.text.show(chosen)

    def _draw_frame(self, found: int, total: int) -> None:
        view = self._view
        self.border_title = Content.assemble((f"{self._number} ", "$foreground-muted"), (view.title, "bold"))
        match = Span(f"/{self.pattern}  {found} of {total}", Tone.ACCENT)
        self.border_subtitle = content((match,) if self.pattern else view.status)
        said = () if total else view.message
        self._static.display = bool(said)
        self._static.update(paragraphs(said))

    def _chosen(self, lines: Sequence[Line]) -> list[Line]:
        if not self.pattern:
            return list(lines)
        matches = matcher(self.pattern)
        return [line for line in lines if matches("".join(span.text for span in line))]

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """In the search line a slash is text."""
        if action == "filter":
            return self.screen.focused is self.text
        return super().check_action(action, parameters)

    async def action_filter(self) -> None:
        """Opens the search line."""
        from lab.screen.widgets.filterline import FilterLine

        if not self._searched:
            self._searched = True
            await self.mount(FilterLine(self._take_pattern, self.text))
        line = self.query_one(FilterLine)
        line.value = self.pattern
        line.open()

    def action_clear_filter(self) -> None:
        """Shows every line again; without a search, goes back."""
        from lab.screen.widgets.filterline import FilterLine

        if not self.pattern:
            leave(self)
        elif self._searched:
            self.query_one(FilterLine).close()
        else:
            self._take_pattern("")

    def look_for(self, pattern: str) -> None:
        """As if a person had searched for it."""
        self._take_pattern(pattern)

    def _take_pattern(self, pattern: str) -> None:
        if pattern == self.pattern:
            return
        self.pattern = pattern
        self.text.highlight(marker(pattern))
        self._search()

    def _search(self) -> None:
        self._draw()
