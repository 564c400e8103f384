"""One row in full, kept up to date while it is open."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Footer, Static

from lab.tui.cells import Line, Span, Tone
from lab.tui.present import PARTS, Detail, View
from lab.tui.screens.actions import browse, copy
from lab.tui.widgets.paint import content, paragraphs

_GONE: Line = (Span("no longer in the newest data; this is how it was", Tone.WARN),)


class DetailScreen(ModalScreen[None]):
    """Shows a row of a panel until Esc."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,backspace", "dismiss(None)", "Back", key_display="esc"),
        Binding("down,j", "scroll(1)", "Down", show=False),
        Binding("up,k", "scroll(-1)", "Up", show=False),
        Binding("pagedown,space,ctrl+f", "scroll(20)", "Page down", show=False),
        Binding("pageup,ctrl+b", "scroll(-20)", "Page up", show=False),
        Binding("home,g", "scroll(-1000000)", "Top", show=False),
        Binding("end,G", "scroll(1000000)", "End", show=False),
        Binding("o", "browse", "Browser"),
        Binding("y", "copy", "Copy"),
    ]

    def __init__(self, part: str, key: str, view: View) -> None:
        super().__init__()
        self._part = part
        self._key = key
        self._view = view
        self._detail: Detail | None = None
        self._box = VerticalScroll(id="detail", can_focus=False)
        self._document = Static(id="document", markup=False)

    def compose(self) -> ComposeResult:
        with self._box:
            yield self._document
        yield Footer()

    def on_mount(self) -> None:
        self.show(self._view)

    def show(self, view: View) -> None:
        """Takes a new moment; a row that is gone stays as it was, and says so."""
        found = PARTS[self._part].detail(self._key, view)
        self._detail = found or self._detail
        if self._detail is None:
            return
        self._box.border_title = content((Span(self._detail.title, Tone.STRONG),))
        self._box.border_subtitle = content(() if found else _GONE)
        self._document.update(paragraphs(self._detail.lines))

    def action_scroll(self, lines: int) -> None:
        self._box.scroll_relative(y=lines, animate=False)

    def action_browse(self) -> None:
        browse(self, self._detail)

    def action_copy(self) -> None:
        copy(self, self._detail)
