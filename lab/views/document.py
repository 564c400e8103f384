"""The parts that detail screens are made of, and how what was fetched becomes one of their views."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

from lab.observe.snapshot import Slice, SliceState
from lab.views import formats
from lab.views.cells import Line, PanelState, PanelView, Span, Tone, pad
from lab.views.view import View, note

LABEL = 16
NAME = 34


@dataclass(frozen=True)
class Detail:
    """One thing: its title, what is known of it at once, and what to copy or open, if there is anything."""

    title: str
    lines: tuple[Line, ...] = ()
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


T = TypeVar("T")


def page(title: str, part: Slice[T], view: View, empty: str, fill: Callable[[T], PanelView]) -> PanelView:
    """A view waiting, failed, stale, empty, or as `fill` makes it of the value."""
    if part.value is None:
        if part.state is SliceState.FAILED:
            message = ((Span("✗ no answer yet", Tone.BAD),), (Span(formats.clean(part.error)),))
            return PanelView(title, (Span("failed", Tone.BAD),), PanelState.FAILED, message=message)
        return PanelView(
            title, (Span("waiting", Tone.MUTED),), PanelState.WAITING, message=note("waiting for the first answer …")
        )
    shown = replace(fill(part.value), title=title)
    if not (shown.rows or shown.lines or shown.message):
        shown = replace(shown, message=note(*empty.split("\n")))
    if part.state is SliceState.STALE:
        old = Span(f"stale {formats.age(part.age(view.epoch))}", Tone.WARN)
        why = Span(f" · {formats.clean(part.error)}", Tone.MUTED)
        return replace(shown, state=PanelState.STALE, status=(old, why))
    return shown if shown.rows or shown.lines else replace(shown, state=PanelState.EMPTY)
