"""The line in which a filter is typed."""

from collections.abc import Callable

from textual import on
from textual.widget import Widget
from textual.widgets import Input


class FilterLine(Input):
    """Tells `take` the pattern at every key; Enter goes back to `table`."""

    def __init__(self, take: Callable[[str], None], table: Widget) -> None:
        super().__init__(classes="filter", placeholder="regular expression; ! in front excludes", compact=True)
        self._take = take
        self._table = table

    def open(self) -> None:
        """Shows the line, with what was typed before."""
        self.display = True
        self.focus()

    def close(self) -> None:
        """Lets every row through again."""
        self.value = ""
        self.display = False
        self._table.focus()

    @on(Input.Changed)
    def _changed(self, event: Input.Changed) -> None:
        event.stop()
        self._take(event.value)

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.display = False
        self._table.focus()
