"""Lines in Braille dots: two columns and four rows of dots to a character.

A query is asked with as many points as there are columns of dots, so that a line is one upright stroke per column.
"""

from collections.abc import Sequence

from lab.dashboards.drawing.ink import Ink, Line

_BITS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))
_EMPTY = 0x2800


class Canvas:
    """Dots with colours; the last one that drew in a character gives its colour."""

    def __init__(self, width: int, height: int) -> None:
        """In characters."""
        self.width, self.height = max(width, 1), max(height, 1)
        self._dots = [[0] * self.width for _ in range(self.height)]
        self._looks = [[""] * self.width for _ in range(self.height)]

    @property
    def columns(self) -> int:
        """Dots from left to right."""
        return self.width * 2

    @property
    def rows(self) -> int:
        """Dots from top to bottom."""
        return self.height * 4

    def stroke(self, column: int, top: int, bottom: int, look: str) -> None:
        """An upright stroke in one column of dots, both ends included; what lies outside isn't drawn."""
        if not 0 <= column < self.columns:
            return
        x, bits = column >> 1, _BITS[column & 1]
        for row in range(max(top, 0), min(bottom, self.rows - 1) + 1):
            y = row >> 2
            self._dots[y][x] |= bits[row & 3]
            self._looks[y][x] = look

    def line(self, places: Sequence[int | None], look: str, from_column: int = 0) -> None:
        """A line through the rows given for each column of dots; None breaks it."""
        before: int | None = None
        for at, row in enumerate(places):
            if row is not None:
                if before is None or abs(before - row) <= 1:
                    top = bottom = row
                else:
                    # Half way to the point before, so that steep parts have no gaps.
                    top, bottom = (before + 1, row) if before < row else (row, before - 1)
                self.stroke(from_column + at, top, bottom, look)
            before = row

    def rule(self, row: int, look: str) -> None:
        """A dashed line across, behind everything that is drawn."""
        y = row >> 2
        if not 0 <= row < self.rows:
            return
        for x in range(self.width):
            if not self._dots[y][x] and x % 2 == 0:
                self._dots[y][x] = _BITS[0][row & 3] | _BITS[1][row & 3]
                self._looks[y][x] = look

    def lines(self) -> tuple[Line, ...]:
        """The picture, pieces of one look together."""
        return tuple(self._line(y) for y in range(self.height))

    def _line(self, y: int) -> Line:
        found: list[Ink] = []
        text, look = "", ""
        for dots, own in zip(self._dots[y], self._looks[y], strict=True):
            # A blank has no look, so it breaks no piece.
            if dots and own != look:
                if text:
                    found.append(Ink(text, look))
                text, look = "", own
            text += chr(_EMPTY | dots) if dots else " "
        return (*found, Ink(text, look))
