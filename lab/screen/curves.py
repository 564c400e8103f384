"""Curves in drill-downs: what a service used, how a model version was evaluated."""

from collections.abc import Sequence

from lab.dashboards.ink import Lines
from lab.dashboards.plot import Axes, Curve, plot
from lab.views import View, formats
from lab.views.cells import Line, PanelState, PanelView, Span, Tone
from lab.views.probe_history import Usage
from lab.views.view import note

_TONES = {"muted": Tone.MUTED, "strong": Tone.STRONG, "bad": Tone.BAD, "warn": Tone.WARN, "ok": Tone.OK}
# Two curves with their titles and axes need as many lines to tell anything.
_LEAST, _MOST = 5, 12


def spans(lines: Lines) -> list[Line]:
    """What was drawn, as a view's lines."""
    return [
        tuple(Span(ink.text, _TONES.get(ink.look, Tone.ACCENT if ink.look else Tone.PLAIN)) for ink in line)
        for line in lines
    ]


def usage(known: Sequence[Usage], view: View, width: int, height: int) -> PanelView:
    """Processor time and memory since the screen opened."""
    cpu = [(one.at, one.cpu) for one in known if one.cpu is not None]
    memory = [(one.at, float(one.memory)) for one in known if one.memory is not None]
    if len(cpu) < 2 and len(memory) < 2:
        return PanelView(
            "Usage", state=PanelState.WAITING, message=note("two readings make a curve; one comes every 10 s")
        )
    room = max(_LEAST, min(_MOST, (height - 3) // 2))
    lines: list[Line] = []
    for title, points, most, read in (
        ("cpu, of a core", cpu, 0.1, formats.cores),
        ("memory", memory, float(16 << 20), lambda value: formats.size(int(value))),
    ):
        if len(points) >= 2:
            values = [value for _, value in points]
            said = f"now {read(values[-1])} · least {read(min(values))} · most {read(max(values))}"
            lines += [(Span(f"{title}  ", Tone.STRONG), Span(said, Tone.MUTED))]
            axes = Axes(
                points[0][0],
                points[-1][0],
                0.0,
                max(*values, most) * 1.05,
                lambda at: formats.brief_moment(at, view.now),
                read,
            )
            lines += [*spans(plot([Curve(points)], axes, width, room)), ()]
    return PanelView("Usage", (Span(f"{len(known)} readings", Tone.MUTED),), lines=tuple(lines[:-1]))
