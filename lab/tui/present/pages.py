"""How what a drill-down fetched becomes one of its views, in the state that it is in."""

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from lab.observe.snapshot import Slice, SliceState
from lab.tui import formats
from lab.tui.cells import PanelState, PanelView, Span, Tone
from lab.tui.present.base import View, note

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
