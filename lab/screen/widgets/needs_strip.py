"""The line under the header: what needs a person. A click opens the row that it is about."""

from textual import events
from textual.message import Message
from textual.widgets import Static

from lab.screen.widgets.paint import content
from lab.views.cells import Line
from lab.views.needs import Need, strip


class NeedsStrip(Static):
    """Fits what needs a person into its width; hidden when nothing does."""

    class Chosen(Message):
        """A person wants to see what one is about."""

        def __init__(self, need: Need) -> None:
            super().__init__()
            self.need = need

    def __init__(self) -> None:
        super().__init__(markup=False, id="needs")
        self._needs: tuple[Need, ...] = ()
        self._at: Need | None = None
        self._line: Line = ()
        self._key = ""
        self._places: list[tuple[int, int, int]] = []

    def show(self, found: tuple[Need, ...], key: str) -> None:
        """Takes what there is now, and how the key that goes through it is called."""
        if (found, key) == (self._needs, self._key):
            return
        self._needs, self._key = found, key
        same = (one for one in found if self._at and (one.part, one.key) == (self._at.part, self._at.key))
        self._at = next(same, None)
        # Its height is fixed: only its coming and going lays out the screen again.
        self.display = bool(found)
        self._draw()

    def step(self) -> Need | None:
        """The next one, which is marked from now on; None when there is none."""
        if not self._needs:
            return None
        index = (self._needs.index(self._at) + 1) % len(self._needs) if self._at in self._needs else 0
        self._at = self._needs[index]
        self._draw()
        return self._at

    def on_resize(self) -> None:
        self._draw()

    def on_click(self, event: events.Click) -> None:
        place = event.x - self.gutter.left
        number = next((index for begin, end, index in self._places if begin <= place < end), None)
        if number is not None:
            self._at = self._needs[number]
            self._draw()
            self.post_message(self.Chosen(self._needs[number]))

    def _draw(self) -> None:
        if not self._needs or not self.content_size.width:
            return
        at = self._needs.index(self._at) if self._at in self._needs else -1
        line, self._places = strip(self._needs, at, self.content_size.width, self._key)
        if line != self._line:
            self._line = line
            self.update(content(line), layout=False)
