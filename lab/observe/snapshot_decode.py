"""A snapshot from JSON: the way back from `lab.observe.snapshot_json`, strict on version and types.

Fields that are unknown are left out and fields with a default may be missing, so that a reader survives what a later
version of the same schema adds.
"""

import math
import typing
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Any

from lab.base.errors import LabError
from lab.observe.snapshot import READABLE_SCHEMAS, SCHEMA_VERSION, Snapshot

Decode = Callable[[Any], Any]


class SnapshotInvalid(LabError):
    """A document isn't a snapshot, or one of another schema version."""


class _Wrong(ValueError):
    """What is wrong; the place is put together on the way out."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why, self.place = why, ""

    def inside(self, step: str) -> "_Wrong":
        self.place = step + self.place
        return self


def snapshot_from_json(document: Any) -> Snapshot:
    """The snapshot that `snapshot_json` made `document` of; null for a number becomes NaN. Raises SnapshotInvalid."""
    version = document.get("schema") if isinstance(document, dict) else None
    if type(version) is not int or "taken_at" not in document:
        raise SnapshotInvalid("This is no snapshot of a lab.", "Make one with `mlops-lab --once --json`.")
    if version not in READABLE_SCHEMAS:
        age = "newer" if version > SCHEMA_VERSION else "older"
        raise SnapshotInvalid(
            f"This snapshot has schema {version}, which is {age} than the {SCHEMA_VERSION} that is read here.",
            "Update mlops-lab." if version > SCHEMA_VERSION else "Read it with the version that made it.",
        )
    drift = document.get("drift")
    snapshot: Snapshot = decode(Snapshot, {**document, "drift": in_todays_form(drift)} if drift else document)
    return snapshot


def in_todays_form(drift: Any) -> Any:
    """The part `drift` of a document; in schema 1 it held the report of the one model that there was."""
    if isinstance(drift, dict) and isinstance(drift.get("value"), dict):
        return {**drift, "value": [drift["value"]]}
    return drift


def decode(kind: Any, document: Any) -> Any:
    """`document` as a value of the type `kind`. Raises SnapshotInvalid that names the place."""
    try:
        return _decoder(kind)(document)
    except _Wrong as err:
        place = err.place.lstrip(".") or "the document"
        raise SnapshotInvalid(f"This is no snapshot of a lab: {place} {err.why}.") from None
    except RecursionError:
        raise SnapshotInvalid("This is no snapshot of a lab: it is nested too deeply.") from None


@cache
def _decoder(kind: Any) -> Decode:
    """How a type is read, worked out once per type."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if kind is Any:
        return lambda value: value
    if origin in {typing.Union, UnionType}:
        (inner,) = (_decoder(one) for one in arguments if one is not NoneType)
        return lambda value: None if value is None else inner(value)
    if origin is tuple:
        return _items(_decoder(arguments[0]))
    if origin is Mapping:
        return _members(_decoder(arguments[1]))
    if is_dataclass(origin or kind):
        return _record(kind)
    if issubclass(kind, Enum):
        return _choice(kind)
    if kind is bytes:
        text = _exact(str)
        return lambda value: text(value).encode()
    return _float if kind is float else _exact(kind)


def _items(inner: Decode) -> Decode:
    def read(value: Any) -> tuple[Any, ...]:
        if not isinstance(value, list):
            raise _Wrong("is no list")
        found = []
        for index, item in enumerate(value):
            try:
                found.append(inner(item))
            except _Wrong as err:
                raise err.inside(f"[{index}]") from None
        return tuple(found)

    return read


def _members(inner: Decode) -> Decode:
    def read(value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise _Wrong("is no object")
        return {name: inner(item) for name, item in value.items()}

    return read


def _record(kind: Any) -> Decode:
    made = typing.get_origin(kind) or kind
    given = dict(zip(getattr(made, "__parameters__", ()), typing.get_args(kind), strict=True))
    types = field_types(made, given)
    readers = tuple((name, _decoder(hint)) for name, hint in types.items())
    needed = {f.name for f in fields(made) if f.default is MISSING and f.default_factory is MISSING}

    def read(value: Any) -> Any:
        if not isinstance(value, dict):
            raise _Wrong("is no object")
        found = {}
        for name, reader in readers:
            if name in value:
                try:
                    found[name] = reader(value[name])
                except _Wrong as err:
                    raise err.inside(f".{name}") from None
            elif name in needed:
                raise _Wrong(f"has no {name}")
        return made(**found)

    return read


def field_types(made: Any, given: Mapping[Any, Any]) -> dict[str, Any]:
    """The fields of a dataclass and their types, with its type parameters as in `given`."""
    hints = typing.get_type_hints(made)
    names = (f.name for f in fields(made))
    return {name: _filled(hints[name], given) for name in names}


def _filled(hint: Any, given: Mapping[Any, Any]) -> Any:
    open_ones = getattr(hint, "__parameters__", ())
    return hint[tuple(given[one] for one in open_ones)] if open_ones else hint


def _choice(kind: type[Enum]) -> Decode:
    known = {member.value: member for member in kind}

    def read(value: Any) -> Enum:
        if type(value) not in {str, int} or value not in known:
            raise _Wrong(f"is {value!r:.40}, none of {', '.join(map(str, known))}")
        return known[value]

    return read


def _float(value: Any) -> float:
    if value is None:
        return math.nan
    if type(value) is float:
        return value
    if type(value) is not int:
        raise _Wrong("is no number")
    try:
        return float(value)
    except OverflowError:
        raise _Wrong("is too great a number") from None


def _exact(kind: type) -> Decode:
    word = {str: "text", int: "integer", bool: "boolean"}[kind]

    def read(value: Any) -> Any:
        if type(value) is not kind:
            raise _Wrong(f"is no {word}")
        return value

    return read
