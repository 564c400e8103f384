"""The JSON Schemas of what commands print with `--json`, made from the types that they return."""

import ast
import importlib
import inspect
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import UnionType
from typing import Any, get_args, get_origin

from pydantic import TypeAdapter

from lab.commands.command import Command, as_it_is
from lab.commands.json_envelope import SCHEMA, named
from lab.commands.table import SUBCOMMANDS, TASKS

_COMMAND = {"description": "the command that printed it, with dashes on both command lines", "type": "string"}
ENVELOPE: Mapping[str, Any] = {
    "description": "What every object that a command prints begins with; lists have none.",
    "type": "object",
    "properties": {
        "schema": {"const": SCHEMA},
        "command": _COMMAND,
        "ok": {"description": "whether the exit code is 0", "type": "boolean"},
    },
    "required": ["schema", "command", "ok"],
}
REFUSAL: Mapping[str, Any] = {
    "description": "The document of a command that couldn't do what was asked; standard error says the same.",
    "type": "object",
    "properties": {
        "schema": {"const": SCHEMA},
        "command": _COMMAND,
        "ok": {"const": False},
        "error": {
            "type": "object",
            "properties": {
                "kind": {"description": "the kind of error, as NotFound", "type": "string"},
                "message": {"description": "what happened, in a sentence", "type": "string"},
                "remedy": {"description": "what to do next; may be empty", "type": "string"},
            },
            "required": ["kind", "message", "remedy"],
        },
    },
    "required": ["schema", "command", "ok", "error"],
}


def commands() -> dict[str, Command[Any]]:
    """Every command that takes `--json`, by the name that its documents have."""
    return {named(one.name): one for one in (*TASKS, *SUBCOMMANDS) if one.json}


def schemas() -> dict[str, Any]:
    """One document: `$defs` holds the schema of each command under its name, and what these are made of."""
    defs: dict[str, Any] = {"envelope": dict(ENVELOPE), "refusal": dict(REFUSAL)}
    for name, command in commands().items():
        defs[name] = {"anyOf": [_document(name, command, defs), {"$ref": "#/$defs/refusal"}]}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"mlops-lab: documents of --json, schema {SCHEMA}",
        "description": "The schema of a command is under its name in $defs; objects may hold more than is named.",
        "$defs": dict(sorted(defs.items())),
    }


def schema_of(name: str) -> dict[str, Any]:
    """The schema of one command's documents."""
    return {**schemas(), "$ref": f"#/$defs/{name}"}


def _document(name: str, command: Command[Any], defs: dict[str, Any]) -> dict[str, Any]:
    kinds = _alternatives(_returned(command))
    shapes = [_object(name, kind, defs) for kind in kinds]
    return shapes[0] if len(shapes) == 1 else {"anyOf": shapes}


def _alternatives(kind: Any) -> tuple[Any, ...]:
    return get_args(kind) if get_origin(kind) is UnionType else (kind,)


def _object(name: str, kind: Any, defs: dict[str, Any]) -> dict[str, Any]:
    """The schema of one type; what it is made of goes into `defs`."""
    made, parts = _made(kind, "")
    if any(defs.get(part, shape) != shape for part, shape in parts.items()):
        # Two modules may have a class of one name, as the findings of `doctor` and of `reconcile`.
        made, parts = _made(kind, f"{kind.__module__.rpartition('.')[2]}.")
    defs |= parts
    if "$ref" not in made:
        return made
    own: dict[str, Any] = {"properties": {"command": {"const": name}}}
    if hasattr(kind, "succeeded"):
        own = {"properties": {**own["properties"], "succeeded": {"type": "boolean"}}, "required": ["succeeded"]}
    return {"allOf": [own, {"$ref": "#/$defs/envelope"}, made]}


def _made(kind: Any, prefix: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The schema of a list, or where that of an object is; and every part by its name."""
    made = _loosened(TypeAdapter(kind).json_schema(mode="serialization", ref_template=f"#/$defs/{prefix}{{model}}"))
    parts = {f"{prefix}{part}": shape for part, shape in made.pop("$defs", {}).items()}
    if made["type"] != "object":
        return made, parts
    part = f"{prefix}{kind.__name__}"
    return {"$ref": f"#/$defs/{part}"}, {**parts, part: {"description": inspect.getdoc(kind) or "", **made}}


def _loosened(shape: Any) -> Any:
    """Without what says nothing to a reader; a number may be null, which stands for one that isn't finite."""
    if isinstance(shape, list):
        return [_loosened(one) for one in shape]
    if not isinstance(shape, dict):
        return shape
    kept = {key: _loosened(value) for key, value in shape.items() if not (key in {"title", "default"} and _said(value))}
    return {**kept, "type": ["number", "null"]} if kept.get("type") == "number" else kept


def _said(value: object) -> bool:
    """Whether it is the word itself, and not the shape of a field with that name."""
    return not isinstance(value, dict) or "type" not in value


def _returned(command: Command[Any]) -> Any:
    function = command.function if command.document is as_it_is else command.document
    function = inspect.unwrap(function)
    given = inspect.signature(function).return_annotation
    return eval(given, _names(function)) if isinstance(given, str) else given  # noqa: S307 - an annotation of our own


def _names(function: Callable[..., Any]) -> dict[str, Any]:
    """What a module's annotations may name: also what it imports for type checkers alone."""
    module = sys.modules[function.__module__]
    names = dict(vars(module))
    tree = ast.parse(Path(str(module.__file__)).read_text())
    for block in tree.body:
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING":
            for one in block.body:
                if isinstance(one, ast.ImportFrom):
                    found = importlib.import_module(str(one.module))
                    names |= {alias.name: getattr(found, alias.name) for alias in one.names}
    return names
