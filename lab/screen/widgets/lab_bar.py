"""The line above the header where the screen shows several labs; a click chooses one."""

from collections.abc import Sequence

from textual import events
from textual.widgets import Static

from lab.screen.messages import LabChosen
from lab.screen.widgets.paint import content
from lab.views.cells import Line
from lab.views.lab_tabs import LabTab, tab_line


class LabBar(Static):
    """Fits the labs into its width."""

    def __init__(self) -> None:
        super().__init__(markup=False, classes="labs")
        self._tabs: Sequence[LabTab] = ()
        self._current = 0
        self._line: Line = ()
        self._places: list[tuple[int, int, int]] = []

    def show(self, tabs: Sequence[LabTab], current: int) -> None:
        """Takes how the labs are, and which one is shown."""
        self._tabs, self._current = tabs, current
        self._draw()

    def on_mount(self) -> None:
        self.app.show_labs()  # type: ignore[attr-defined]  # only an app with labs has this line

    def on_resize(self) -> None:
        self._draw()

    def on_click(self, event: events.Click) -> None:
        place = event.x - self.gutter.left
        number = next((number for begin, end, number in self._places if begin <= place < end), None)
        if number is not None:
            self.post_message(LabChosen(number))

    def _draw(self) -> None:
        if not self._tabs or not self.content_size.width:
            return
        line, self._places = tab_line(self._tabs, self._current, self.content_size.width)
        if line != self._line:
            self._line = line
            self.update(content(line), layout=False)
