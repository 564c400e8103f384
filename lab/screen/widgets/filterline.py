"""The line in which a filter is typed."""

from collections.abc import Callable
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widget import Widget
from textual.widgets import Input, Static

from lab.screen.widgets.paint import content
from lab.views.cells import Span, Tone


class FilterLine(Horizontal):
    """Tells `take` the pattern at every key; Enter goes back to `table`. What is wrong with a pattern stands beside."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "close", "Show all", key_display="esc")]

    def __init__(self, take: Callable[[str], None], table: Widget) -> None:
        super().__init__(classes="filter")
        self._take = take
        self._table = table
        self._input = Input(placeholder="regular expression; ! in front excludes", compact=True)
        self._input.cursor_blink = False
        self._problem = Static(markup=False)

    def compose(self) -> ComposeResult:
        yield Static("/", markup=False, classes="prompt")
        yield self._input
        yield self._problem

    def open(self) -> None:
        """Shows the line, with what was typed before."""
        self.display = True
        # At once: `focus()` would wait for the next round, and keys that are typed until then would go to the table.
        self.screen.set_focus(self._input)

    @property
    def value(self) -> str:
        """What is typed."""
        return self._input.value

    @value.setter
    def value(self, text: str) -> None:
        self._input.value = text

    def action_close(self) -> None:
        self.close()

    def close(self) -> None:
        """Lets every row through again."""
        self._input.value = ""
        self.display = False
        self._table.focus()

    @on(Input.Changed)
    def _changed(self, event: Input.Changed) -> None:
        event.stop()
        # Imported when something is typed: before the first paint that would cost time.
        from lab.views.feed import problem

        wrong = problem(event.value)
        self._problem.display = bool(wrong)
        self._problem.update(content((Span(f" ▲ {wrong}", Tone.WARN),)))
        self._take(event.value)

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.display = False
        self._table.focus()
