"""The JSON Schema of a snapshot, made from the dataclasses that are written."""

import inspect
import typing
from collections.abc import Mapping
from dataclasses import is_dataclass
from enum import Enum
from types import NoneType, UnionType
from typing import Any

from lab.observe.snapshot import SCHEMA_VERSION, Health, Snapshot
from lab.observe.snapshot_decode import field_types
from lab.observe.snapshot_json import DERIVED

_WORDS = {str: "string", int: "integer", bool: "boolean"}
_NOT_FINITE = "null stands for a number that isn't finite"


def snapshot_schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of what `snapshot_json` returns; objects may hold more than it names."""
    kinds: dict[str, Any] = {}
    top = _object(Snapshot, kinds)
    properties = {
        "schema": {"const": SCHEMA_VERSION, "description": "version of this schema"},
        "overall": {**_shape(Health, kinds), "description": "the worst that may be said of the services needed"},
        **top["properties"],
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"mlops-lab snapshot, schema {SCHEMA_VERSION}",
        **top,
        "properties": properties,
        "required": list(properties),
        "$defs": dict(sorted(kinds.items())),
    }


def _object(kind: Any, kinds: dict[str, Any]) -> dict[str, Any]:
    made = typing.get_origin(kind) or kind
    given = dict(zip(getattr(made, "__parameters__", ()), typing.get_args(kind), strict=True))
    types = field_types(made, given)
    for name in DERIVED.get(made, ()):
        types[name] = typing.get_type_hints(getattr(made, name).fget)["return"]
    return {
        "description": inspect.getdoc(made) or "",
        "type": "object",
        "properties": {name: _shape(hint, kinds) for name, hint in types.items()},
        "required": list(types),
    }


def _shape(kind: Any, kinds: dict[str, Any]) -> dict[str, Any]:
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if kind is Any:
        return {}
    if origin in {typing.Union, UnionType}:
        (inner,) = (_shape(one, kinds) for one in arguments if one is not NoneType)
        return _or_null(inner)
    if origin is tuple:
        return {"type": "array", "items": _shape(arguments[0], kinds)}
    if origin is Mapping:
        return {"type": "object", "additionalProperties": _shape(arguments[1], kinds)}
    if is_dataclass(origin or kind):
        return _named(_name(kind), kind, kinds)
    if issubclass(kind, Enum):
        kinds[kind.__name__] = {"description": inspect.getdoc(kind) or "", "enum": [m.value for m in kind]}
        return {"$ref": f"#/$defs/{kind.__name__}"}
    return {"type": ["number", "null"], "description": _NOT_FINITE} if kind is float else {"type": _WORDS[kind]}


def _or_null(inner: dict[str, Any]) -> dict[str, Any]:
    if isinstance(inner.get("type"), str):
        return {**inner, "type": [inner["type"], "null"]}
    return {"type": ["number", "null"]} if "type" in inner else {"anyOf": [inner, {"type": "null"}]}


def _named(name: str, kind: Any, kinds: dict[str, Any]) -> dict[str, Any]:
    if name not in kinds:
        kinds[name] = {}
        kinds[name] = _object(kind, kinds)
    return {"$ref": f"#/$defs/{name}"}


def _name(kind: Any) -> str:
    """`Slice[tuple[Alert, ...]]` becomes `Slice.Alerts`."""
    arguments = typing.get_args(kind)
    if not arguments:
        return str(kind.__name__)
    inner = arguments[0]
    many = typing.get_origin(inner) is tuple
    word = typing.get_args(inner)[0].__name__ + "s" if many else inner.__name__
    return f"{typing.get_origin(kind).__name__}.{word}"
