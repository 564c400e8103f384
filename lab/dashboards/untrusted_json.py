"""Reads JSON that anybody may have written: the wrong type is as good as nothing, and text is made harmless."""

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from math import isfinite
from typing import Any

LONGEST_TEXT, LONGEST_QUERY = 20_000, 10_000
_UNSAFE = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
Object = Mapping[str, Any]
NOTHING: Object = {}


def obj(given: object, *path: str) -> Object:
    """The object at the end of `path`; an empty one where there is none."""
    for name in path:
        given = given.get(name) if isinstance(given, Mapping) else None
    return given if isinstance(given, Mapping) else NOTHING


def objects(given: object) -> Iterator[Object]:
    """The objects in an array."""
    return (item for item in array(given) if isinstance(item, Mapping))


def array(given: object) -> Sequence[Any]:
    return given if isinstance(given, list) else ()


def line(given: object, default: str = "") -> str:
    """Text on one line, without what could steer a terminal or hide."""
    return " ".join(block(given, default).split())


def block(given: object, default: str = "") -> str:
    """Text of several lines, without what could steer a terminal or hide."""
    if isinstance(given, bool) or not isinstance(given, str | int | float):
        return default
    raw = str(given)[:LONGEST_TEXT]
    if raw.isascii() and raw.isprintable():
        return raw
    return "".join(char if char == "\n" or not _unsafe(char) else " " for char in raw)


def _unsafe(char: str) -> bool:
    return unicodedata.category(char) in _UNSAFE


def query(given: object) -> str:
    """A query as it is written; what is longer than any query is none."""
    return given if isinstance(given, str) and len(given) <= LONGEST_QUERY else ""


def number(given: object) -> float | None:
    """A finite number, also one that is written as text."""
    if isinstance(given, bool) or not isinstance(given, str | int | float):
        return None
    try:
        found = float(given)
    except (ValueError, OverflowError):
        return None
    return found if isfinite(found) else None


def whole(given: object, default: int, least: int, most: int) -> int:
    """A whole number, brought within bounds."""
    found = number(given)
    return default if found is None else int(min(max(found, least), most))


def yes(given: object) -> bool:
    return given is True
