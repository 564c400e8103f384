"""The order of a table's rows: the one they come in, or by a column. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from lab.views.cells import Cell, Column, Row, stretches

_NUMBER = re.compile(r"[-+]?\d[\d,]*\.?\d*")
_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86_400, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
_MEASURE = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d|K|M|G)")
_WORD = re.compile(r"[^\W_]")


@dataclass(frozen=True)
class Order:
    """By which column, and whether the greatest comes first."""

    column: str
    down: bool = False


def arrow(order: Order) -> str:
    """The direction as a shape."""
    return "▾" if order.down else "▴"


def next_order(order: Order | None, columns: Sequence[Column], rows: Sequence[Row]) -> Order | None:
    """By the next of the columns on screen that can be compared; after the last one as the rows come.

    Figures start with the greatest.
    """
    useful = [one for one in columns if any(sort_key(row.cells.get(one.key)) for row in rows)]
    keys = [column.key for column in useful]
    index = keys.index(order.column) + 1 if order and order.column in keys else 0
    return Order(keys[index], useful[index].right) if index < len(keys) else None


def in_order(rows: Sequence[Row], order: Order | None) -> tuple[Row, ...]:
    """The rows in that order, each under its heading. Pinned ones stay on top; rows without a value come last."""
    if order is None:
        return tuple(rows)
    return tuple(row for stretch in stretches(rows) for row in _sorted(stretch, order))


def _sorted(rows: Sequence[Row], order: Order) -> tuple[Row, ...]:
    pinned = [row for row in rows if row.pinned or row.heading]
    others = [row for row in rows if not (row.pinned or row.heading)]
    known = [(key, row) for row in others if (key := sort_key(row.cells.get(order.column)))]
    ids = {id(row) for _, row in known}
    known.sort(key=lambda pair: pair[0], reverse=order.down)
    return (*pinned, *(row for _, row in known), *(row for row in others if id(row) not in ids))


def sort_key(cell: Cell | None) -> tuple[int, float, str] | None:
    """What a cell is compared by; None where it holds nothing. Figures by their value with its unit, words as words."""
    if cell is None:
        return None
    if cell.fill is not None:
        return (0, cell.fill, "")
    if cell.order is not None:
        return (0, cell.order, "")
    text = cell.text.strip()
    if not _WORD.search(text) and not any(mark in text for mark in "●◐▲✗○★✓"):
        return (0, 0.0, "") if text == "now" else None
    return _figure(text) or (1, 0.0, _words(text))


def _figure(text: str) -> tuple[int, float, str] | None:
    if text == "now":
        return (0, 0.0, "")
    bare = text.lstrip("▲▼△= ")
    parts = _MEASURE.findall(bare)
    if parts and "".join(number + unit for number, unit in parts) == bare:
        return (0, sum(float(number) * _UNITS[unit] for number, unit in parts), "")
    return (0, float(bare.replace(",", "")), "") if _NUMBER.fullmatch(bare) else None


def _words(text: str) -> str:
    """Without the shape in front, so that names sort by name."""
    found = _WORD.search(text)
    return text[found.start() :].casefold() if found else text
