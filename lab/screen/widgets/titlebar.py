"""The first line: whose lab this is, how it is, how old the data is."""

from textual.widgets import Static

from lab.screen.widgets.paint import content
from lab.views import View, title_line
from lab.views.cells import Line


class TitleBar(Static):
    """Fits the header's parts into its width."""

    def __init__(self) -> None:
        super().__init__(markup=False)
        self._shown: View | None = None
        self._line: Line = ()

    def show(self, view: View) -> None:
        """Takes the moment to show."""
        self._shown = view
        self._draw()

    def on_resize(self) -> None:
        self._draw()

    def _draw(self) -> None:
        if not self._shown or not self.content_size.width:
            return
        line = title_line(self._shown, self.content_size.width)
        if line != self._line:
            self._line = line
            # Its height is fixed: no new layout of the screen every second.
            self.update(content(line), layout=False)
