"""Drawn text: pieces with a look. Front ends turn looks into their own styles.

A look is a few words: `muted`, `strong`, `bad`, `warn`, `ok`, `accent`, a colour as `#rrggbb`, or `on #rrggbb`.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from rich.cells import cell_len, set_cell_size


class Ink(NamedTuple):
    """A piece of one line in one look."""

    text: str
    look: str = ""


Line = tuple[Ink, ...]
Lines = tuple[Line, ...]


def width_of(line: Iterable[Ink]) -> int:
    """Terminal cells; wide characters take two."""
    return sum(cell_len(ink.text) for ink in line)


def clip(line: Sequence[Ink], width: int) -> Line:
    """Cut to `width`, with an ellipsis where something is missing."""
    if width_of(line) <= width:
        return tuple(line)
    kept: list[Ink] = []
    room = width - 1
    for ink in line:
        size = cell_len(ink.text)
        if size > room:
            return (*kept, Ink(set_cell_size(ink.text, max(room, 0)).rstrip() + "…", ink.look)) if width > 0 else ()
        kept.append(ink)
        room -= size
    return tuple(kept)


def pad(line: Sequence[Ink], width: int, side: str = "left") -> Line:
    """At exactly `width` cells; the text stands at the `side`, or at the `center`."""
    cut = clip(line, width)
    missing = width - width_of(cut)
    if missing <= 0:
        return cut
    before = {"left": 0, "right": missing, "center": missing // 2}[side]
    left = (Ink(" " * before),) if before else ()
    right = (Ink(" " * (missing - before)),) if missing - before else ()
    return (*left, *cut, *right)


def block(lines: Sequence[Line], width: int, height: int) -> Lines:
    """Exactly `height` lines of `width` cells."""
    return tuple(pad(lines[at] if at < len(lines) else (), width) for at in range(height))


def words(text: str, width: int) -> list[str]:
    """`text` broken at blanks into lines of at most `width` cells."""
    lines: list[str] = []
    for paragraph in text.split("\n"):
        current = ""
        for word in paragraph.split():
            while cell_len(word) > width:
                piece = set_cell_size(word, width).rstrip()
                lines += [current, piece] if current else [piece]
                word, current = word[len(piece) :], ""
                if not piece:
                    return lines
            joined = f"{current} {word}" if current else word
            if cell_len(joined) <= width:
                current = joined
            else:
                lines.append(current)
                current = word
        lines.append(current)
    return lines
