"""The keys that work where the focus is."""

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from lab.tui.cells import Line, Span, Tone, pad
from lab.tui.widgets.paint import paragraphs

Keys = Sequence[tuple[str, str]]
GLYPHS = (
    ("●", Tone.OK, "up, stable, done"),
    ("◐", Tone.WARN, "starting, pending, in progress"),
    ("▲", Tone.WARN, "degraded, moderate, alert"),
    ("✗", Tone.BAD, "down, failed, drifted"),
    ("○", Tone.MUTED, "absent, skipped, not begun"),
    ("★", Tone.OK, "promoted, approved for prod"),
)


class HelpScreen(ModalScreen[None]):
    """A list of keys by group, and what the shapes mean."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,question_mark,q,enter", "dismiss(None)", "Back")]

    def __init__(self, title: str, groups: Sequence[tuple[str, Keys]]) -> None:
        super().__init__()
        self._groups = groups
        self._title = title

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="help"):
            yield Static(paragraphs(self._lines()), markup=False)

    def on_mount(self) -> None:
        box = self.query_one("#help", VerticalScroll)
        box.border_title = self._title
        box.border_subtitle = "esc closes"

    def _lines(self) -> list[Line]:
        lines: list[Line] = []
        for title, keys in self._groups:
            lines += [(Span(title, Tone.ACCENT),)]
            lines += [(*pad((Span(key, Tone.STRONG),), 16), Span(meaning)) for key, meaning in keys]
            lines += [()]
        lines += [(Span("Shapes", Tone.ACCENT),)]
        return lines + [(*pad((Span(glyph, tone),), 16), Span(meaning)) for glyph, tone, meaning in GLYPHS]
