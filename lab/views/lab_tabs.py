"""The line of several labs: how each is, how much of it needs a person, and which one is shown."""

from collections.abc import Sequence
from dataclasses import dataclass

from lab.views import formats
from lab.views.cells import Line, Span, Tone, clip, width_of
from lab.views.frame import standing
from lab.views.needs import needs
from lab.views.view import View

# A name is cut to so much before tabs are left out.
_LEAST_NAME = 6


@dataclass(frozen=True)
class LabTab:
    """One lab in a few cells."""

    name: str
    glyph: str
    tone: Tone
    needs: int


def tab_of(name: str, view: View) -> LabTab:
    """How the lab stands."""
    mark, _, tone = standing(view)
    if view.trouble or (view.lab_down and not view.taken_down):
        mark, tone = Span("✗", Tone.BAD), Tone.BAD
    return LabTab(formats.clean(name), mark.text, tone, len(needs(view)))


def tab_line(tabs: Sequence[LabTab], current: int, width: int) -> tuple[Line, list[tuple[int, int, int]]]:
    """The line in `width` cells, and where on it each tab begins and ends; the current one is always there."""
    longest = max((len(tab.name) for tab in tabs), default=0)
    while longest > _LEAST_NAME and _width(tabs, longest) > width:
        longest -= 1
    first, last = _window(tabs, current, longest, width)
    spans: list[Span] = [Span("‹", Tone.MUTED)] if first else []
    places = []
    for number in range(first, last):
        begin = width_of(spans)
        spans += _tab(tabs[number], number == current, longest)
        places.append((begin, width_of(spans), number))
    spans += [Span("›", Tone.MUTED)] if last < len(tabs) else []
    return clip(spans, width), places


def _tab(tab: LabTab, chosen: bool, longest: int) -> Line:
    name = clip((Span(tab.name, Tone.STRONG if chosen else Tone.MUTED),), longest)
    left, right = (Span("[", Tone.ACCENT), Span("]", Tone.ACCENT)) if chosen else (Span(" "), Span(" "))
    count = (Span(f" {tab.needs}", tab.tone),) if tab.needs else ()
    return (left, Span(f"{tab.glyph} ", tab.tone), *name, *count, right)


def _window(tabs: Sequence[LabTab], current: int, longest: int, width: int) -> tuple[int, int]:
    """The tabs from first to before last that fit with the current one, as many as there is room for."""
    first, last = current, current + 1
    # Room for the marks that say that there are more.
    room = width if _width(tabs, longest) <= width else width - 2
    while last < len(tabs) and _width(tabs[first : last + 1], longest) <= room:
        last += 1
    while first > 0 and _width(tabs[first - 1 : last], longest) <= room:
        first -= 1
    return first, last


def _width(tabs: Sequence[LabTab], longest: int) -> int:
    return sum(width_of(_tab(tab, False, longest)) for tab in tabs)
