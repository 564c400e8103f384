"""Judges what a person's own file says: nothing unknown, nothing of the wrong kind passes."""

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

from textual.theme import BUILTIN_THEMES

from lab.screen.textual_private import key_written
from lab.screen.themes import OWN
from lab.screen.user.fields import COMMAND, LAYOUT, NEEDED, PANEL, PANELS, TOP, Field
from lab.screen.user.placeholders import check as check_placeholders
from lab.screen.user.user_config import Output, OwnCommand, PanelConfig, UserConfig
from lab.views import COLUMNS
from lab.views.formats import clean
from lab.views.sorting import Order

Place = tuple[str | int, ...]
# Keys that must go on doing what they do, whatever a person sets: leaving, and going round with the keyboard.
RESERVED = ("ctrl+c", "ctrl+q", "ctrl+z", "tab", "shift+tab")
# What terminals send for another key; nobody can tell them apart.
SAME = {"ctrl+i": "tab", "ctrl+m": "enter", "ctrl+left_square_bracket": "escape", "ctrl+j": "enter"}
MOST_COMMANDS, MOST_ARGUMENTS, LONGEST_TITLE = 50, 100, 60
# The column that tells the rows of each panel apart.
IDENTITY = {"services": "name", "runs": "run", "models": "version", "audit": "action", "drift": "name"}
_TYPES: Mapping[str, type] = {"string": str, "boolean": bool, "integer": int, "table": dict, "tables": list}


class Wrong(Exception):
    """Something in the file; `place` are the keys and indexes that lead to it, `remedy` says what is allowed."""

    def __init__(self, place: Place, said: str, remedy: str) -> None:
        super().__init__(said)
        self.place, self.said, self.remedy = place, said, remedy


def judge(raw: Mapping[str, Any]) -> UserConfig:
    """The configuration in `raw`, as tomllib reads it. Raises Wrong.

    Whether keys have these names and clash is another question: `key_places.judge_keys`.
    """
    top = _fields(raw, (), TOP)
    themes = sorted({*BUILTIN_THEMES, *(theme.name for theme in OWN)})
    if top.get("theme") not in {None, *themes}:
        raise Wrong(("theme",), f"there is no theme {_shown(top['theme'])}", f"Known are: {', '.join(themes)}.")
    layout = _fields(top.get("layout", {}), ("layout",), LAYOUT)
    left, right = tuple(layout.get("left", ())), tuple(layout.get("right", ()))
    _judge_layout(layout, left, right)
    panels = _fields(top.get("panels", {}), ("panels",), dict.fromkeys(PANELS, Field("table", "")))
    return UserConfig(
        theme=top.get("theme", ""),
        bell=top.get("bell"),
        start=top.get("start", ""),
        left=left,
        right=right,
        widths=tuple(layout.get("widths", ())),
        panels={name: _panel(name, said) for name, said in panels.items()},
        keys=_keys(top.get("keys", {})),
        commands=_commands(top.get("command", [])),
    )


def _fields(raw: object, place: Place, known: Mapping[str, Field]) -> dict[str, Any]:
    """The table at `place`, each of its fields of its kind."""
    if not isinstance(raw, dict):
        raise Wrong(place, f"{_shown(raw)} is no table", f"Write [{'.'.join(map(str, place))}] and its fields below.")
    for name, value in raw.items():
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            hint = f"Did you mean {near[0]}? " if near else ""
            raise Wrong((*place, name), "there is no such field", f"{hint}Known are: {', '.join(known)}.")
        _judge_kind(value, (*place, name), known[name])
    return raw


def _judge_kind(value: object, place: Place, field: Field) -> None:
    kind = field.kind.removesuffix("[]")
    items: Sequence[object] = [value]
    if field.kind.endswith("[]"):
        if not isinstance(value, list):
            raise Wrong(place, f"{_shown(value)} is no list", f"It is: {field.help}.")
        items = value
    for item in items:
        # To Python a boolean is an integer; to a person it isn't.
        if not isinstance(item, _TYPES[kind]) or (kind == "integer" and isinstance(item, bool)):
            raise Wrong(place, f"{_shown(item)} is no {kind}", f"It is: {field.help}.")
        if field.words and item not in field.words:
            near = difflib.get_close_matches(str(item), field.words, 1)
            hint = f"Did you mean {near[0]}? " if near else ""
            raise Wrong(place, f"{_shown(item)} is unknown", f"{hint}Use {', '.join(field.words)}.")


def _judge_layout(layout: Mapping[str, Any], left: Sequence[str], right: Sequence[str]) -> None:
    place = ("layout",)
    if twice := next((name for name in PANELS if [*left, *right].count(name) > 1), ""):
        raise Wrong(place, f"{twice} is there twice", "Name each panel once, on the left or on the right.")
    if ("left" in layout or "right" in layout) and not (left or right):
        raise Wrong(place, "no panel is left", "Name at least one.")
    widths = layout.get("widths", [1, 1])
    if len(widths) != 2 or not all(1 <= one <= 100 for one in widths):
        raise Wrong((*place, "widths"), f"{_shown(widths)} isn't two shares", "Give two numbers from 1 to 100: [5, 4].")


def _panel(name: str, raw: object) -> PanelConfig:
    place = ("panels", name)
    said = _fields(raw, place, PANEL)
    columns, known = tuple(said.get("columns", ())), [column.key for column in COLUMNS[name]]
    for column in columns:
        _judge_column((*place, "columns"), column, known)
    if len(set(columns)) < len(columns):
        raise Wrong((*place, "columns"), "one column is there twice", "Name each once.")
    if columns and IDENTITY[name] not in columns:
        remedy = f"Add it: the columns of this panel are {', '.join(known)}."
        raise Wrong((*place, "columns"), f"{IDENTITY[name]!r} is missing, which tells the rows apart", remedy)
    for field, least, most in (("height", 3, 100), ("share", 1, 100)):
        if field in said and not least <= said[field] <= most:
            raise Wrong((*place, field), f"{said[field]} is out of range", f"It is: {PANEL[field].help}.")
    if "height" in said and "share" in said:
        raise Wrong((*place, "share"), "the panel has a height already", "Give one of height and share.")
    sort, order = said.get("sort", ""), None
    if sort:
        _judge_column((*place, "sort"), sort.removeprefix("-"), known)
        order = Order(sort.removeprefix("-"), sort.startswith("-"))
    return PanelConfig(columns, order, said.get("height", 0), said.get("share", 0))


def _judge_column(place: Place, name: str, known: Sequence[str]) -> None:
    if name not in known:
        near = difflib.get_close_matches(name, known, 1)
        hint = f"Did you mean {near[0]}? " if near else ""
        raise Wrong(place, f"there is no column {_shown(name)}", f"{hint}The columns are {', '.join(known)}.")


def _keys(raw: Mapping[str, object]) -> dict[str, str]:
    found = {}
    for name, value in raw.items():
        place = ("keys", name)
        listed = value if isinstance(value, list) else [value]
        if not listed or not all(isinstance(one, str) for one in listed):
            raise Wrong(place, f"{_shown(value)} is no key", 'Write a key as "f5" or "ctrl+r", or several in a list.')
        found[name] = ",".join(_key(str(one), place) for one in listed)
    return found


def _key(text: str, place: Place) -> str:
    """The key as Textual calls it. Raises Wrong for what no terminal sends, and what must stay what it is."""
    key = key_written(text)
    if key is None:
        remedy = 'Write it as "x", "X", "f5", "ctrl+r", "alt+x", "space" or "pagedown".'
        raise Wrong(place, f"{_shown(text)} is no key", remedy)
    if SAME.get(key, key) in RESERVED:
        raise Wrong(place, f"{text!r} always does the same on every screen", "Take another key.")
    return SAME.get(key, key)


def _commands(raw: Sequence[object]) -> tuple[OwnCommand, ...]:
    if len(raw) > MOST_COMMANDS:
        raise Wrong(("command",), f"there are {len(raw)} commands", f"At most {MOST_COMMANDS} are taken.")
    return tuple(_command(one, ("command", number)) for number, one in enumerate(raw))


def _command(raw: object, place: Place) -> OwnCommand:
    said = _fields(raw, place, COMMAND)
    if missing := next((name for name in NEEDED if not said.get(name)), ""):
        raise Wrong(place, f"{missing} is missing", f"It is: {COMMAND[missing].help}.")
    title, argv, panel = clean(said["title"]), tuple(said["argv"]), said.get("panel", "")
    if not title or len(title) > LONGEST_TITLE:
        raise Wrong((*place, "title"), f"{_shown(title)} is no title", f"Give 1 to {LONGEST_TITLE} characters.")
    if len(argv) > MOST_ARGUMENTS or any("\0" in one for one in argv):
        raise Wrong((*place, "argv"), "this is no command line", f"Give at most {MOST_ARGUMENTS} words of plain text.")
    for number, word in enumerate(argv):
        if problem := check_placeholders(word, panel, program=number == 0):
            raise Wrong((*place, "argv"), *problem)
    return OwnCommand(
        _key(said["key"], (*place, "key")),
        title,
        argv,
        panel,
        said.get("confirm", True),
        said.get("changes", True),
        Output(said.get("output", Output.SCREEN)),
    )


def _shown(value: object) -> str:
    """A value as it stands in a sentence; a long one is cut."""
    text = clean(repr(value))
    return text if len(text) <= LONGEST_TITLE else text[: LONGEST_TITLE - 1] + "…"
