"""How keys are called on screen and in the documentation."""

from collections.abc import Iterable

_NAMES = {
    "question_mark": "?",
    "exclamation_mark": "!",
    "slash": "/",
    "minus": "-",
    "plus": "+",
    "equals_sign": "=",
    "backspace": "bksp",
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
    "greater_than_sign": ">",
    "less_than_sign": "<",
    "comma": ",",
    "full_stop": ".",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "shift+left": "⇧←",
    "shift+right": "⇧→",
    "ctrl+left": "^←",
    "ctrl+right": "^→",
}


def spell(keys: Iterable[str]) -> Iterable[str]:
    """How keys are called on screen."""
    return (_NAMES.get(key, key.replace("ctrl+", "^")) for key in keys)


def key_spelled(key: str) -> str:
    """One key."""
    return next(iter(spell([key])))
