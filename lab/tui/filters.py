"""What the filter line means: a regular expression, `!` in front turns it round."""

import re
from collections.abc import Callable, Sequence

from lab.tui.cells import Row

# A pattern over a long line can take exponential time; a text is cut before it is searched.
_SEARCHED = 400


def select(rows: Sequence[Row], pattern: str) -> tuple[Row, ...]:
    """The rows whose text matches, whatever its case; a pattern that is no regular expression is taken literally."""
    matches = matcher(pattern)
    return tuple(row for row in rows if matches(row.text))


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
    if not wanted:
        return None
    try:
        return re.compile(wanted, re.IGNORECASE)
    except re.error:
        return re.compile(re.escape(wanted), re.IGNORECASE)


def problem(pattern: str) -> str:
    """Why the pattern is no regular expression; empty when it is one."""
    try:
        re.compile(pattern.removeprefix("!"))
    except re.error as err:
        return err.msg
    return ""
