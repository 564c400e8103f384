"""Lines that keep coming, as a log's, and which lines and rows a filter keeps. No widget, no clock."""

import re
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from lab.base.log_lines import Level
from lab.views.cells import Line, Row, stretches

# A pattern over a long line can take exponential time; a text is cut before it is searched.
_SEARCHED = 400


def select(rows: Sequence[Row], pattern: str) -> tuple[Row, ...]:
    """The rows whose text matches, whatever its case; of a pattern that isn't finished, as far as it goes.

    A heading that matches brings its rows, and a row that matches its heading.
    """
    matches = matcher(pattern)
    found: list[Row] = []
    for stretch in stretches(rows):
        heading = stretch[0] if stretch[0].heading else None
        if heading is None:
            found += [row for row in stretch if matches(row.text)]
        elif matches(heading.text) is not pattern.startswith("!"):
            found += [] if pattern.startswith("!") else stretch
        elif kept := [row for row in stretch[1:] if matches(row.text)]:
            found += [heading, *kept]
    return tuple(found)


def matcher(pattern: str) -> Callable[[str], bool]:
    """Whether a text passes the filter."""
    inverse = pattern.startswith("!")
    wanted = _compiled(pattern[1:] if inverse else pattern)
    if wanted is None:
        return lambda _: True
    return lambda text: (wanted.search(text[:_SEARCHED]) is None) is inverse


def marker(pattern: str) -> re.Pattern[str] | None:
    """What to mark in a text that passed; None where nothing was looked for, or where it was to be absent."""
    return None if pattern.startswith("!") else _compiled(pattern)


def _compiled(wanted: str) -> re.Pattern[str] | None:
    # While somebody types a group or a class, what is finished counts: nothing would match the rest.
    while wanted:
        try:
            return re.compile(wanted, re.IGNORECASE)
        except re.error:
            wanted = wanted[:-1]
    return None


def problem(pattern: str) -> str:
    """Why the pattern is no regular expression; empty when it is one."""
    try:
        re.compile(pattern.removeprefix("!"))
    except re.error as err:
        return err.msg
    return ""


KEPT = 5_000


@dataclass(frozen=True)
class FeedLine:
    """One line and how serious it is; `under` is the text of the line that it goes on from, empty for a first one."""

    level: Level
    line: Line
    under: str = ""

    @property
    def text(self) -> str:
        return "".join(span.text for span in self.line)


@dataclass(frozen=True)
class Change:
    """What became of the shown lines: `dropped` went at the front, `added` came at the end."""

    added: tuple[Line, ...]
    dropped: int = 0


class Feed:
    """At most `kept` lines, and as many again while paused; a filter and a least level decide which are shown."""

    def __init__(self, kept: int = KEPT) -> None:
        self._lines: deque[FeedLine] = deque()
        self._held: deque[FeedLine] = deque(maxlen=kept)
        self._kept = kept
        self._pattern, self._matches = "", matcher("")
        self.least = Level.DEBUG
        self.paused = False

    def __len__(self) -> int:
        return len(self._lines)

    @property
    def waiting(self) -> int:
        """Lines that came while it was paused."""
        return len(self._held)

    @property
    def shown(self) -> list[Line]:
        """The lines that pass."""
        return [one.line for one in self._lines if self._passes(one)]

    def search(self, pattern: str) -> None:
        """From now on only what matches is shown."""
        self._pattern, self._matches = pattern, matcher(pattern)

    def clear(self) -> None:
        """Forgets every line."""
        self._lines.clear()
        self._held.clear()

    def add(self, lines: Iterable[FeedLine]) -> Change:
        """Takes lines at the end; while paused they wait."""
        if self.paused:
            self._held.extend(lines)
            return Change(())
        fresh = list(lines)
        self._lines.extend(fresh)
        dropped = 0
        while len(self._lines) > self._kept:
            dropped += self._passes(self._lines.popleft())
        added = [one.line for one in fresh if self._passes(one)]
        # More at once than are kept: some of the new ones went, too, and were never shown.
        never = max(0, len(fresh) - self._kept)
        lost = sum(self._passes(one) for one in fresh[:never])
        return Change(tuple(added[lost:]), dropped - lost)

    def resume(self) -> Change:
        """Ends the pause and takes what waited."""
        self.paused = False
        held, self._held = list(self._held), deque(maxlen=self._kept)
        return self.add(held)

    def _passes(self, one: FeedLine) -> bool:
        if one.level < self.least or not self._pattern:
            return one.level >= self.least
        # A reason stays with what it is the reason of, and goes with it. Each is judged by itself: a text is cut.
        texts = (one.under, one.text) if one.under else (one.text,)
        return (all if self._pattern.startswith("!") else any)(map(self._matches, texts))
