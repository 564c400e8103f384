"""One snapshot as text: the screen's panels, one under the other."""

from datetime import datetime

from rich.console import Console
from rich.text import Text

from lab.observe.snapshot import Snapshot
from lab.views import PARTS, View, banner, title_line
from lab.views.cells import Line, PanelView, Span, Tone, clip, fit, headings, lay_out
from lab.views.folding import folded
from lab.views.needs import needs

# Without a terminal nobody is there to widen the window: everything that a wide one shows.
PIPED_WIDTH = 180
MOST_ROWS = 25
STYLES: dict[Tone, str] = {
    Tone.PLAIN: "",
    Tone.STRONG: "bold",
    Tone.MUTED: "dim",
    Tone.ACCENT: "cyan",
    Tone.OK: "green",
    Tone.WARN: "yellow",
    Tone.BAD: "bold red",
}


class _Console(Console):
    """Leaves a closed pipe to the caller; rich would end the process."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


def print_snapshot(snapshot: Snapshot, now: datetime | None = None, console: Console | None = None) -> None:
    """Prints every part of `snapshot` as it stands at `now` (default: this moment)."""
    out = console or _Console(highlight=False)
    width = out.width if out.is_terminal else PIPED_WIDTH
    view = View(snapshot, now or datetime.now().astimezone())
    for line in text_lines(view, width):
        out.print(_text(line), soft_wrap=True)


def text_lines(view: View, width: int) -> list[Line]:
    """The whole snapshot as lines of `width` cells."""
    lines: list[Line] = [title_line(view, width)]
    if warning := banner(view, screen=False):
        lines.append(warning)
    if found := needs(view):
        lines += [(), (Span(f"NEEDS YOU  {len(found)}", Tone.STRONG),)]
        lines += [clip(_indented((Span(f"{need.glyph} ", need.tone), Span(need.said))), width) for need in found]
    for part in PARTS.values():
        lines += [(), *_panel(part.panel(view), width)]
    return [_trimmed(line) for line in lines]


def _panel(panel: PanelView, width: int) -> list[Line]:
    title: Line = (Span(panel.title.upper(), Tone.STRONG), Span("  "), *panel.status)
    lines: list[Line] = [title, *(_indented(line) for line in panel.lines)]
    if not panel.rows:
        return [*lines, *(_indented(line) for line in panel.message)]
    rows = folded(panel.rows, {row.key for row in panel.rows})
    fitted = fit(panel.columns, rows, width - 2)
    shown = [_indented(lay_out(row, fitted)) for row in rows[:MOST_ROWS]]
    left = len(rows) - len(shown)
    rest: list[Line] = [(Span(f"  … and {left} more: --json has them all", Tone.MUTED),)] if left else []
    return [*lines, _indented(headings(fitted)), *shown, *rest]


def _indented(line: Line) -> Line:
    return (Span("  "), *line)


def _trimmed(line: Line) -> Line:
    """Without blanks at the end."""
    spans = list(line)
    while spans and not spans[-1].text.strip():
        spans.pop()
    if spans:
        spans[-1] = Span(spans[-1].text.rstrip(), spans[-1].tone)
    return tuple(spans)


def _text(line: Line) -> Text:
    return Text.assemble(*((span.text, STYLES[span.tone]) for span in line), no_wrap=True)
