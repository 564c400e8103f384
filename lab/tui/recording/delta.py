"""What changed between two JSON values, as a JSON value, and how it is put back. Pure.

What Python calls equal is equal.
A change is one of: `null` (the member is gone), `[value]` (a new value), `{name: change}` (members of an object),
`["~", {index: change}]` (items of a list), `["=", [part, …]]` (a list made of parts of the old one, `[start, count]`,
and of new items, `{"+": [item, …]}`).
"""

from typing import Any

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
