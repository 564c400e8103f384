"""All panels of a dashboard on one scrolling widget: only what is seen is drawn, and only when it changed."""

from typing import ClassVar

from textual import events
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from lab.dashboards.drawing.compose import FRAME
from lab.dashboards.drawing.ink import Ink, Line, Lines, block, words
from lab.dashboards.grid import Placed, bottom_of, lay_out
from lab.dashboards.looking import Looked, each
from lab.dashboards.model import Kind, Panel
from lab.screen.binding import Binding, BindingType
from lab.screen.dash.painting import WORDS, Clock, Painter, beside, nearest

# A zoomed panel leaves this many lines to its description and queries, and no more than a third.
_EXPLAINED = 6


class Board(ScrollView, can_focus=True):
    """Shows a `Looked`; knows which panel a person is on, and which panels can be seen."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"board--{word}" for word in WORDS}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "move(0, 1)", "Panel below", show=False),
        Binding("up,k", "move(0, -1)", "Panel above", show=False),
        Binding("right,l", "move(1, 0)", "Panel right", show=False),
        Binding("left,h", "move(-1, 0)", "Panel left", show=False),
        Binding("pagedown,ctrl+f", "page(1)", "Page down", show=False),
        Binding("pageup,ctrl+b", "page(-1)", "Page up", show=False),
        Binding("home,g", "edge(0)", "First panel", show=False),
        Binding("end,G", "edge(-1)", "Last panel", show=False),
        Binding("enter,z", "zoom", "Zoom", key_display="⏎"),
        Binding("L", "legend", "Legend", show=False),
    ]

    class Seen(Message):
        """Other panels can be seen now, or with another width."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._painter = Painter(
            clock, lambda: self.rich_style, lambda word: self.get_component_rich_style(f"board--{word}")
        )
        self._looked: Looked | None = None
        self._placed: tuple[Placed, ...] = ()
        self._by_line: list[list[Placed]] = []
        self._toggled: set[str] = set()
        self._selected = ""
        self._legend = True
        self.zoomed = ""

    def show(self, looked: Looked) -> None:
        """Takes a new look; what is on screen stays where it was."""
        before = self._looked
        self._looked = looked
        if before is None or before.panels != looked.panels:
            self._lay_out()
        self.refresh()

    @property
    def wanted(self) -> dict[str, int]:
        """Dots across of each panel that asks for something and can be seen, by key."""
        top, bottom = round(self.scroll_offset.y), round(self.scroll_offset.y) + self.size.height
        near = self.size.height // 4
        return {
            one.panel.key: max(one.width - FRAME, 1) * 2
            for one in self._placed
            if one.panel.targets and one.y < bottom + near and one.y + one.height > top
        }

    @property
    def selected(self) -> Panel | None:
        """The panel or row that a person is on."""
        return next((one.panel for one in self._placed if one.panel.key == self._selected), None)

    def _lay_out(self) -> None:
        if self._looked is None or not self.size.width:
            return
        width = self.scrollable_content_region.width
        panel = next((one for one in each(self._looked.panels) if one.key == self.zoomed), None)
        if panel is not None:
            height = self.size.height - len(self._explained(panel, width))
            self._placed = (Placed(panel, 0, 0, width, max(height, 3)),)
        else:
            self.zoomed = ""
            self._placed = lay_out(self._looked.panels, width, self._toggled)
        self._index(width)
        if not any(one.panel.key == self._selected for one in self._placed):
            first = next((one for one in self._placed if one.panel.kind is not Kind.ROW), None)
            self._selected = first.panel.key if first else ""
        self.post_message(self.Seen())

    def _index(self, width: int) -> None:
        lines: list[list[Placed]] = [[] for _ in range(bottom_of(self._placed))]
        for one in self._placed:
            for y in range(one.y, one.y + one.height):
                lines[y].append(one)
        self._by_line = [sorted(line, key=lambda one: one.x) for line in lines]
        self.virtual_size = Size(width, self.size.height if self.zoomed else len(lines))

    def _explained(self, panel: Panel, width: int) -> Lines:
        """What a zoomed panel is about: its description, and what it asks."""
        scope = self._looked.scope.within(panel.scope) if self._looked else None
        if scope is None:
            return ()
        lines: list[Line] = [(Ink(line),) for line in words(scope.in_text(panel.description), max(width, 1)) if line]
        for target in panel.targets:
            lines += [
                (Ink(line, "muted"),) for line in words(f"{target.ref}  {scope.in_query(target.expr)}", max(width, 1))
            ]
        most = min(_EXPLAINED, self.size.height // 3)
        return block(lines[:most], width, min(len(lines), most))

    def on_resize(self) -> None:
        self._lay_out()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Panels that come into sight have to be asked for."""
        super().watch_scroll_y(old_value, new_value)
        if round(old_value) != round(new_value):
            self.post_message(self.Seen())

    # --- drawing ---

    def render_line(self, y: int) -> Strip:
        """One line of the visible part."""
        at, looked = y + round(self.scroll_offset.y), self._looked
        if looked is None:
            found = self._painter.strip((Ink(" waiting for the first answer", "muted"),) if y == 0 else ())
        elif at < len(self._by_line):
            found = beside(
                [(one.x, self._panel(looked, one)[at - one.y]) for one in self._by_line[at]], self.rich_style
            )
        else:
            found = self._below(at - len(self._by_line))
        return found.adjust_cell_length(self.size.width, self.rich_style)

    def _below(self, number: int) -> Strip:
        panel = self._placed[0].panel if self.zoomed and self._placed else None
        lines = self._explained(panel, self.size.width) if panel else ()
        return self._painter.strip(lines[number] if number < len(lines) else ())

    def _panel(self, looked: Looked, one: Placed) -> list[Strip]:
        chosen = one.panel.key == self._selected and self.has_focus
        return self._painter.panel(looked, one, chosen, self._legend, bool(self.zoomed))

    def notify_style_update(self) -> None:
        """Another theme: nothing that was drawn is right any more."""
        super().notify_style_update()
        self._painter.forget()

    def on_focus(self) -> None:
        self.refresh()

    def on_blur(self) -> None:
        self.refresh()

    # --- keys ---

    def action_move(self, right: int, down: int) -> None:
        """To the nearest panel in a direction; without one there the page scrolls."""
        here = self._here
        if here is None or self.zoomed:
            return
        found = nearest(here, self._placed, right, down)
        if found:
            self._select(found)
        elif down:
            self.scroll_relative(y=3 * down, animate=False)

    @property
    def _here(self) -> Placed | None:
        return next((one for one in self._placed if one.panel.key == self._selected), None)

    def _select(self, one: Placed) -> None:
        self._selected = one.panel.key
        top, height = round(self.scroll_offset.y), self.size.height
        if one.y < top or one.height > height:
            self.scroll_to(y=one.y, animate=False, force=True, immediate=True)
        elif one.y + one.height > top + height:
            self.scroll_to(y=one.y + one.height - height, animate=False, force=True, immediate=True)
        self.refresh()
        self.screen.refresh_bindings()

    def action_page(self, by: int) -> None:
        """By what is seen; the panel that is chosen comes along."""
        self.scroll_relative(y=by * max(self.size.height - 2, 1), animate=False, force=True, immediate=True)
        top = round(self.scroll_offset.y)
        seen = [one for one in self._placed if top <= one.y < top + self.size.height and one.panel.kind is not Kind.ROW]
        if seen and not self.zoomed:
            self._select(seen[0])

    def action_edge(self, at: int) -> None:
        """The first panel, or the last."""
        if self._placed and not self.zoomed:
            self._select(self._placed[at])

    def action_zoom(self) -> None:
        """The panel alone on the screen, and back; a row is opened or closed."""
        panel = self.selected
        if panel is None:
            return
        if panel.kind is Kind.ROW:
            self._toggled ^= {panel.key}
        else:
            self.zoomed = "" if self.zoomed else panel.key
        self._lay_out()
        here = self._here
        self.scroll_to(y=here.y if here and not self.zoomed else 0, animate=False, force=True, immediate=True)
        self.refresh()

    def unzoom(self) -> bool:
        """Back to all panels; whether one was alone."""
        if not self.zoomed:
            return False
        self.action_zoom()
        return True

    def action_legend(self) -> None:
        """Shows or hides the names of series."""
        self._legend = not self._legend
        self.refresh()

    def on_click(self, event: events.Click) -> None:
        y = event.y + round(self.scroll_offset.y)
        line = self._by_line[y] if y < len(self._by_line) else []
        hit = next((one for one in line if one.x <= event.x < one.x + one.width), None)
        if hit is None:
            return
        again = hit.panel.key == self._selected
        self._select(hit)
        if hit.panel.kind is Kind.ROW or (again and event.chain > 1):
            self.action_zoom()
