"""Curves in drill-downs: what a service used, how a model version was evaluated."""

from collections.abc import Sequence
from dataclasses import replace

from lab.dashboards.drawing.ink import Lines
from lab.dashboards.drawing.plot import Axes, Curve, plot
from lab.models.evaluation_file import EvaluationFile
from lab.views import View, formats
from lab.views.cells import Line, PanelState, PanelView, Span, Tone, pad, width_of
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


# A curve narrower than this tells little; the matrix then stands below it.
_CURVE, _GAP = 24, 3
_LOOKS = ("accent", "ok", "warn", "bad", "strong")
_SHADES = " ░▒▓█"


def evaluation(found: EvaluationFile, width: int, height: int) -> PanelView:
    """ROC and confusion matrix of a classification, or what a regression predicts against what is true."""
    status = (Span(f"{found.rows:,} held-out rows", Tone.MUTED),)
    if found.pairs:
        lines = scatter(found, width, height)
        return PanelView("Curves", status, lines=tuple(lines))
    matrix = confusion(found, width)
    if not found.roc:
        return PanelView("Curves", status, lines=tuple(matrix))
    left = width - max(map(width_of, matrix)) - _GAP
    if left >= _CURVE:
        curve = roc(found, min(left, width // 2), height)
        return PanelView("Curves", status, lines=tuple(_side_by_side(curve, matrix, min(left, width // 2) + _GAP)))
    # The matrix is what a small window has room for; the curve takes what is left, and scrolls.
    curve = roc(found, width, max(12, height - len(matrix) - 1))
    return PanelView("Curves", status, lines=(*curve, (), *matrix))


def roc(found: EvaluationFile, width: int, height: int, title: str = "") -> list[Line]:
    """Every curve, with its class and area, over the line that chance gives."""
    multi = len(found.roc) > 1 or bool(title)
    own = "ROC, each class against the others" if multi else f"ROC, of class {formats.clean(found.roc[0].label)}"
    lines: list[Line] = [(Span(title or own, Tone.STRONG),)]
    for number, curve in enumerate(found.roc):
        look = _TONES.get(_LOOKS[number % len(_LOOKS)], Tone.ACCENT)
        name = f"{formats.clean(curve.label)}: " if multi else ""
        lines.append((Span("━ ", look), Span(f"{name}AUC {curve.auc:.4f}")))
    curves = [Curve(one.points, _LOOKS[number % len(_LOOKS)]) for number, one in enumerate(found.roc)]
    axes = Axes(0.0, 1.0, 0.0, 1.0)
    room = max(6, min(height - len(lines) - 1, 24))
    # A chance line of dots would look like a curve; its ends say enough where there is little room.
    picture = plot([*curves, Curve(((0.0, 0.0), (1.0, 1.0)), "muted")], axes, min(width, room * 3), room)
    return [*lines, *spans(picture), (Span("false positives → true ↑", Tone.MUTED),)]


def confusion(found: EvaluationFile, width: int) -> list[Line]:
    """Counts and shares of each true class, as wide as fits; the share is the shade."""
    if not found.confusion:
        return [(Span(f"{len(found.labels)} classes are too many for a confusion matrix.", Tone.MUTED),)]
    size = len(found.labels)
    figures = max(len(str(count)) for row in found.confusion for count in row)
    column = max(figures + 7, min(14, max(map(len, found.labels)) + 1))
    label = min(16, max(5, max(len(formats.clean(one)) for one in found.labels)))
    shown = max(1, min(size, (width - label - 1) // column))
    head = [Span(formats.clean(one)[: column - 1].rjust(column)) for one in found.labels[:shown]]
    lines: list[Line] = [
        (Span("Confusion matrix", Tone.STRONG),),
        (Span("true ↓ predicted →", Tone.MUTED),),
        (*pad((), label), *head),
    ]
    for place, row in enumerate(found.confusion):
        whole = sum(row)
        cells = [_share(count, whole, place == at, column) for at, count in enumerate(row[:shown])]
        name = pad((Span(formats.clean(found.labels[place])),), label)
        lines.append((*name, *(span for one in cells for span in one)))
    if shown < size:
        lines.append((Span(f"and {size - shown} more columns: widen the window", Tone.MUTED),))
    right = sum(row[place] for place, row in enumerate(found.confusion))
    total = sum(sum(row) for row in found.confusion)
    share = f"{right / total:.1%}" if total else formats.NOTHING
    return [*lines, (Span(f"{right:,} of {total:,} right: {share}", Tone.MUTED),)]


def _share(count: int, whole: int, right: bool, width: int) -> Line:
    part = count / whole if whole else 0.0
    shade = _SHADES[min(len(_SHADES) - 1, round(part * (len(_SHADES) - 1)))]
    tone = (Tone.OK if right else Tone.WARN) if count else Tone.MUTED
    return (Span(f"{count}".rjust(width - 6)), Span(f" {shade}", tone), Span(f"{part:>4.0%}", Tone.MUTED))


def scatter(found: EvaluationFile, width: int, height: int) -> list[Line]:
    """A dot for each row: true along, predicted upward; on the line is what is right."""
    values = [value for pair in found.pairs for value in pair]
    low, high = min(values), max(values)
    axes = Axes(low, high, low, high, "{:.4g}".format, "{:.4g}".format)
    room = max(6, min(height - 3, 30))
    dots = Curve(found.pairs, "accent", dots=True)
    picture = plot([dots, Curve(((low, low), (high, high)), "muted")], axes, min(width, room * 3), room)
    fewer = f", {len(found.pairs)} of {found.rows:,} rows" if len(found.pairs) < found.rows else ""
    title = (Span("Predicted against true", Tone.STRONG), Span(fewer, Tone.MUTED))
    return [title, *spans(picture), (Span("  true → · ↑ predicted; on the line it is right", Tone.MUTED),)]


def _side_by_side(left: list[Line], right: list[Line], at: int) -> list[Line]:
    count = max(len(left), len(right))
    first = [*left, *[()] * (count - len(left))]
    second = [*right, *[()] * (count - len(right))]
    return [(*pad(a, at), *b) if b else a for a, b in zip(first, second, strict=True)]


def overlaid(both: Sequence[EvaluationFile | str], names: Sequence[str], width: int, height: int) -> PanelView:
    """Two ROC curves in one picture, or two pictures of regressions; what can't be drawn says why."""
    lines: list[Line] = []
    found = [(name, one) for name, one in zip(names, both, strict=True) if isinstance(one, EvaluationFile)]
    for name, one in zip(names, both, strict=True):
        if isinstance(one, str):
            lines.append((Span(f"▲ {name}: ", Tone.WARN), Span(formats.clean(one))))
    binary = [(name, one) for name, one in found if len(one.roc) == 1]
    if len(binary) == len(found) and found:
        merged = replace(binary[0][1], roc=tuple(replace(one.roc[0], label=name) for name, one in binary))
        lines += roc(merged, width, height - len(lines), "ROC")
        return PanelView("Curves", lines=tuple(lines))
    for name, one in found:
        lines += [(Span(name, Tone.ACCENT),), *evaluation(one, width, max(12, height // 2)).lines, ()]
    return PanelView("Curves", lines=tuple(lines))
