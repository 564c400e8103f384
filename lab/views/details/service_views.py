"""The views of one service: its log's lines, its probes, what it is."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lab.base.log_lines import Level
from lab.observe.snapshot import Health, ServiceState
from lab.views import formats
from lab.views.cells import Cell, Column, Line, PanelState, PanelView, Row, Span, Tone, cell, pad
from lab.views.feed import FeedLine
from lab.views.probe_history import Probe
from lab.views.view import View, health_mark, health_tone, note, standing_of

if TYPE_CHECKING:
    from lab.observe.details.log_source import LogLine

NAME = 19
SPARK = 60
PROBE_COLUMNS = (
    Column("at", "at", 1, 8),
    Column("state", "state", 1, 10),
    Column("latency", "latency", 1, 7, right=True),
    Column("bar", "", 2, 12, 40, grow=True),
    Column("reason", "reason", 1, 20),
)
_TONES = {Level.DEBUG: Tone.MUTED, Level.INFO: Tone.PLAIN, Level.WARNING: Tone.WARN, Level.ERROR: Tone.BAD}


def subject_spans(name: str, state: ServiceState | None) -> tuple[Span, ...]:
    """What stands under the header."""
    if state is None:
        return (Span(f"Service {formats.clean(name)}", Tone.STRONG),)
    mark, word, tone = standing_of(state)
    return (
        Span(formats.clean(state.title), Tone.STRONG),
        Span(f"{mark.text} {word}", tone),
        Span(formats.latency(state.latency_s)),
        Span(f"up {formats.duration(state.uptime_s)}" if state.uptime_s is not None else "", Tone.MUTED),
        Span(formats.clean(state.reason), Tone.MUTED),
        Span(formats.clean(state.url), Tone.MUTED),
    )


def log_line(line: "LogLine", merged: bool) -> FeedLine:
    """A line of a log; with others' lines around it, its service in front."""
    spans: Line = (Span(_kept(line.text), _TONES[line.level]),)
    if merged:
        spans = (*pad((Span(line.service, Tone.ACCENT),), NAME), *spans)
    return FeedLine(line.level, spans)


def _kept(text: str) -> str:
    """Cleaned, with the blanks in front that make a traceback readable."""
    body = text.lstrip(" ")
    return " " * (len(text) - len(body)) + formats.clean(body.replace("\t", "    "))


def logs(merged: bool, state: PanelState = PanelState.OK) -> PanelView:
    """The frame of the logs; its lines come as they come."""
    return PanelView("Logs of all services" if merged else "Logs", state=state)


def probes(known: Sequence[Probe], view: View) -> PanelView:
    """What the deep probe found since the screen opened, newest first, under its latencies."""
    if not known:
        return PanelView("Probes", state=PanelState.WAITING, message=note("no probe yet since this screen opened"))
    latencies = [probe.latency_s for probe in known]
    answered = sorted(value for value in latencies if value is not None)
    bad = sum(probe.health in {Health.DOWN, Health.DEGRADED} for probe in known)
    most = answered[-1] if answered else 0.0
    lines: list[Line] = [(Span(formats.sparkline(latencies, min(SPARK, len(latencies))), Tone.ACCENT),)]
    if answered:
        figures = (("least", answered[0]), ("median", answered[len(answered) // 2]), ("most", most))
        said = " · ".join(f"{word} {formats.latency(value)}" for word, value in figures)
        lines.append((Span(said, Tone.MUTED),))
    status = (Span(f"{len(known)} probes", Tone.MUTED),)
    if bad:
        status = (Span(f"▲ {bad} of {len(known)} not up", Tone.WARN),)
    rows = tuple(_probe(number, probe, most, view) for number, probe in reversed(list(enumerate(known))))
    return PanelView("Probes", status, lines=tuple(lines), columns=PROBE_COLUMNS, rows=rows)


def _probe(number: int, probe: Probe, most: float, view: View) -> Row:
    tone = health_tone(probe.health)
    cells = {
        "at": cell(formats.brief_moment(probe.at, view.now), Tone.MUTED),
        "state": Cell((health_mark(probe.health), Span(f" {probe.health}", tone))),
        "latency": cell(formats.latency(probe.latency_s)),
        "bar": Cell((Span("", tone),), fill=(probe.latency_s or 0.0) / most if most else 0.0),
        "reason": cell(formats.clean(probe.reason), Tone.MUTED),
    }
    return Row(f"{probe.at:.3f}/{number}", cells)
