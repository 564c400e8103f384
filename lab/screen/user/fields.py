"""The fields of a person's own file: names, kinds and words, for the judge, the JSON Schema and the documentation."""

from collections.abc import Mapping
from typing import Any, NamedTuple


class Field(NamedTuple):
    """`kind` is the JSON type, or that of a list's items followed by `[]`; `words` are all that is allowed, if few."""

    kind: str
    help: str
    words: tuple[str, ...] = ()


PANELS = ("services", "runs", "models", "audit", "drift")
OUTPUTS = ("screen", "terminal", "none")

TOP: Mapping[str, Field] = {
    "theme": Field("string", "colours at the start, by name; the palette lists them"),
    "bell": Field("boolean", "whether notices ring"),
    "start": Field("string", "panel that has the focus at the start", PANELS),
    "layout": Field("table", "which panels stand where"),
    "panels": Field("table", "a table for each panel: panels.services, panels.runs …"),
    "keys": Field("table", 'keys by what help calls them: refresh = "f5", down = ["down", "ctrl+n"]'),
    "command": Field("tables", "commands of your own, each in a [[command]]"),
}
LAYOUT: Mapping[str, Field] = {
    "left": Field("string[]", "panels of the left column, from above", PANELS),
    "right": Field("string[]", "panels of the right column; what is in neither is shown alone, by its number", PANELS),
    "widths": Field("integer[]", "shares of left and right from 110 columns on: [5, 4]"),
}
PANEL: Mapping[str, Field] = {
    "columns": Field("string[]", "columns from the left; the last ones go first where there is no room"),
    "sort": Field("string", "column to sort by at the start; - in front: the greatest first"),
    "height": Field("integer", "height in lines, frame included, 3 to 100"),
    "share": Field("integer", "instead: share of the room that is left, 1 to 100"),
}
COMMAND: Mapping[str, Field] = {
    "key": Field("string", "key that runs it"),
    "title": Field("string", "what it does, for help, palette and the question"),
    "argv": Field("string[]", "program and arguments; {placeholders} become one argument each, never a shell's text"),
    "panel": Field("string", "panel whose row it is about; left out: the whole lab", PANELS),
    "confirm": Field("boolean", "ask before it runs (default: true)"),
    "changes": Field("boolean", "whether it changes something; if not, --readonly offers it, too (default: true)"),
    "output": Field("string", "screen: shown here; terminal: it gets the terminal; none: a notice at its end", OUTPUTS),
}
NEEDED = ("key", "title", "argv")


def schema() -> dict[str, Any]:
    """JSON Schema of the file, for editors."""
    keys = {"oneOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]}
    tables = {
        "layout": _table(LAYOUT),
        "panels": {
            "type": "object",
            "properties": {name: _table(PANEL) for name in PANELS},
            "additionalProperties": False,
        },
        "keys": {"type": "object", "additionalProperties": keys},
        "command": {"type": "array", "items": {**_table(COMMAND), "required": list(NEEDED)}},
    }
    top = _table(TOP)
    for name, table in tables.items():
        top["properties"][name] = {**table, "description": TOP[name].help}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "screen.toml of mlops-lab", **top}


def _table(fields: Mapping[str, Field]) -> dict[str, Any]:
    properties = {name: _property(field) for name, field in fields.items() if not field.kind.startswith("table")}
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _property(field: Field) -> dict[str, Any]:
    kind = field.kind.removesuffix("[]")
    item: dict[str, Any] = {"type": kind, **({"enum": list(field.words)} if field.words else {})}
    found = {"type": "array", "items": item} if field.kind.endswith("[]") else item
    return {**found, "description": field.help}
