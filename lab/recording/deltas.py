"""Snapshots as the JSON values that a recording holds: what changed between two, and how it is put back. Pure.

What Python calls equal is equal; what didn't change is neither made nor read again.
"""

from dataclasses import replace
from typing import Any, get_origin

from lab.observe.snapshot import Slice, Snapshot
from lab.observe.snapshot_decode import decode, field_types, in_todays_form
from lab.observe.snapshot_json import plain

Change = Any
SAME: Change = {}


def difference(old: Any, new: Any) -> Change:
    """The change that makes `new` of `old`; SAME when there is none."""
    if old is new:
        return SAME
    if isinstance(old, dict) and isinstance(new, dict):
        return _members(old, new)
    if old == new and type(old) is type(new):
        return SAME
    if isinstance(old, list) and isinstance(new, list) and old and new:
        return _items(old, new)
    return [new]


def _members(old: dict[str, Any], new: dict[str, Any]) -> Change:
    changes: dict[str, Change] = {name: None for name in old if name not in new}
    for name, value in new.items():
        if name not in old:
            changes[name] = [value]
        elif (change := difference(old[name], value)) != SAME:
            changes[name] = change
    return changes


def _items(old: list[Any], new: list[Any]) -> Change:
    parts = _parts(old, new)
    fresh = sum(len(part["+"]) for part in parts if isinstance(part, dict))
    if len(old) == len(new):
        changes = {str(i): difference(a, b) for i, (a, b) in enumerate(zip(old, new, strict=True)) if a != b}
        if len(changes) <= fresh:
            return ["~", changes]
    return ["=", parts] if fresh < len(new) else [new]


def _parts(old: list[Any], new: list[Any]) -> list[Any]:
    """`new` as stretches of `old` and new items; lists here mostly move on by a few places."""
    parts: list[Any] = []
    expected = 0
    for item in new:
        found = _find(old, item, expected)
        if found is None:
            if not (parts and isinstance(parts[-1], dict)):
                parts.append({"+": []})
            parts[-1]["+"].append(item)
            continue
        if parts and isinstance(parts[-1], list) and sum(parts[-1]) == found:
            parts[-1][1] += 1
        else:
            parts.append([found, 1])
        expected = found + 1
    return parts


def _find(old: list[Any], item: Any, expected: int) -> int | None:
    if expected < len(old) and old[expected] == item:
        return expected
    return next((index for index, one in enumerate(old) if one == item), None)


def applied(old: Any, change: Change) -> Any:
    """The new value; what didn't change is shared with `old`. Raises ValueError, TypeError, KeyError or IndexError."""
    if isinstance(change, dict):
        return _with_members(old, change) if change else old
    if len(change) == 1:
        return change[0]
    kind, content = change
    if kind == "~":
        items = list(old)
        for index, inner in content.items():
            items[int(index)] = applied(items[int(index)], inner)
        return items
    if kind != "=":
        raise ValueError(f"{kind!r} is no change")
    made: list[Any] = []
    for part in content:
        made += part["+"] if isinstance(part, dict) else old[part[0] : part[0] + part[1]]
    return made


def _with_members(old: dict[str, Any], changes: dict[str, Change]) -> dict[str, Any]:
    made = dict(old)
    for name, change in changes.items():
        if change is None:
            made.pop(name, None)
        else:
            made[name] = change[0] if isinstance(change, list) and len(change) == 1 else applied(old[name], change)
    return made


_TYPES = field_types(Snapshot, {})
PARTS = tuple(name for name, hint in _TYPES.items() if get_origin(hint) is Slice)
_DIGITS = {"latency_s": 4, "uptime_s": 0}


class Encoder:
    """Turns one snapshot after another into frames: a part that equals the one before becomes the same object."""

    def __init__(self) -> None:
        self._parts: dict[str, tuple[Slice[Any], Any]] = {}

    def frame(self, snapshot: Snapshot) -> dict[str, Any]:
        """Times are kept to the millisecond, latencies to a tenth of one, uptimes to a second."""
        parts = {name: self._part(name, getattr(snapshot, name)) for name in PARTS}
        return {"taken_at": round(snapshot.taken_at, 3), "lab": plain(snapshot.lab), **parts}

    def _part(self, name: str, part: Slice[Any]) -> dict[str, Any]:
        before, value = self._parts.get(name, (Slice(), None))
        if part.value is not before.value and part.value != before.value:
            value = plain(part.value)
            if name == "services":
                value = [_coarse(state) for state in value or ()]
        self._parts[name] = (part, value)
        return {
            "value": value,
            "fetched_at": _rounded(part.fetched_at, 3),
            "error": part.error,
            "attempted_at": _rounded(part.attempted_at, 3),
        }


def _coarse(state: dict[str, Any]) -> dict[str, Any]:
    """A service's state changes with every probe: digits that nobody sees would be most of the file."""
    digits = {name: _DIGITS.get(name, 2) for name in state if name.endswith(("_s", "_at"))}
    return state | {name: _rounded(state[name], kept) for name, kept in digits.items()}


def _rounded(number: float | None, digits: int) -> float | None:
    return None if number is None else round(number, digits)


class Decoder:
    """Turns frames into snapshots; a value that is the same object as the last one isn't read again."""

    def __init__(self) -> None:
        self._values: dict[str, tuple[Any, Any]] = {}

    def snapshot(self, frame: dict[str, Any]) -> Snapshot:
        """Raises SnapshotInvalid."""
        parts = {name: self.part(name, frame) for name in PARTS if name in frame}
        bare: Snapshot = decode(Snapshot, {name: value for name, value in frame.items() if name not in PARTS})
        return Snapshot(bare.taken_at, bare.lab, **parts)

    def part(self, name: str, frame: dict[str, Any]) -> Slice[Any]:
        """One part of a frame. Raises SnapshotInvalid."""
        raw = frame[name]
        known, value = self._values.get(name, (None, None))
        if known is None or raw.get("value") is not known:
            whole: Slice[Any] = decode(_TYPES[name], in_todays_form(raw) if name == "drift" else raw)
            self._values[name] = (raw.get("value"), whole.value)
            return whole
        bare: Slice[Any] = decode(_TYPES[name], {**raw, "value": None})
        return replace(bare, value=value)
