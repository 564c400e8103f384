"""What a panel shows, as values, and how it is fitted into a width: no widget, no colour, no clock."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from math import isfinite

from rich.cells import cell_len, set_cell_size

ELLIPSIS = "…"


class Tone(StrEnum):
    """Meaning of a piece of text; the theme decides its colour. Shapes carry the same meaning without colour."""

    PLAIN = "plain"
    STRONG = "strong"
    MUTED = "muted"
    ACCENT = "accent"
    OK = "ok"
    WARN = "warn"
    BAD = "bad"


@dataclass(frozen=True)
class Span:
    """Text of one tone, safe to draw: control characters are gone."""

    text: str
    tone: Tone = Tone.PLAIN


Line = tuple[Span, ...]


@dataclass(frozen=True)
class Cell:
    """One field of a table. With `fill` (0-1) it is drawn as a bar of the first span's tone, as wide as its column.

    `mark` (0-1) is a threshold on that bar.
    `order` is what sorting compares, where the text doesn't tell.
    """

    spans: Line = ()
    fill: float | None = None
    mark: float | None = None
    order: float | None = None

    @property
    def text(self) -> str:
        return "".join(span.text for span in self.spans)


@dataclass(frozen=True)
class Column:
    """A column. `rank` 1 is never dropped, greater ranks go first; widths in terminal cells, `most` 0 is no limit.

    Past `most` a column grows only when all others have what they want; with `grow` it takes room up to `most`.
    """

    key: str
    title: str
    rank: int = 1
    least: int = 1
    most: int = 0
    right: bool = False
    grow: bool = False

    @property
    def gap(self) -> int:
        """Cells between this column and the one before; right-aligned figures have room of their own in front."""
        return 1 if self.right else 2


@dataclass(frozen=True)
class Row:
    """A line of a table; `key` stays the same across refreshes.

    `spill` names a column from which one cell runs to the end of the line, where a reason matters more than figures;
    a `pinned` row stays on top however the table is sorted. A `heading` says what the rows up to the next one have in
    common: they stay under it, and out of sight where it `folds` until it is opened.
    """

    key: str
    cells: dict[str, Cell]
    spill: tuple[str, Cell] | None = None
    pinned: bool = False
    heading: bool = False
    folds: bool = False

    @property
    def text(self) -> str:
        """What a filter looks at."""
        shown = [cell.text for cell in self.cells.values()]
        return " ".join([*shown, self.spill[1].text] if self.spill else shown)


def stretches(rows: Sequence[Row]) -> list[list[Row]]:
    """The rows from one heading to the next; what comes before the first heading has none."""
    found: list[list[Row]] = [[]]
    for row in rows:
        if row.heading:
            found.append([])
        found[-1].append(row)
    return [one for one in found if one]


class PanelState(StrEnum):
    """What may be said of a panel's content; each looks different."""

    OK = "ok"
    WAITING = "waiting"
    EMPTY = "empty"
    FAILED = "failed"
    STALE = "stale"
    # What was known when a person took the lab down: old on purpose.
    PAST = "past"


@dataclass(frozen=True)
class PanelView:
    """Everything one panel shows. `lines` stand above the table, `message` in its place when there are no rows."""

    title: str
    status: Line = ()
    state: PanelState = PanelState.OK
    lines: tuple[Line, ...] = ()
    columns: tuple[Column, ...] = ()
    rows: tuple[Row, ...] = ()
    message: tuple[Line, ...] = field(default=())


@dataclass(frozen=True)
class Fitted:
    """A column with its final width."""

    column: Column
    width: int


def cell(text: object = "", tone: Tone = Tone.PLAIN) -> Cell:
    """A cell of one tone."""
    return Cell((Span(str(text), tone),))


def width_of(spans: Iterable[Span]) -> int:
    """Terminal cells that the spans take; wide characters take two."""
    return sum(cell_len(span.text) for span in spans)


def clip(spans: Sequence[Span], width: int) -> Line:
    """The spans cut to `width`, with an ellipsis where something is missing."""
    if width <= 0:
        return ()
    if width_of(spans) <= width:
        return tuple(spans)
    kept: list[Span] = []
    room = width - 1
    for span in spans:
        size = cell_len(span.text)
        if size > room:
            return (*kept, Span(set_cell_size(span.text, room).rstrip() + ELLIPSIS, span.tone))
        kept.append(span)
        room -= size
    return tuple(kept)


def pad(spans: Sequence[Span], width: int, right: bool = False) -> Line:
    """The spans at exactly `width` cells."""
    cut = clip(spans, width)
    missing = Span(" " * (width - width_of(cut)))
    if not missing.text:
        return cut
    return (missing, *cut) if right else (*cut, missing)


def bar(fill: float, width: int, tone: Tone, mark: float | None = None) -> Line:
    """A track of `width` cells, filled from the left in steps of half a cell; `mark` (0-1) is a threshold on it."""
    # A metric in MLflow can be no number at all.
    halves = round(min(max(fill, 0.0), 1.0) * width * 2) if isfinite(fill) else 0
    full, half = divmod(halves, 2)
    done = "━" * full + "╸" * half
    plain = (Span(done, tone), Span("─" * (width - len(done)), Tone.MUTED))
    return plain if mark is None or not width else _marked(plain, min(int(mark * width), width - 1))


def _marked(track: Line, at: int) -> Line:
    """The track with a stroke across the cell `at`."""
    filled, rest = track
    if at < len(filled.text):
        text = filled.text
        return (Span(f"{text[:at]}╂{text[at + 1 :]}", filled.tone), rest)
    left, right = rest.text[: at - len(filled.text)], rest.text[at - len(filled.text) + 1 :]
    return (filled, Span(left, rest.tone), Span("┼", Tone.PLAIN), Span(right, rest.tone))


def fit(columns: Sequence[Column], rows: Sequence[Row], width: int) -> tuple[Fitted, ...]:
    """The columns that fit into `width`, by rank, and their widths."""
    shown = sorted(columns, key=lambda c: c.rank)
    while len(shown) > 1 and _total({c.key: c.least for c in shown}, columns) > width:
        shown.pop()
    widths = {c.key: c.least for c in shown}
    room = width - _total(widths, columns)
    wanted = {c.key: _natural(c, rows) for c in shown}
    room = _widen(widths, {c.key: min(wanted[c.key], c.most or wanted[c.key]) for c in shown}, room)
    room = _widen(widths, {c.key: c.most for c in shown if c.grow}, room)
    _widen(widths, wanted, room)
    return tuple(Fitted(c, min(widths[c.key], width)) for c in columns if c.key in widths)


def chosen_columns(columns: Sequence[Column], wanted: Sequence[str]) -> tuple[Column, ...]:
    """Those of the columns that are `wanted`, in that order, the last of them the first to go; all where none is."""
    if not wanted:
        return tuple(columns)
    by_key = {column.key: column for column in columns}
    return tuple(replace(by_key[key], rank=rank) for rank, key in enumerate(wanted, 1) if key in by_key)


def _widen(widths: dict[str, int], wanted: dict[str, int], room: int) -> int:
    """Widens each column towards what it wants, while there is room; returns what is left."""
    for key, target in wanted.items():
        extra = max(0, min(target - widths[key], room))
        widths[key] += extra
        room -= extra
    return room


def _total(widths: dict[str, int], columns: Sequence[Column]) -> int:
    shown = [c for c in columns if c.key in widths]
    return sum(widths[c.key] for c in shown) + sum(c.gap for c in shown[1:])


def _natural(column: Column, rows: Sequence[Row]) -> int:
    shown = (width_of(row.cells[column.key].spans) for row in rows if column.key in row.cells)
    return max(cell_len(column.title), max(shown, default=0))


def lay_out(row: Row, fitted: Sequence[Fitted]) -> Line:
    """A row as spans, every column at its width."""
    spans: list[Span] = []
    for index, place in enumerate(fitted):
        if index:
            spans.append(Span(" " * place.column.gap))
        if row.spill and place.column.key == row.spill[0]:
            rest = sum(f.width for f in fitted[index:]) + sum(f.column.gap for f in fitted[index + 1 :])
            return (*spans, *pad(row.spill[1].spans, rest))
        spans.extend(_draw(row.cells.get(place.column.key, Cell()), place))
    return tuple(spans)


def _draw(content: Cell, place: Fitted) -> Line:
    if content.fill is not None:
        tone = content.spans[0].tone if content.spans else Tone.PLAIN
        return bar(content.fill, place.width, tone, content.mark)
    return pad(content.spans, place.width, place.column.right)


def headings(fitted: Sequence[Fitted], marked: str = "", mark: str = "") -> Line:
    """The line of column titles; the column `marked` has `mark` in front, which says how the rows are sorted."""
    titles = {f.column.key: cell(f.column.title, Tone.MUTED) for f in fitted}
    if marked in titles:
        title = next(f.column.title for f in fitted if f.column.key == marked)
        titles[marked] = cell(f"{mark}{title}", Tone.ACCENT)
    return lay_out(Row("", titles), fitted)
