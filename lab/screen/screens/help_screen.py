"""The keys that work where the focus is, read off the bindings, so that help can't drift from what the keys do."""

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.dom import DOMNode
from textual.screen import ModalScreen, Screen
from textual.widgets import Static

from lab.screen.key_spelling import spell
from lab.screen.screens.main_screen import MainScreen
from lab.screen.textual_private import parsed_action
from lab.screen.widgets.paint import paragraphs
from lab.views.cells import Line, Span, Tone, pad

Keys = Sequence[tuple[str, str]]
_LEAST_KEYS = 10
GLYPHS = (
    ("●", Tone.OK, "up, stable, done"),
    ("◐", Tone.WARN, "starting, pending, in progress"),
    ("▲", Tone.WARN, "degraded, moderate, alert"),
    ("✗", Tone.BAD, "down, failed, drifted"),
    ("⊘", Tone.WARN, "blocked, refused"),
    ("■", Tone.WARN, "canceled, aborted, stopped"),
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
        here = self._groups[:1]
        return [line for group in here for line in _group(*group, _room(here))]

    def _elsewhere(self) -> list[Line]:
        room = _room(self._groups[1:])
        others = [line for group in self._groups[1:] for line in _group(*group, room)]
        shapes = [(*pad((Span(glyph, tone),), room), Span(meaning)) for glyph, tone, meaning in GLYPHS]
        return [*others, (Span("Shapes", Tone.ACCENT),), *shapes]


def _room(groups: Sequence[tuple[str, Keys]]) -> int:
    """As much as the longest of the keys takes that stand under each other."""
    return max([_LEAST_KEYS, *(len(key) for _, keys in groups for key, _ in keys)]) + 1


def _group(title: str, keys: Keys, room: int) -> list[Line]:
    lines = [(*pad((Span(key, Tone.STRONG),), room), Span(meaning)) for key, meaning in keys]
    return [(Span(title, Tone.ACCENT),), *lines, ()]


Entry = tuple[str, str]


def open_help(app: "App[Any]") -> None:
    """The keys of the place where the focus is, unless they are shown already."""
    if not isinstance(app.screen, HelpScreen):
        app.push_screen(HelpScreen(*groups_for(app.screen)))


def groups_for(screen: Screen[object]) -> tuple[str, list[tuple[str, list[Entry]]]]:
    """A title and the keys by where they come from, nearest first; a key that doesn't work now isn't there."""
    place = screen.focused
    panel = screen.focused_panel if isinstance(screen, MainScreen) else None
    near = [*_keys(panel), *_keys(panel.rows)] if panel else [key for node in _around(place) for key in _keys(node)]
    name = str(panel.border_title).lstrip("0123456789 ") if panel else "here"
    groups = [(f"In {panel.id}" if panel else "Here", near)] if near else []
    tabbing = [("tab ⇧tab", "Next panel, previous")] if panel else []
    groups.append(("On this screen", [*_keys(screen), *tabbing]))
    everywhere = [*_keys(screen.app)]
    groups.append(("Everywhere", everywhere))
    return (f"Keys · {name}" if panel else "Keys"), groups


def _around(place: DOMNode | None) -> Iterator[DOMNode]:
    """The focused widget and those around it, up to the screen."""
    node = place
    while node is not None and not isinstance(node, Screen):
        yield node
        node = node.parent


def bindings_of(node: DOMNode | None) -> Iterator[Binding]:
    """What the lab's own classes bind on a node, the most special first; a key that doesn't work now is left out."""
    seen: set[str] = set()
    for kind in type(node).__mro__ if node is not None else ():
        if not kind.__module__.startswith("lab."):
            continue
        for binding in vars(kind).get("BINDINGS", ()):
            if isinstance(binding, Binding) and binding.key not in seen and _works(node, binding):
                seen.add(binding.key)
                yield binding


def _works(node: DOMNode | None, binding: Binding) -> bool:
    _, action, parameters = parsed_action(binding.action)
    return node is not None and node.check_action(action, parameters) is True


def _keys(node: DOMNode | None) -> list[Entry]:
    """By what they do: the keys of one action stand together."""
    found: dict[str, dict[str, None]] = {}
    keymap = getattr(node.app, "keys_in_force", {}) if node else {}
    for binding in bindings_of(node):
        spelled = spell(keymap.get(binding.id, binding.key).split(","))
        found.setdefault(binding.description, {}).update(dict.fromkeys(spelled))
    return [(" ".join(keys), meaning) for meaning, keys in found.items()]
