"""Snapshots as the JSON values that a recording holds, and back; what didn't change is neither made nor read again."""

from dataclasses import replace
from typing import Any, get_origin

from lab.observe.snapshot import Slice, Snapshot
from lab.observe.snapshot_decode import decode, field_types
from lab.observe.snapshot_json import plain

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
            whole: Slice[Any] = decode(_TYPES[name], raw)
            self._values[name] = (raw.get("value"), whole.value)
            return whole
        bare: Slice[Any] = decode(_TYPES[name], {**raw, "value": None})
        return replace(bare, value=value)
