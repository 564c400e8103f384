"""Regular expressions that stand in a dashboard's file: whoever wrote them mustn't be able to hold up the screen."""

import re
from functools import lru_cache

LONGEST, LONGEST_TEXT = 500, 500
# Nested repetition, and many repetitions in one, are what makes an expression take for ever.
_RUNAWAY = re.compile(r"[+*}]\)*[+*{]|\)[+*{]")
_MOST_REPEATS = 8


@lru_cache(maxsize=512)
def compiled(regex: str) -> "re.Pattern[str] | None":
    """The expression, as `/x/i` or bare; None for one that can't be read or could take for ever."""
    body, flags = regex, 0
    if closed := re.fullmatch(r"/(.*)/([a-z]*)", regex, re.DOTALL):
        body, flags = closed[1], re.IGNORECASE if "i" in closed[2] else 0
    body = re.sub(r"\(\?<(?=\w)", "(?P<", body)
    without_escapes = re.sub(r"\\.", "x", body)
    repeats = len(re.findall(r"[+*{]", without_escapes))
    if len(body) > LONGEST or repeats > _MOST_REPEATS or _RUNAWAY.search(without_escapes):
        return None
    try:
        return re.compile(body, flags)
    except (re.error, RecursionError, OverflowError):
        return None


def found_in(regex: str, text: str) -> bool:
    """Whether the expression is found in a text; one that is no expression isn't."""
    pattern = compiled(regex)
    return pattern is not None and pattern.search(text[:LONGEST_TEXT]) is not None


def replaced(regex: str, replacement: str, text: str) -> str:
    """`text` with what the expression finds replaced, where `$1` is its first group."""
    pattern = compiled(regex)
    if pattern is None:
        return text
    try:
        return pattern.sub(re.sub(r"\$(\d)", r"\\\1", replacement.replace("\\", r"\\")), text[:LONGEST_TEXT])
    except (re.error, IndexError):
        return text
