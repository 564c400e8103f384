"""What the screen uses of Textual beyond its documentation, which no release promises to keep.

tests/test_private_interfaces.py says what a new release took away.
"""

from typing import Any

from textual.actions import parse
from textual.app import App
from textual.keys import Keys, _character_to_key, key_to_character


def style_with_theme(app: App[None]) -> None:
    """Tells the style sheet the colours of the app's theme before it is read: nothing has to be styled again later."""
    app.stylesheet.set_variables(app.get_css_variables())


def style_too(app: App[None], css: str) -> None:
    """Adds rules to the app's own, before anything is styled."""
    app.stylesheet.add_source(css, ("the user's configuration", ""), is_default_css=False)


def parsed_action(action: str) -> tuple[str, str, tuple[Any, ...]]:
    """Namespace, name and parameters of an action such as `app.go_to('runs')`."""
    return parse(action)


_NAMED = frozenset(str(key.value) for key in Keys)
_MODIFIERS = ("ctrl", "alt", "shift", "super")


def key_written(text: str) -> str | None:
    """What Textual calls the key that a person writes as `?`, `ctrl+r` or `f5`; None for what is no key."""
    if not text.isprintable() or not text:
        return None
    *modifiers, base = text.split("+") if len(text) > 1 and not text.endswith("+") else [text]
    if len(modifiers) != len(set(modifiers)) or not set(modifiers) <= set(_MODIFIERS):
        return None
    if len(base) == 1:
        # A terminal sends the capital letter instead.
        if "shift" in modifiers:
            return None
        base = _character_to_key(base.lower() if "ctrl" in modifiers else base)
    elif base not in _NAMED and key_to_character(base) is None:
        return None
    return "+".join([*sorted(modifiers), base])
