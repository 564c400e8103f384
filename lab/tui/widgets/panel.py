"""A titled frame around one source: its state, its lines, its table, its filter."""

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Static

from lab.tui.cells import Line, PanelState, PanelView, Span, Tone
from lab.tui.filters import select
from lab.tui.widgets.paint import content, paragraphs
from lab.tui.widgets.rows import RowList


class Panel(Vertical):
    """Shows a `PanelView`; `name` says which, `number` is the key that focuses it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "filter", "Filter", key_display="/"),
        Binding("escape", "clear_filter", "Clear the filter", show=False),
    ]

    class Opened(Message):
        """A person wants the row `key` of the panel `part` in full."""

        def __init__(self, part: str, key: str) -> None:
            super().__init__()
            self.part = part
            self.key = key

    def __init__(self, name: str, number: int) -> None:
        super().__init__(id=name, classes=f"panel -{PanelState.WAITING}")
        self._number = number
        self._static = Static(markup=False)
        self.rows = RowList()
        self._view = PanelView("", state=PanelState.WAITING)
        self._pattern = ""
        self._filtered = False
        self._frame: tuple[str, Line] = ("", ())
        self._lines: tuple[Line, ...] = ()

    def compose(self) -> ComposeResult:
        yield self._static
        yield self.rows

    def show(self, view: PanelView) -> None:
        """Takes what the panel is to show."""
        if view == self._view:
            return
        if view.state is not self._view.state:
            self.remove_class(f"-{self._view.state}").add_class(f"-{view.state}")
        self._view = view
        self._draw()

    def _draw(self) -> None:
        view = self._view
        chosen = select(view.rows, self._pattern)
        found = Span(f"/{self._pattern}  {len(chosen)} of {len(view.rows)}", Tone.ACCENT)
        self._set_frame(view.title, (found,) if self._pattern else view.status)
        self._set_lines(view.lines if view.rows else (*view.lines, *view.message))
        self.rows.display = bool(view.rows) or not view.message
        self.rows.show(view.columns, chosen)

    def _set_frame(self, title: str, status: Line) -> None:
        if (title, status) != self._frame:
            self._frame = (title, status)
            self.border_title = Content.assemble((f"{self._number} ", "$foreground-muted"), (title, "bold"))
            self.border_subtitle = content(status)

    def _set_lines(self, lines: tuple[Line, ...]) -> None:
        """Only what changed: a new text would lay out the whole screen again."""
        if lines != self._lines:
            self._lines = lines
            self._static.display = bool(lines)
            self._static.update(paragraphs(lines))

    @on(RowList.Opened)
    def _opened(self, event: RowList.Opened) -> None:
        event.stop()
        self.post_message(self.Opened(str(self.id), event.key))

    async def action_filter(self) -> None:
        """Opens the filter line."""
        # Imported and made when first used: both cost time before the first paint.
        from lab.tui.widgets.filterline import FilterLine

        if not self._filtered:
            self._filtered = True
            await self.mount(FilterLine(self._take_pattern, self.rows))
        self.query_one(FilterLine).open()

    def action_clear_filter(self) -> None:
        """Shows every row again and goes back to them."""
        if self._filtered:
            from lab.tui.widgets.filterline import FilterLine

            self.query_one(FilterLine).close()

    def _take_pattern(self, pattern: str) -> None:
        if pattern != self._pattern:
            self._pattern = pattern
            self._draw()
