"""A log as one of a drill-down's views: follows its end, pauses, shows a level and above, or what matches."""

from collections.abc import Sequence
from typing import ClassVar

from textual import on

from lab.base.log_lines import Level
from lab.screen.binding import Binding, BindingType
from lab.screen.widgets.lines import LineList
from lab.screen.widgets.page import TextPage
from lab.screen.widgets.paint import content
from lab.views.cells import Line, PanelState, PanelView, Span, Tone
from lab.views.feed import Change, Feed, FeedLine

_LEVELS = (Level.DEBUG, Level.INFO, Level.WARNING, Level.ERROR)


class FeedPage(TextPage):
    """Takes lines as they come; `show` only says in which state their source is."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f", "follow", "Follow"),
        Binding("p", "pause", "Pause"),
        Binding("v", "level", "Level"),
    ]

    def __init__(self, name: str, number: int) -> None:
        super().__init__(name, number, wrapping=False, follows=True)
        self.feed = Feed()

    def show(self, view: PanelView) -> None:
        """Takes the state of the source; the lines come by `extend`."""
        if view != self._view:
            self._set_state(view)
            self._draw_status()

    @on(LineList.FollowChanged)
    def _follow_changed(self, event: LineList.FollowChanged) -> None:
        event.stop()
        self._draw_status()

    def clear(self) -> None:
        """Forgets every line."""
        self.feed.clear()
        self._draw()

    def extend(self, lines: Sequence[FeedLine]) -> None:
        """Takes new lines at the end."""
        self._took(self.feed.add(lines))

    def _took(self, change: Change) -> None:
        if change.added or change.dropped:
            self.text.extend(change.added, change.dropped)
        self._draw_status()

    def _draw(self) -> None:
        self.text.show(self.feed.shown)
        self._draw_status()

    def _draw_status(self) -> None:
        self._draw_frame(len(self.text.lines), len(self.feed))

    def _status(self) -> Line:
        """How the view stands, left of what its source says."""
        spans: list[Span] = []
        if self.feed.paused:
            spans.append(Span(f"‖ paused, {self.feed.waiting} waiting", Tone.WARN))
        elif self.text.following:
            spans.append(Span("▼ following", Tone.OK))
        if self.feed.least > Level.DEBUG:
            spans.append(Span(f"{self.feed.least.name.lower()} and above", Tone.ACCENT))
        if self.pattern:
            spans.append(Span(f"/{self.pattern}", Tone.ACCENT))
        spans.append(Span(f"{len(self.text.lines):,} of {len(self.feed):,}", Tone.MUTED))
        line: list[Span] = []
        for span in spans:
            line += [Span(" · ", Tone.MUTED), span] if line else [span]
        return tuple(line)

    def _draw_frame(self, found: int, total: int) -> None:
        super()._draw_frame(found, total)
        trouble = self._view.status if self._view.state in {PanelState.FAILED, PanelState.STALE} else ()
        between = (Span(" · ", Tone.MUTED),) if trouble else ()
        self.border_subtitle = content((*trouble, *between, *self._status()))

    def _search(self) -> None:
        self.feed.search(self.pattern)
        self._draw()

    def action_follow(self) -> None:
        """Keeps the end in sight, or stays where it is."""
        self.text.following = not self.text.following
        if self.text.following:
            self.text.action_end()
        self._draw_status()

    def action_pause(self) -> None:
        """Holds new lines back, or lets them in."""
        if self.feed.paused:
            self._took(self.feed.resume())
        else:
            self.feed.paused = True
            self._draw_status()

    def action_level(self) -> None:
        """The next level: everything, info, warnings, errors."""
        index = _LEVELS.index(self.feed.least)
        self.feed.least = _LEVELS[(index + 1) % len(_LEVELS)]
        self._draw()
