"""How a table fits into the width that there is: prose is broken between words, and a name, path or hash never is."""

from collections.abc import Sequence
from typing import NamedTuple

from rich.cells import cell_len
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

_GAP = 1
# A column that lacks no more than this gets it before prose gets its share.
_LITTLE = 12


class _Need(NamedTuple):
    """How wide a column is at best, and the longest word in it."""

    natural: int
    least: int


def print_fitting(out: Console, table: Table) -> None:
    """Prints the table; row by row as a list where not even its longest words fit side by side."""
    needs = [_need(column) for column in table.columns]
    room = out.width - _GAP * (len(needs) - 1)
    if sum(one.natural for one in needs) <= room:
        out.print(table)
    elif sum(one.least for one in needs) <= room:
        for column, width in zip(table.columns, _shared(needs, room), strict=True):
            column.width = width
        out.print(table)
    else:
        _print_as_list(out, table)


def _need(column: Column) -> _Need:
    texts = [_plain(cell) for cell in (column.header, *column.cells)]
    lines = [line for text in texts for line in text.splitlines()]
    words = [word for line in lines for word in line.split()]
    return _Need(max(map(cell_len, lines), default=1), max(map(cell_len, words), default=1))


def _shared(needs: Sequence[_Need], room: int) -> list[int]:
    """What is left beyond the longest words goes to who needs little more first: short columns stay in one line."""
    widths = [one.least for one in needs]
    left = room - sum(widths)
    order = sorted(range(len(needs)), key=lambda at: needs[at].natural - needs[at].least)
    for nth, at in enumerate(order):
        wanted = needs[at].natural - widths[at]
        more = min(wanted, left if wanted <= _LITTLE else left // (len(order) - nth))
        widths[at] += more
        left -= more
    return widths


def _print_as_list(out: Console, table: Table) -> None:
    """A block per row: its first cell that says something, then what the others are called and say."""
    heads = [_plain(column.header) for column in table.columns]
    for row in zip(*(list(column.cells) for column in table.columns), strict=True):
        cells = [(head, _marked(cell)) for head, cell in zip(heads, row, strict=True) if _plain(cell).strip()]
        for nth, (head, cell) in enumerate(cells):
            lead = Text("" if not nth else f"  {head}: " if head else "  ", "dim")
            out.print(lead + cell, overflow="ignore", crop=False)


def _marked(cell: object) -> Text:
    return cell if isinstance(cell, Text) else Text.from_markup(str(cell))


def _plain(cell: object) -> str:
    return _marked(cell).plain
