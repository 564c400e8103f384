"""A titled frame around one source: its state, its lines, its table, its filter."""

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input, Static

from lab.tui.cells import PanelState, PanelView, Span, Tone
from lab.tui.filters import select
from lab.tui.widgets.paint import content, paragraphs
from lab.tui.widgets.rows import RowList


class Panel(Vertical):
    """Shows a `PanelView`; `name` says which, `number` is the key that focuses it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "filter", "Filter", key_display="/"),
        Binding("escape", "clear_filter", "Clear the filter", show=False),
    ]

    def __init__(self, name: str, number: int) -> None:
        super().__init__(id=name, classes="panel")
        self._number = number
        self._view = PanelView("")
        self._pattern = ""

    def compose(self) -> ComposeResult:
        yield Static(classes="lines", markup=False)
        yield RowList()
        yield Static(classes="message", markup=False)
        yield Input(classes="filter", placeholder="filter: regular expression, ! in front excludes", compact=True)

    @property
    def rows(self) -> RowList:
        return self.query_one(RowList)

    def show(self, view: PanelView) -> None:
        """Takes what the panel is to show."""
        if view != self._view:
            self._view = view
            self._draw()

    def _draw(self) -> None:
        view = self._view
        chosen = select(view.rows, self._pattern)
        for state in PanelState:
            self.set_class(view.state is state, f"-{state}")
        self.border_title = Content.assemble((f"{self._number} ", "$foreground-muted"), (view.title, "bold"))
        self.border_subtitle = content(view.status)
        if self._pattern:
            found = Span(f"/{self._pattern}  {len(chosen)} of {len(view.rows)}", Tone.ACCENT)
            self.border_subtitle = content((found,))
        self._set_lines(".lines", paragraphs(view.lines) if view.lines else None)
        self._set_lines(".message", paragraphs(view.message) if not view.rows else None)
        self.rows.display = not (view.message and not view.rows)
        self.rows.show(view.columns, chosen)

    def _set_lines(self, selector: str, text: Content | None) -> None:
        static = self.query_one(selector, Static)
        static.display = text is not None
        static.update(text or "")

    def action_filter(self) -> None:
        """Opens the filter line."""
        line = self.query_one(Input)
        line.display = True
        line.focus()

    def action_clear_filter(self) -> None:
        """Shows every row again and goes back to them."""
        line = self.query_one(Input)
        line.value = ""
        line.display = False
        self.rows.focus()

    @on(Input.Changed)
    def _filter_changed(self, event: Input.Changed) -> None:
        event.stop()
        self._pattern = event.value
        self._draw()

    @on(Input.Submitted)
    def _filter_taken(self, event: Input.Submitted) -> None:
        event.stop()
        event.input.display = False
        self.rows.focus()
