"""Reading JSON that may have any shape: each reader returns the type it names or raises what `understanding` maps."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from lab.base.errors import ServiceUnavailable

_MISREAD = (KeyError, IndexError, TypeError, ValueError, AttributeError, OverflowError)


class Said(ValueError):
    """The service answered with an error of its own."""


@contextmanager
def understanding(title: str, remedy: str = "Type `invoke status`.") -> Iterator[None]:
    """Turns every failure to read an answer of `title` into ServiceUnavailable."""
    try:
        yield
    except Said as err:
        raise ServiceUnavailable(f"{title} answered with an error: {err}.", remedy) from None
    except _MISREAD as err:
        what = f"no {err}" if isinstance(err, KeyError) else str(err)
        raise ServiceUnavailable(
            f"{title} answered in a shape this lab doesn't know ({what}).",
            "Check that its version is the one this lab pins, and that nothing else listens on its port.",
        ) from None


def mapping(value: object) -> Mapping[str, Any]:
    """`value` as an object; raises TypeError."""
    if not isinstance(value, Mapping):
        raise TypeError(f"{_short(value)} is no object")
    return value


def items(value: object) -> list[Any]:
    """`value` as an array; raises TypeError."""
    if not isinstance(value, list):
        raise TypeError(f"{_short(value)} is no array")
    return value


def text(value: object) -> str:
    """`value` as text; raises TypeError."""
    if not isinstance(value, str):
        raise TypeError(f"{_short(value)} is no text")
    return value


def text_or(value: object, default: str = "") -> str:
    """`value` as text, `default` for null; raises TypeError."""
    return default if value is None else text(value)


def number(value: object) -> float:
    """`value` as a number, also when it is written as text; raises TypeError or ValueError."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise TypeError(f"{_short(value)} is no number")
    return float(value)


def number_or_none(value: object) -> float | None:
    """`value` as a number, None for null; raises TypeError or ValueError."""
    return None if value is None else number(value)


def _short(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= 60 else f"{shown[:60]}…"
