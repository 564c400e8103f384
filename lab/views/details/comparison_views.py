"""The views of two versions side by side."""

from typing import TYPE_CHECKING

from lab.views import formats
from lab.views.cells import Cell, Column, Line, PanelView, Row, Span, Tone, cell
from lab.views.document import heading

if TYPE_CHECKING:
    from lab.observe.comparison import Comparison, MetricPair, TextPair

_LABELS = {
    "data_hash": "training data",
    "drift_baseline_hash": "baseline",
    "drift_state": "drift",
    "code_version": "code",
    "approval_state": "approval",
}


def subject_spans(one: str, other: str, found: "Comparison | None") -> tuple[Span, ...]:
    """What stands under the header."""
    names = f"{formats.clean(one.replace('/', ' v'))} → {formats.clean(other.replace('/', ' v'))}"
    if found is None:
        return (Span(names, Tone.STRONG),)
    better = sum(pair.better == "b" for pair in found.metrics)
    worse = sum(pair.better == "a" for pair in found.metrics)
    data = {True: "same data", False: "▲ different data", None: "data unknown"}[found.same_data]
    return (
        Span(names, Tone.STRONG),
        Span(f"{better} better", Tone.OK if better else Tone.MUTED),
        Span(f"{worse} worse", Tone.WARN if worse else Tone.MUTED),
        Span(data, Tone.WARN if found.same_data is False else Tone.MUTED),
    )


def metrics(found: "Comparison") -> PanelView:
    """Each metric of both, and what the second one gains or loses."""
    columns = (
        Column("name", "metric", 1, 12, 28),
        Column("a", _short(found, first=True), 1, 9, right=True),
        Column("b", _short(found, first=False), 1, 9, right=True),
        Column("change", "difference", 1, 11, right=True),
        Column("verdict", "", 2, 6, 22),
        Column("direction", "better is", 3, 9),
    )
    rows = tuple(_metric(one) for one in found.metrics)
    return PanelView("Metrics", _caution(found), columns=columns, rows=rows)


def _short(found: "Comparison", first: bool) -> str:
    side = found.a if first else found.b
    other = found.b if first else found.a
    return f"v{formats.clean(side.version)}" if side.model == other.model else formats.clean(side.name)[:20]


def _caution(found: "Comparison") -> Line:
    return (Span(f"▲ {len(found.cautions)} to mind: view 3", Tone.WARN),) if found.cautions else ()


def _metric(one: "MetricPair") -> Row:
    tone = {"b": Tone.OK, "a": Tone.WARN}.get(one.better, Tone.PLAIN)
    word = {"b": "better", "a": "worse"}.get(one.better, "")
    if word and one.within:
        word, tone = f"{word}, within chance", Tone.MUTED
    said = formats.NOTHING
    if one.difference is not None:
        said = "=" if not one.difference else f"{'▲' if one.difference > 0 else '▼'} {one.difference:+.4g}"
    direction = {True: "more", False: "less", None: ""}[one.more_is_better]
    cells = {
        "name": cell(formats.clean(one.name)),
        "a": cell(_figure(one.a)),
        "b": cell(_figure(one.b)),
        "change": Cell((Span(said, tone),), order=one.difference),
        "verdict": cell(word, tone),
        "direction": cell(direction, Tone.MUTED),
    }
    return Row(one.name, cells)


def _figure(value: float | None) -> str:
    return formats.NOTHING if value is None else f"{value:.6g}"


def parameters(found: "Comparison") -> PanelView:
    """Those that differ first."""
    differ = sum(not one.same for one in found.parameters)
    status = (Span(f"{differ} of {len(found.parameters)} differ", Tone.WARN if differ else Tone.MUTED),)
    columns = (
        Column("name", "parameter", 1, 14, 30),
        Column("a", _short(found, first=True), 1, 10, 40),
        Column("b", _short(found, first=False), 1, 10, 40),
        Column("same", "", 1, 7),
    )
    rows = tuple(_text(one) for one in sorted(found.parameters, key=lambda one: one.same))
    return PanelView("Parameters", status, columns=columns, rows=rows)


def _text(one: "TextPair") -> Row:
    tone = Tone.MUTED if one.same else Tone.PLAIN
    cells = {
        "name": cell(formats.clean(one.name), tone),
        "a": cell(formats.clean(one.a) if one.a is not None else formats.NOTHING, tone),
        "b": cell(formats.clean(one.b) if one.b is not None else formats.NOTHING, tone),
        "same": cell(one.word, Tone.MUTED if one.same else Tone.WARN),
    }
    return Row(one.name, cells)


def facts(found: "Comparison") -> PanelView:
    """What both came from, whole, and what the figures don't prove."""
    lines: list[Line] = []
    for one in found.facts:
        tone = Tone.MUTED if one.same else Tone.WARN
        lines.append((Span(f"{_LABELS.get(one.name, one.name)}  ", Tone.STRONG), Span(one.word, tone)))
        shown = ((one.a,) if one.a else ()) if one.same else (one.a, one.b)
        names = ("both",)[: len(shown)] if one.same else (found.a.name, found.b.name)
        lines += [
            (Span(f"  {formats.clean(name)}  ", Tone.MUTED), Span(formats.clean(value or formats.NOTHING)))
            for name, value in zip(names, shown, strict=True)
        ]
    if found.cautions:
        lines += heading("To mind")
        lines += [(Span("▲ ", Tone.WARN), Span(formats.clean(caution))) for caution in found.cautions]
    return PanelView("Data and code", lines=tuple(lines))
