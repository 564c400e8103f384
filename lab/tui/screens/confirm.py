"""Asks before something is changed: what will happen, and, where the audit trail keeps one, the reason."""

from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Static

from lab.core.approval import LONGEST_REASON
from lab.tui.cells import Line, Span, Tone
from lab.tui.widgets.paint import content, paragraphs

_NEEDED: Line = (Span("▲ Type a reason first: the audit trail keeps it.", Tone.WARN),)


class ConfirmScreen(ModalScreen[str | None]):
    """Dismisses with the reason (empty when none was asked for) or, when the person thinks better of it, with None."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Cancel"),
        Binding("pagedown", "scroll(8)", "Page down", show=False),
        Binding("pageup", "scroll(-8)", "Page up", show=False),
    ]

    def __init__(self, title: str, body: Sequence[Line], ask_reason: bool = False, confirm: str = "Confirm") -> None:
        super().__init__()
        self._title = title
        self._ask_reason = ask_reason
        self._body = Static(paragraphs(body), markup=False)
        self._reason = Input(placeholder="why, in a sentence", max_length=LONGEST_REASON, compact=True, id="reason")
        self._said = Static(markup=False, id="said")
        self._yes = Button(confirm, id="yes", compact=True)

    def compose(self) -> ComposeResult:
        with Vertical(id="confirm") as box:
            box.border_title = self._title
            box.border_subtitle = "esc cancels"
            with VerticalScroll(id="body", can_focus=False):
                yield self._body
            yield from self.questions()
            if self._ask_reason:
                yield self._reason
            yield self._said
            with Horizontal(id="buttons"):
                yield self._yes
                yield Button("Cancel", id="no", compact=True)

    def questions(self) -> ComposeResult:
        """What else is asked, above the reason."""
        yield from ()

    def on_mount(self) -> None:
        self.set_focus(self._reason if self._ask_reason else self._yes)

    @on(Input.Submitted, "#reason")
    @on(Button.Pressed, "#yes")
    def confirm(self) -> None:
        """Closes with the reason, once there is one."""
        reason = " ".join(self._reason.value.split())
        if self._ask_reason and not reason:
            self._said.update(content(_NEEDED))
            self.set_focus(self._reason)
            return
        self.dismiss(reason)

    @on(Button.Pressed, "#no")
    def _cancel(self) -> None:
        self.dismiss(None)

    def action_scroll(self, lines: int) -> None:
        self.query_one("#body").scroll_relative(y=lines, animate=False)
