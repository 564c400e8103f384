"""The views of the data's drift: the features, their histograms, what was compared."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from lab.base.drift import Feature, Histogram
from lab.base.drift_report import DRIFTED, FALSE_ALARMS, MODERATE
from lab.base.tallies import Reading
from lab.views import formats
from lab.views.by_model import report_of
from lab.views.cells import Cell, Column, Line, PanelView, Row, Span, Tone, bar, cell, clip, pad
from lab.views.document import field_line, text
from lab.views.drift_panel import STATES, THRESHOLD, fill
from lab.views.view import View

if TYPE_CHECKING:
    from lab.observe.details.drift_source import DriftDetail

FEATURE_COLUMNS = (
    Column("name", "feature", 1, 20, 58),
    Column("psi", "PSI", 1, 6, right=True),
    Column("bar", "", 2, 12, 40, grow=True),
    Column("state", "state", 1, 9),
    Column("most", "moved most", 3, 16, 30),
)
LABEL = 20
# Beside the label and the two bars: percentages, the part of the PSI, blanks.
_REST = LABEL + 29
_LEAST_BAR, _MOST_BAR = 6, 40


def subject_spans(detail: "DriftDetail | None", model: str, view: View) -> tuple[Span, ...]:
    """What stands under the header."""
    report = report_of(model, view)
    if report is None or not report.features:
        return (Span("Drift", Tone.STRONG),)
    found = len(report.drifted)
    verdict = Span(f"✗ {found} drifted", Tone.BAD) if found else Span("● no drift", Tone.OK)
    planted = detail is not None and detail.current.planted
    return (
        Span("Drift", Tone.STRONG),
        Span(formats.clean(model) if view.several else "", Tone.ACCENT),
        verdict,
        Span(f"{report.rows:,} rows"),
        Span("planted on purpose" if planted else "", Tone.WARN),
        Span(f"checked {formats.moment(report.checked_at or None, view.now)}", Tone.MUTED),
    )


def features(detail: "DriftDetail") -> PanelView:
    """Every feature, the greatest PSI first."""
    rows = tuple(_feature(one) for one in detail.histograms)
    return PanelView("", status(detail), columns=FEATURE_COLUMNS, rows=rows)


def status(detail: "DriftDetail") -> Line:
    """How many rows were compared."""
    said = f"{detail.rows:,} rows against {detail.baseline_rows:,}"
    if detail.whole:
        return (Span(said, Tone.MUTED),)
    return (Span(f"▲ the first {said}; there are more", Tone.WARN),)


def _state(one: Histogram) -> tuple[str, str, Tone]:
    name = one.drift.state
    return (name, *STATES[name])


def _feature(one: Histogram) -> Row:
    state, glyph, tone = _state(one)
    worst = max(range(len(one.parts)), key=lambda index: one.parts[index], default=None)
    moved = "" if worst is None or one.psi <= MODERATE else bin_label(one.feature, worst)
    cells = {
        "name": Cell((Span(f"{glyph} ", tone), Span(formats.clean(one.feature.name)))),
        "psi": cell(f"{one.psi:.3f}"),
        "bar": Cell((Span("", tone),), fill=fill(one.drift), mark=THRESHOLD),
        "state": cell(state, tone),
        "most": cell(moved, Tone.MUTED),
    }
    return Row(one.feature.name, cells)


def histograms(detail: "DriftDetail", width: int) -> tuple[PanelView, dict[str, int]]:
    """Every feature's bins in `width` cells, worst first; and at which line each feature begins."""
    lines: list[Line] = []
    begins: dict[str, int] = {}
    size = max(_LEAST_BAR, min(_MOST_BAR, (width - _REST) // 2))
    for one in detail.histograms:
        begins[one.feature.name] = len(lines)
        lines += histogram(one, size)
    return PanelView("", status(detail), lines=tuple(lines)), begins


def histogram(one: Histogram, size: int) -> list[Line]:
    """One feature: a line for each bin, with the baseline's share and the current one."""
    state, glyph, tone = _state(one)
    before, after = sum(one.feature.counts) or 1, sum(one.current) or 1
    most = max((*(n / before for n in one.feature.counts), *(n / after for n in one.current)), default=0) or 1
    lines: list[Line] = [
        (Span(f"{glyph} {formats.clean(one.feature.name)}", tone), Span(f"  PSI {one.psi:.3f} {state}", Tone.MUTED)),
        (
            *pad((Span("  bin", Tone.MUTED),), LABEL + 1),
            *pad((Span("baseline", Tone.MUTED),), size + 8),
            *pad((Span("current", Tone.MUTED),), size + 8),
            Span("adds to PSI", Tone.MUTED),
        ),
    ]
    for index, (old, new) in enumerate(zip(one.feature.counts, one.current, strict=True)):
        if old == new == 0:
            continue
        ours, theirs, part = new / after, old / before, one.parts[index]
        loud = tone if part > MODERATE / 4 else Tone.PLAIN
        lines.append(
            (
                *pad(clip((Span(f"  {bin_label(one.feature, index)}"),), LABEL), LABEL + 1),
                *bar(theirs / most, size, Tone.MUTED),
                Span(f"{theirs:6.1%}  ", Tone.MUTED),
                *bar(ours / most, size, loud),
                Span(f"{ours:6.1%}  ", loud),
                Span(f"{part:+.3f}", loud),
            )
        )
    return [*lines, ()]


def bin_label(feature: Feature, index: int) -> str:
    """What values a bin holds."""
    if feature.labels:
        return formats.clean(feature.labels[index])
    edges = tuple(map(_edge(feature), feature.edges))
    if index > len(edges):
        return "(missing)"
    if index == 0:
        return f"≤ {edges[0]}"
    return f"> {edges[-1]}" if index == len(edges) else f"to {edges[index]}"


def _edge(feature: Feature) -> Callable[[float], str]:
    if feature.reading in {Reading.DATE, Reading.DATE_OR_NONE}:
        return lambda days: f"{datetime.fromtimestamp(0, UTC) + timedelta(days=days):%Y-%m-%d}"
    return lambda number: f"{number:,.6g}"


def about(detail: "DriftDetail") -> PanelView:
    """What was compared with what."""
    limit = detail.histograms[0].limit if detail.histograms else DRIFTED
    lines: tuple[Line, ...] = (
        field_line("current data", text(detail.current.sha256)),
        field_line("its rows", Span(f"{detail.current.rows:,}")),
        field_line("its source", text(detail.current.source)),
        field_line("planted", Span("▲ yes, by `invoke seed --drift`" if detail.current.planted else "no")),
        field_line("baseline", text(detail.baseline.sha256)),
        field_line("its rows", Span(f"{detail.baseline_rows:,}")),
        field_line("its source", text(detail.baseline.source)),
        (),
        (Span(f"PSI above {MODERATE} is moderate, above {limit:g} drifted: promotion is blocked."),),
        (Span(f"What chance explains is stable: at most {FALSE_ALARMS:.0%} of checks of unchanged data alarm."),),
        (Span("Bins are the baseline's, so that the yardstick does not move with what it measures."),),
    )
    return PanelView("", lines=lines)
