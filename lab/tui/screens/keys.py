"""The help screen's content: read off the bindings, so that it can't drift from what the keys do."""

from collections.abc import Iterable, Iterator

from textual.actions import parse
from textual.binding import Binding
from textual.dom import DOMNode
from textual.screen import Screen

from lab.tui.screens.main import MainScreen

_NAMES = {
    "question_mark": "?",
    "slash": "/",
    "colon": ":",
    "space": "space",
    "pagedown": "pgdn",
    "pageup": "pgup",
    "escape": "esc",
    "up": "↑",
    "down": "↓",
    "left": "←",
    "right": "→",
    "enter": "⏎",
    "tab": "tab",
    "shift+tab": "⇧tab",
    "home": "home",
    "ctrl+p": "^p",
    "comma": ",",
    "full_stop": ".",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "shift+left": "⇧←",
    "shift+right": "⇧→",
    "ctrl+left": "^←",
    "ctrl+right": "^→",
}
Entry = tuple[str, str]


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
    _, action, parameters = parse(binding.action)
    return node is not None and node.check_action(action, parameters) is True


def _keys(node: DOMNode | None) -> list[Entry]:
    """By what they do: the keys of one action stand together."""
    found: dict[str, str] = {}
    for binding in bindings_of(node):
        spelled = " ".join(spell(binding.key.split(",")))
        before = found.get(binding.description)
        found[binding.description] = f"{before} {spelled}" if before else spelled
    return [(keys, meaning) for meaning, keys in found.items()]


def spell(keys: Iterable[str]) -> Iterable[str]:
    """How keys are called on screen."""
    return (_NAMES.get(key, key.replace("ctrl+", "^")) for key in keys)
