"""Asks before something is changed: what will happen, and, where the audit trail keeps one, the reason."""

from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Static

from lab.governance.rules.approval_states import LONGEST_REASON
from lab.screen.widgets.paint import content, paragraphs
from lab.views.cells import Line, Span, Tone
from lab.views.formats import clean

_KEEP = "Cancel"


class ConfirmScreen(ModalScreen[str | None]):
    """Dismisses with the reason (empty when none was asked for) or, when the person thinks better of it, with None."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Cancel"),
        Binding("pagedown", "scroll(8)", "Page down", show=False),
        Binding("pageup", "scroll(-8)", "Page up", show=False),
        Binding("left", "answer(-1)", "Answer before", show=False),
        Binding("right", "answer(1)", "Next answer", show=False),
    ]

    # Whether Enter after the text does it: only where nothing of the lab is changed.
    ENTER_IS_ENOUGH: ClassVar[bool] = False
    # What is said when nothing was typed.
    NEEDED: ClassVar[str] = "Type a reason first: the audit trail keeps it."

    def __init__(
        self,
        title: str,
        body: Sequence[Line],
        ask_reason: bool = False,
        confirm: str = "Confirm",
        value: str = "",
        keep: str = _KEEP,
    ) -> None:
        super().__init__()
        self._esc = "esc cancels" if keep == _KEEP else f"esc: {keep.lower()}"
        self._title = title
        self._ask_reason = ask_reason
        self._body = Static(paragraphs(body), markup=False)
        hint = "why, in a sentence"
        self._reason = Input(value, placeholder=hint, max_length=LONGEST_REASON, compact=True, id="reason")
        # A cursor that blinks sends bytes for ever, and there is nothing else here to look at.
        self._reason.cursor_blink = False
        self._said = Static(markup=False, id="said")
        self._yes, self._no = Button(confirm, id="yes", compact=True), Button(keep, id="no", compact=True)

    def compose(self) -> ComposeResult:
        with Vertical(id="confirm") as box:
            box.border_title = self._title
            box.border_subtitle = self._esc
            with VerticalScroll(id="body", can_focus=False):
                yield self._body
            yield from self.questions()
            if self._ask_reason:
                yield self._reason
            yield self._said
            with Horizontal(id="buttons"):
                yield self._yes
                yield self._no

    def questions(self) -> ComposeResult:
        """What else is asked, above the reason."""
        yield from ()

    def on_mount(self) -> None:
        # The safe answer: whoever presses Enter without reading, or pastes a line, changes nothing.
        self.set_focus(self._reason if self._ask_reason else self._no)

    @on(Input.Submitted, "#reason")
    def _typed(self) -> None:
        """The reason is there; whether it is to be done is asked by the buttons, the safe one first."""
        if not self._reason.value.split():
            self.complain(self.NEEDED)
        elif self.ENTER_IS_ENOUGH:
            self.confirm()
        else:
            self.set_focus(self._no)

    def action_answer(self, by: int) -> None:
        """Between the buttons."""
        if self.focused in {self._yes, self._no}:
            self.set_focus(self._yes if by < 0 else self._no)

    @on(Button.Pressed, "#yes")
    def confirm(self) -> None:
        """Closes with the reason, once there is one."""
        reason = " ".join(self._reason.value.split())
        if self._ask_reason and not reason:
            self.complain(self.NEEDED)
        else:
            self.accept(reason)

    def accept(self, answer: str) -> None:
        """The person wants it."""
        self.dismiss(answer)

    def complain(self, text: str) -> None:
        """Says what is missing, and stays open."""
        self._said.update(content((Span("▲ ", Tone.WARN), Span(clean(text), Tone.WARN))))
        self.set_focus(self._reason)

    @on(Button.Pressed, "#no")
    def _cancel(self) -> None:
        self.dismiss(None)

    def action_scroll(self, lines: int) -> None:
        self.query_one("#body").scroll_relative(y=lines, animate=False)
