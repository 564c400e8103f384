"""The replay's own widgets: the timeline, and the line in which a moment is typed."""

from collections.abc import Callable

from textual import events, on
from textual.message import Message
from textual.widgets import Input, Static

from lab.screen.replay.moments import HINT
from lab.screen.replay.player import Player
from lab.screen.replay.timeline import Track, status_line, track, track_line
from lab.screen.widgets.paint import paragraphs


class Timeline(Static):
    """Where the replay stands; a click or a drag goes there."""

    DEFAULT_CSS = "Timeline { height: 2; padding: 0 1; background: $panel; color: $foreground; }"

    class Moved(Message):
        """A person points at a moment (epoch seconds)."""

        def __init__(self, moment: float) -> None:
            super().__init__()
            self.moment = moment

    def __init__(self, player: Player) -> None:
        super().__init__(id="timeline", markup=False)
        self._player = player
        self._track: Track | None = None

    def draw(self) -> None:
        """Shows where the player is now."""
        width = self.content_size.width
        if not width:
            return
        if self._track is None or self._track.width != width:
            self._track = track(self._player, width)
        lines = (status_line(self._player, width), track_line(self._track, self._player.position))
        self.update(paragraphs(lines), layout=False)

    def on_resize(self) -> None:
        self.draw()

    def on_mouse_down(self, event: events.MouseDown) -> None:
        self.capture_mouse()
        self._point(event)

    def on_mouse_move(self, event: events.MouseMove) -> None:
        if event.button:
            self._point(event)

    def on_mouse_up(self) -> None:
        self.release_mouse()

    def _point(self, event: events.MouseEvent) -> None:
        event.stop()
        if self._track:
            self.post_message(self.Moved(self._track.moment_of(int(event.x) - self.gutter.left)))


class GoTo(Input):
    """Asks for a moment; `take` gets what was typed and may raise ValueError, `leave` is called when it closes."""

    DEFAULT_CSS = """
    GoTo { height: 1; border: none; background: $boost; }
    GoTo:focus { border: none; background: $boost; }
    """

    def __init__(self, take: Callable[[str], None], leave: Callable[[], None]) -> None:
        super().__init__(id="goto", placeholder=f"go to: {HINT}", compact=True)
        self.cursor_blink = False
        self._take = take
        self._leave = leave

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        try:
            self._take(event.value)
        except ValueError as err:
            self.notify(str(err), severity="warning", timeout=5, markup=False)
            return
        self._leave()

    def key_escape(self, event: events.Key) -> None:
        """Closes without going anywhere."""
        event.stop()
        self._leave()
