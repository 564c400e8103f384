"""What was done from this screen: every action with its outcome."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from lab.screen.widgets.paint import paragraphs
from lab.views import View
from lab.views.activity import log


class ActivityScreen(ModalScreen[None]):
    """Goes on with the actions while it is open."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,A,enter", "dismiss(None)", "Back", key_display="esc"),
        Binding("down,j", "scroll(1)", "Down", show=False),
        Binding("up,k", "scroll(-1)", "Up", show=False),
        Binding("pagedown,space,ctrl+f", "scroll(20)", "Page down", show=False),
        Binding("pageup,ctrl+b", "scroll(-20)", "Page up", show=False),
        Binding("home,g", "scroll(-1000000)", "Top", show=False),
        Binding("end,G", "scroll(1000000)", "End", show=False),
    ]

    def __init__(self, view: View) -> None:
        super().__init__()
        self._view = view
        self._box = VerticalScroll(id="activity", can_focus=False)
        self._document = Static(markup=False)

    def compose(self) -> ComposeResult:
        with self._box:
            yield self._document

    def on_mount(self) -> None:
        self._box.border_title = "Activity"
        self._box.border_subtitle = "esc closes"
        self.show(self._view)

    def show(self, view: View) -> None:
        """Takes a new moment."""
        self._document.update(paragraphs(log(view)))

    def action_scroll(self, lines: int) -> None:
        self._box.scroll_relative(y=lines, animate=False)
