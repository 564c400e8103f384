"""The help screen's content: read off the bindings, so that it can't drift from what the keys do."""

from collections.abc import Iterable

from textual.binding import Binding
from textual.dom import DOMNode
from textual.screen import Screen

from lab.tui.screens.main import MainScreen

_NAMES = {"question_mark": "?", "slash": "/", "pagedown": "pgdn", "pageup": "pgup", "escape": "esc", "ctrl+p": "^p"}


def groups_for(screen: Screen[object]) -> tuple[str, list[tuple[str, list[tuple[str, str]]]]]:
    """A title and the keys by where they come from, nearest first."""
    panel = screen.focused_panel if isinstance(screen, MainScreen) else None
    groups = []
    if panel:
        groups.append((f"In {panel.id}", [*_keys(panel.rows), *_keys(panel)]))
    groups.append(("On this screen", [*_keys(screen), ("tab", "Next panel")] if panel else _keys(screen)))
    groups.append(("Everywhere", [*_keys(screen.app), ("^p", "Palette")]))
    return f"Keys · {panel.id}" if panel else "Keys", groups


def _keys(node: DOMNode) -> list[tuple[str, str]]:
    own = type(node).BINDINGS
    return [_entry(binding) for binding in own if isinstance(binding, Binding)]


def _entry(binding: Binding) -> tuple[str, str]:
    return " ".join(_spell(binding.key.split(","))), binding.description


def _spell(keys: Iterable[str]) -> Iterable[str]:
    return (_NAMES.get(key, key.replace("ctrl+", "^")) for key in keys)
