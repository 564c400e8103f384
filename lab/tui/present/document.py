"""The parts that detail screens are made of."""

from dataclasses import dataclass

from lab.tui import formats
from lab.tui.cells import Line, Span, Tone, pad

LABEL = 16
NAME = 34


@dataclass(frozen=True)
class Detail:
    """One thing in full. `copy` and `url` are empty where there is nothing to copy or open."""

    title: str
    lines: tuple[Line, ...]
    copy: str = ""
    url: str = ""


def field_line(label: str, *spans: Span) -> Line:
    """A label and its value."""
    return (*pad((Span(label, Tone.MUTED),), LABEL), *(spans or (Span(formats.NOTHING, Tone.MUTED),)))


def heading(title: str) -> tuple[Line, ...]:
    """A blank line and a title."""
    return ((), (Span(title, Tone.ACCENT),))


def text(value: object) -> Span:
    """A value from outside, or the mark for nothing."""
    return Span(formats.clean(value) or formats.NOTHING)


def browsable(url: str) -> str:
    """`url` when a browser can open it, else nothing."""
    return url if url.startswith(("http://", "https://")) else ""
