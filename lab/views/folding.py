"""Rows under headings that fold: which are in sight. Pure."""

from collections.abc import Sequence, Set
from dataclasses import replace

from lab.views.cells import Row, stretches

_SHUT, _OPEN = "▸", "▾"


def folded(rows: Sequence[Row], unfolded: Set[str]) -> tuple[Row, ...]:
    """The rows without those under a heading that folds and isn't among the `unfolded`."""
    found: list[Row] = []
    for stretch in stretches(rows):
        if not stretch[0].folds:
            found += stretch
        elif stretch[0].key in unfolded:
            found += [_opened(stretch[0]), *stretch[1:]]
        else:
            found.append(stretch[0])
    return tuple(found)


def _opened(heading: Row) -> Row:
    cells = {
        name: replace(cell, spans=tuple(replace(span, text=span.text.replace(_SHUT, _OPEN)) for span in cell.spans))
        for name, cell in heading.cells.items()
    }
    return replace(heading, cells=cells)
