"""The keys that work where the focus is."""

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from lab.tui.cells import Line, Span, Tone, pad
from lab.tui.widgets.paint import paragraphs

Keys = Sequence[tuple[str, str]]
_KEYS = 10
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

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,question_mark,q,enter", "dismiss(None)", "Back"),
        Binding("down,j", "scroll(1)", "Down", show=False),
        Binding("up,k", "scroll(-1)", "Up", show=False),
        Binding("pagedown,space", "scroll(15)", "Page down", show=False),
        Binding("pageup", "scroll(-15)", "Page up", show=False),
    ]

    def __init__(self, title: str, groups: Sequence[tuple[str, Keys]]) -> None:
        super().__init__()
        self._groups = groups
        self._title = title

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="help"), Horizontal(id="help-columns"):
            yield Static(paragraphs(self._here()), markup=False)
            yield Static(paragraphs(self._elsewhere()), markup=False)

    def on_mount(self) -> None:
        box = self.query_one("#help", VerticalScroll)
        box.border_title = self._title
        box.border_subtitle = "esc closes"

    def action_scroll(self, lines: int) -> None:
        self.query_one("#help").scroll_relative(y=lines, animate=False)

    def _here(self) -> list[Line]:
        return [line for group in self._groups[:1] for line in _group(*group)]

    def _elsewhere(self) -> list[Line]:
        others = [line for group in self._groups[1:] for line in _group(*group)]
        shapes = [(*pad((Span(glyph, tone),), _KEYS), Span(meaning)) for glyph, tone, meaning in GLYPHS]
        return [*others, (Span("Shapes", Tone.ACCENT),), *shapes]


def _group(title: str, keys: Keys) -> list[Line]:
    lines = [(*pad((Span(key, Tone.STRONG),), _KEYS), Span(" "), Span(meaning)) for key, meaning in keys]
    return [(Span(title, Tone.ACCENT),), *lines, ()]
