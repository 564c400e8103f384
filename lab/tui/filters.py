"""What the filter line means: a regular expression, `!` in front turns it round."""

import re
from collections.abc import Sequence

from lab.tui.cells import Row

# A pattern over a long line can take exponential time; a row's text is cut before it is searched.
_SEARCHED = 400


def select(rows: Sequence[Row], pattern: str) -> tuple[Row, ...]:
    """The rows whose text matches, whatever its case; a pattern that is no regular expression is taken literally."""
    inverse = pattern.startswith("!")
    wanted = pattern[1:] if inverse else pattern
    if not wanted:
        return tuple(rows)
    try:
        search = re.compile(wanted, re.IGNORECASE).search
    except re.error:
        search = re.compile(re.escape(wanted), re.IGNORECASE).search
    return tuple(row for row in rows if (search(row.text[:_SEARCHED]) is None) is inverse)
