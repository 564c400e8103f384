"""A table that is told its whole content at every refresh and redraws only what changed."""

from collections.abc import Callable
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from lab.screen.binding import Binding, BindingType
from lab.views.cells import Column, Fitted, Line, Row, Tone, fit, headings, lay_out

# With fewer lines than this the column titles give way to rows.
TITLES_FROM = 5


class RowList(ScrollView, can_focus=True):
    """Rows under column titles, with a cursor that stays on its row when others come and go."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {*(f"rows--{tone}" for tone in Tone), "rows--cursor"}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "move(1)", "Down", show=False),
        Binding("up,k", "move(-1)", "Up", show=False),
        Binding("pagedown,ctrl+f", "page(1)", "Page down", show=False),
        Binding("pageup,ctrl+b", "page(-1)", "Page up", show=False),
        Binding("home,g", "move(-1000000)", "First row", show=False),
        Binding("end,G", "move(1000000)", "Last row", show=False),
        Binding("enter", "open", "Open", key_display="⏎"),
    ]

    class Opened(Message):
        """A person wants the row in full."""

        def __init__(self, key: str) -> None:
            super().__init__()
            self.key = key

    def __init__(self, fold: Callable[[str], bool] = lambda _: False) -> None:
        """`fold` opens or closes a row that folds others and says whether it was one: before the next key is taken."""
        super().__init__()
        self._fold = fold
        self._columns: tuple[Column, ...] = ()
        self._rows: tuple[Row, ...] = ()
        self._fitted: tuple[Fitted, ...] = ()
        self._lines: tuple[Line, ...] = ()
        self._laid: dict[int, tuple[Row, Line]] = {}
        self._cursor = 0
        self._mark = ("", "")
        self._styles_by_tone: dict[tuple[Tone, bool], Style] = {}

    @property
    def current(self) -> str | None:
        """The key of the row under the cursor."""
        return self._rows[self._cursor].key if self._rows else None

    @property
    def cursor(self) -> int:
        return self._cursor

    @property
    def shown_columns(self) -> tuple[Column, ...]:
        """The columns for which there is room."""
        return tuple(fitted.column for fitted in self._fitted)

    def go_to(self, key: str) -> bool:
        """Puts the cursor on the row with this key; False where there is none."""
        index = next((number for number, row in enumerate(self._rows) if row.key == key), None)
        if index is not None:
            self.action_move(index - self._cursor)
        return index is not None

    def mark(self, column: str, mark: str) -> None:
        """Shows at a column's title how the rows are sorted."""
        if (column, mark) != self._mark:
            self._mark = (column, mark)
            self.refresh()

    def show(self, columns: tuple[Column, ...], rows: tuple[Row, ...]) -> None:
        """Takes the new content; cursor and scroll stay with their rows."""
        if (columns, rows) == (self._columns, self._rows):
            return
        before, key, above = self._lines, self.current, self._cursor - round(self.scroll_offset.y)
        places = self._fitted
        self._columns, self._rows = columns, rows
        # An untouched table goes on showing its top; one in use stays where the person is.
        if self._cursor or self.has_focus:
            self._cursor = next((i for i, row in enumerate(rows) if row.key == key), self._cursor)
        self._cursor = max(0, min(self._cursor, len(rows) - 1))
        self._lay_out()
        if round(self.scroll_offset.y):
            self.scroll_to(y=self._cursor - above, animate=False, force=True, immediate=True)
        # The titles move with their columns.
        if len(before) != len(self._lines) or places != self._fitted:
            self.refresh()
            return
        changed = [y for y, pair in enumerate(zip(before, self._lines, strict=True)) if pair[0] != pair[1]]
        self._refresh_rows(*changed)

    def _lay_out(self) -> None:
        width = self.scrollable_content_region.width
        before, self._fitted = self._fitted, fit(self._columns, self._rows, width) if width else ()
        # A row that is the very one of before, in the same columns, is the same line. They are kept with their lines,
        # so that no other one can have come into the place of one that is gone.
        known = self._laid if self._fitted == before else {}
        self._laid = {id(row): known.get(id(row)) or (row, lay_out(row, self._fitted)) for row in self._rows}
        self._lines = tuple(self._laid[id(row)][1] for row in self._rows)
        self.virtual_size = Size(width, len(self._rows) + self._top)

    @property
    def _top(self) -> int:
        """Lines taken by the column titles."""
        return 1 if self.size.height >= TITLES_FROM else 0

    def _refresh_rows(self, *indexes: int) -> None:
        offset = self._top - round(self.scroll_offset.y)
        for index in indexes:
            self.refresh_line(index + offset) if index + offset >= self._top else None

    def render_line(self, y: int) -> Strip:
        """One line of the visible part."""
        if y < self._top:
            return self._strip(headings(self._fitted, *self._mark), False)
        index = y - self._top + round(self.scroll_offset.y)
        if index >= len(self._lines):
            return Strip.blank(self.size.width, self.rich_style)
        return self._strip(self._lines[index], index == self._cursor and self.has_focus)

    def _strip(self, line: Line, chosen: bool) -> Strip:
        """In as few pieces as there are looks: each one costs its length again on the way to the terminal."""
        pieces: list[tuple[str, Style]] = []
        for span in line:
            style = self._style(span.tone, chosen)
            if pieces and (style is pieces[-1][1] or span.text.isspace()):
                pieces[-1] = (pieces[-1][0] + span.text, pieces[-1][1])
            else:
                pieces.append((span.text, style))
        segments = [Segment(text, style) for text, style in pieces]
        return Strip(segments).adjust_cell_length(self.size.width, self._style(Tone.PLAIN, chosen))

    def _style(self, tone: Tone, chosen: bool) -> Style:
        if self.app.no_color:
            tone = Tone.STRONG if tone in {Tone.STRONG, Tone.BAD} else Tone.PLAIN
        style = self._styles_by_tone.get((tone, chosen))
        if style is None:
            style = self.get_component_rich_style(f"rows--{tone}")
            if chosen and self.app.no_color:
                style += Style(reverse=True)
            elif chosen:
                style += Style(bgcolor=self.get_component_rich_style("rows--cursor").bgcolor)
            self._styles_by_tone[tone, chosen] = style
        return style

    def notify_style_update(self) -> None:
        """The theme or a state changed."""
        super().notify_style_update()
        self._styles_by_tone.clear()

    def action_move(self, by: int) -> None:
        """Moves the cursor by that many rows, as far as there are any."""
        if not self._rows:
            return
        old, self._cursor = self._cursor, max(0, min(self._cursor + by, len(self._rows) - 1))
        self._refresh_rows(old, self._cursor)
        top, room = round(self.scroll_offset.y), max(1, self.size.height - self._top)
        if self._cursor < top:
            self.scroll_to(y=self._cursor, animate=False)
        elif self._cursor >= top + room:
            self.scroll_to(y=self._cursor - room + 1, animate=False)

    def action_page(self, direction: int) -> None:
        self.action_move(direction * max(1, self.size.height - self._top - 1))

    def action_open(self) -> None:
        if self.current is not None and not self._fold(self.current):
            self.post_message(self.Opened(self.current))

    def on_click(self, event: events.Click) -> None:
        """One click chooses a row, two open it."""
        index = event.y - self._top + round(self.scroll_offset.y)
        if event.y < self._top or not 0 <= index < len(self._rows):
            return
        self.action_move(index - self._cursor)
        if event.chain == 2:
            self.action_open()

    def on_resize(self) -> None:
        self._lay_out()
        self.refresh()

    def on_focus(self) -> None:
        self.refresh()

    def on_blur(self) -> None:
        self.refresh()
