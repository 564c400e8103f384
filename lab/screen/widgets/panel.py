"""A titled frame around one source: its state, its lines, its table, its filter."""

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar, Self

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.geometry import Region
from textual.message import Message
from textual.widgets import Static

from lab.screen.binding import Binding, BindingType
from lab.screen.widgets.paint import content, paragraphs
from lab.screen.widgets.rows import RowList
from lab.views.cells import Line, PanelState, PanelView, Row, Span, Tone, chosen_columns, stretches
from lab.views.folding import folded
from lab.views.sorting import Order, arrow, in_order, next_order


def _count(rows: Sequence[Row]) -> int:
    return sum(not row.heading for row in rows)


class Panel(Vertical):
    """Shows a `PanelView`; `name` says which, `number` is the key that focuses it."""

    _repainted: tuple[Region, ...] = ()
    BINDINGS: ClassVar[list[BindingType]] = [
        # With priority the app opens the line before it hands out the next key: several come at once over a slow line.
        Binding("slash", "filter", "Filter", key_display="/", priority=True),
        Binding("escape", "clear_filter", "Show all rows", show=False),
        Binding("s", "sort", "Sort by next column", show=False),
        Binding("S", "turn", "Reverse the order", show=False),
    ]

    class Opened(Message):
        """A person wants the row `key` of the panel `part` in full, beginning with its view `page`."""

        def __init__(self, part: str, key: str, page: str = "") -> None:
            super().__init__()
            self.part = part
            self.key = key
            self.page = page

    class Arranged(Message):
        """A person put the rows of `part` into another order."""

        def __init__(self, part: str) -> None:
            super().__init__()
            self.part = part

    def __init__(self, name: str, number: int) -> None:
        super().__init__(id=name, classes=f"panel -{PanelState.WAITING}")
        self._number = number
        self._static = Static(markup=False)
        self.rows = RowList(self._fold)
        self._view = PanelView("", state=PanelState.WAITING)
        # The columns that a person wants, in their order; none: as the panel has them.
        self.wanted_columns: tuple[str, ...] = ()
        self._pattern = ""
        self._filtered = False
        self.order: Order | None = None
        self._heading = ("", "")
        self._said: Line = ()
        self._lines: tuple[Line, ...] = ()
        self._open: frozenset[str] = frozenset()

    def compose(self) -> ComposeResult:
        yield self._static
        yield self.rows

    def show(self, view: PanelView) -> None:
        """Takes what the panel is to show."""
        if view == self._view:
            return
        if view.state is not self._view.state:
            self.remove_class(f"-{self._view.state}").add_class(f"-{view.state}")
        self._view = view
        self._draw()

    def _found(self, rows: Sequence[Row]) -> Sequence[Row]:
        """The rows that the filter keeps."""
        if not self._pattern:
            return rows
        # Imported with the first filter: before the first paint that would cost time.
        from lab.views.feed import select

        return select(rows, self._pattern)

    def _draw(self) -> None:
        view = self._view
        found_rows = in_order(self._found(view.rows), self.order)
        # What a filter found is shown wherever it is.
        chosen = found_rows if self._pattern else folded(found_rows, self._open)
        found = Span(f"/{self._pattern}  {_count(found_rows)} of {_count(view.rows)}", Tone.ACCENT)
        self._set_frame(view.title, (found,) if self._pattern else view.status)
        self.rows.mark(*((self.order.column, arrow(self.order)) if self.order else ("", "")))
        self._set_lines(view.lines if view.rows else (*view.lines, *view.message))
        self.rows.display = bool(view.rows) or not view.message
        self.rows.show(chosen_columns(view.columns, self.wanted_columns), chosen)

    def _set_frame(self, title: str, status: Line) -> None:
        sorted_by = f" {arrow(self.order)} {self._title_of(self.order.column)}" if self.order else ""
        if (title, sorted_by) != self._heading:
            self._heading = (title, sorted_by)
            number = (f"{self._number} ", "$foreground-muted")
            self.border_title = Content.assemble(number, (title, "bold"), (sorted_by, "$accent"))
        if status != self._said:
            self._said = status
            self._repainted = self._last_line()
            self.border_subtitle = content(status)
            self._repainted = ()

    def _last_line(self) -> tuple[Region, ...]:
        """Where the subtitle stands, as seen from the content; nothing before there is a size."""
        size, offset = self.outer_size, self.content_offset
        return (Region(-offset.x, size.height - 1 - offset.y, size.width, 1),) if size else ()

    def refresh(self, *regions: Region, repaint: bool = True, layout: bool = False, recompose: bool = False) -> Self:
        """As every widget, but a new subtitle, which may hold an age, paints its own line only."""
        chosen = regions or self._repainted
        return super().refresh(*chosen, repaint=repaint, layout=layout, recompose=recompose)

    def _title_of(self, column: str) -> str:
        return next((one.title for one in self._view.columns if one.key == column), "") or column

    def _set_lines(self, lines: tuple[Line, ...]) -> None:
        """Only what changed: a new text would lay out the whole screen again."""
        if lines != self._lines:
            self._lines = lines
            self._static.display = bool(lines)
            self._static.update(paragraphs(lines))

    @on(RowList.Opened)
    def _opened(self, event: RowList.Opened) -> None:
        event.stop()
        self.post_message(self.Opened(str(self.id), event.key))

    def _fold(self, key: str) -> bool:
        """Opens or closes a row that folds others; False for any other."""
        if not any(row.folds and row.key == key for row in self._view.rows):
            return False
        self._open ^= {key}
        self._draw()
        return True

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """In the filter line a slash is text."""
        if action == "filter":
            return self.screen.focused is self.rows
        if action == "clear_filter":
            # Without one the key is the screen's.
            return self._filtered and bool(self._pattern or self.screen.focused is not self.rows)
        return super().check_action(action, parameters)

    async def action_filter(self) -> None:
        """Opens the filter line."""
        # Imported and made when first used: both cost time before the first paint.
        from lab.screen.widgets.filterline import FilterLine

        if not self._filtered:
            self._filtered = True
            await self.mount(FilterLine(self._take_pattern, self.rows))
        self.query_one(FilterLine).open()

    def action_clear_filter(self) -> None:
        """Shows every row again and goes back to them."""
        if self._filtered:
            from lab.screen.widgets.filterline import FilterLine

            self.query_one(FilterLine).close()

    def reveal(self, key: str) -> bool:
        """Puts the cursor on a row, one that the filter hides as well; False where there is none."""
        if self.rows.go_to(key):
            return True
        above = next((s[0].key for s in stretches(self._view.rows) if s[0].folds and any(r.key == key for r in s)), "")
        self._open |= {above}
        self._take_pattern("")
        self.action_clear_filter()
        self._draw()
        return self.rows.go_to(key)

    def sort_by(self, order: Order | None) -> None:
        """Puts the rows in that order, now and as they come."""
        if order != self.order:
            self.order = order
            self._draw()

    def action_sort(self) -> None:
        """By the next of the columns; after the last one as the rows come."""
        self.sort_by(next_order(self.order, self.rows.shown_columns, self._view.rows))
        self.post_message(self.Arranged(str(self.id)))

    def action_turn(self) -> None:
        """The other way round."""
        if self.order:
            self.sort_by(replace(self.order, down=not self.order.down))
            self.post_message(self.Arranged(str(self.id)))

    def _take_pattern(self, pattern: str) -> None:
        if pattern != self._pattern:
            self._pattern = pattern
            self._draw()
