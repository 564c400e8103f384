"""The audit trail: entries that are numbered, chained by SHA-256 and written as canonical JSON (RFC 8785).

An entry's `hash` is the SHA-256 of the canonical JSON of all its other fields; `previous_hash` is the hash of the
entry before it, and 64 zeros in the first. Whoever changes an entry must change every later one.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum
from hashlib import sha256
from typing import Any, Protocol

from lab.core.errors import LedgerError

GENESIS = "0" * 64
_KEY = re.compile(r"(?P<seq>\d{12})\.json\Z")


class Status(StrEnum):
    """How a step or an action ended, or that it began."""

    STARTED = "started"
    SUCCESS = "success"
    FAILURE = "failure"
    BLOCKED = "blocked"
    REQUESTED = "requested"
    APPROVED = "approved"
    REJECTED = "rejected"
    PROMOTED = "promoted"
    ARCHIVED = "archived"
    REFUSED = "refused"


@dataclass(frozen=True)
class Entry:
    """One line of the audit trail. `time` is UTC in ISO 8601 with milliseconds; `details` holds no floats."""

    action: str
    status: Status
    owner: str
    role: str
    environment: str
    time: str
    run_id: str = ""
    model_version: str = ""
    policy_hash: str = ""
    code_version: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)
    seq: int = 0
    previous_hash: str = ""
    hash: str = ""

    def body(self) -> bytes:
        """The bytes stored for this entry."""
        return canonical({f.name: getattr(self, f.name) for f in fields(self)})

    def digest(self) -> str:
        """What `hash` must be."""
        return sha256(canonical({f.name: getattr(self, f.name) for f in fields(self) if f.name != "hash"})).hexdigest()


def seal(entry: Entry, previous: Entry | None) -> Entry:
    """`entry` as the successor of `previous`, with its number, link and hash."""
    seq, link = (previous.seq + 1, previous.hash) if previous else (1, GENESIS)
    linked = replace(entry, seq=seq, previous_hash=link, hash="")
    return replace(linked, hash=linked.digest())


def canonical(value: Any) -> bytes:
    """RFC 8785 JSON for strings, integers, booleans, null, lists and objects.

    Raises LedgerError for a float: its text form is the one part of the RFC that differs between languages.
    """
    _refuse_floats(value)
    text = json.dumps(_sorted(value), ensure_ascii=False, separators=(",", ":"))
    return text.encode()


def _refuse_floats(value: Any) -> None:
    if isinstance(value, float):
        raise LedgerError(f"An audit entry can't hold the float {value!r}.", "Write it as text.")
    if isinstance(value, Mapping):
        for item in value.values():
            _refuse_floats(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            _refuse_floats(item)


def _sorted(value: Any) -> Any:
    if isinstance(value, Mapping):
        # The RFC sorts by UTF-16 code units, which differs from Python's order beyond the basic plane.
        return {key: _sorted(value[key]) for key in sorted(value, key=lambda k: str(k).encode("utf-16-be"))}
    if isinstance(value, (list, tuple)):
        return [_sorted(item) for item in value]
    return value


def parse(body: bytes) -> Entry:
    """The entry stored as `body`. Raises LedgerError when it isn't one; the hash isn't checked here."""
    try:
        raw = json.loads(body)
        raw["status"] = Status(raw["status"])
        entry = Entry(**raw)
    except (ValueError, TypeError, KeyError) as err:
        raise LedgerError(f"This is no audit entry: {err}.") from None
    if not isinstance(entry.seq, int) or not isinstance(entry.details, dict):
        raise LedgerError("This is no audit entry: a field has the wrong type.")
    return entry


def key_of(prefix: str, seq: int) -> str:
    """The object key of entry `seq`: fixed width, so that the store lists entries in order."""
    return f"{prefix}{seq:012d}.json"


def seq_of(key: str) -> int | None:
    """The number in an entry's key; None for any other key."""
    found = _KEY.search(key)
    return int(found["seq"]) if found else None


@dataclass(frozen=True)
class Fault:
    """Something wrong with the trail, at a number."""

    seq: int
    problem: str


@dataclass(frozen=True)
class Verification:
    """The outcome of checking a trail from its first entry."""

    checked: int
    head: Entry | None
    faults: tuple[Fault, ...]
    unfinished: tuple[Entry, ...] = ()

    @property
    def intact(self) -> bool:
        return not self.faults


def verify(objects: Iterable[tuple[str, bytes]]) -> Verification:
    """Checks (key, body) pairs in key order: numbering, canonical form, hashes and links."""
    faults: list[Fault] = []
    previous: Entry | None = None
    expected, checked = 1, 0
    tracker = Unfinished()
    for key, body in objects:
        seq = seq_of(key)
        if seq is None:
            faults.append(Fault(expected, f"{key} doesn't belong to the trail"))
            continue
        faults.extend(Fault(n, "entry is missing") for n in range(expected, seq))
        expected, checked = seq + 1, checked + 1
        try:
            entry = parse(body)
        except LedgerError as err:
            faults.append(Fault(seq, err.message))
            previous = None
            continue
        faults.extend(Fault(seq, problem) for problem in link_problems(entry, body, seq, previous))
        tracker.see(entry)
        previous = entry
    return Verification(checked, previous, tuple(faults), tracker.entries())


def link_problems(entry: Entry, body: bytes, seq: int, previous: Entry | None) -> Iterator[str]:
    """What is wrong with `entry`, stored as `body` under number `seq`; `previous` is None where it isn't known."""
    if entry.seq != seq:
        yield f"entry says it is number {entry.seq}"
    if entry.digest() != entry.hash or entry.body() != body:
        yield "entry was modified: its hash doesn't match its content"
    if seq == 1 and entry.previous_hash != GENESIS:
        yield "first entry doesn't start a chain"
    if previous and entry.seq == previous.seq + 1 and entry.previous_hash != previous.hash:
        yield f"link to entry {previous.seq} is broken"


class Unfinished:
    """Follows a trail and knows which steps began without an end; memory grows only with those."""

    def __init__(self) -> None:
        self._open: dict[tuple[str, str], Entry] = {}

    def see(self, entry: Entry) -> None:
        """Takes the next entry."""
        step = (entry.run_id, entry.action)
        if entry.status is Status.STARTED:
            self._open[step] = entry
        elif entry.status in {Status.SUCCESS, Status.FAILURE, Status.BLOCKED}:
            self._open.pop(step, None)

    def entries(self) -> tuple[Entry, ...]:
        """The `started` entries that have no end yet."""
        return tuple(self._open.values())


class EntryStore(Protocol):
    """Where entries lie: keys in order, each written once."""

    def create(self, key: str, body: bytes) -> bool:
        """Stores `body` unless `key` exists; False when it does."""
        ...

    def read(self, key: str) -> bytes: ...

    def keys_after(self, key: str, limit: int) -> list[str]:
        """Up to `limit` keys greater than `key`, in order."""
        ...


def find_head(store: EntryStore, prefix: str, known: int = 0) -> int:
    """The greatest number in use, 0 in an empty trail; O(log N) list requests, O(1) when `known` is it."""
    page = 1000

    def first_page_after(seq: int, limit: int) -> list[int]:
        keys = store.keys_after(key_of(prefix, seq), limit)
        return [found for key in keys if (found := seq_of(key)) is not None]

    low, step = known, 1
    while found := first_page_after(low + step - 1, 1):
        low, step = found[0], step * 8
    high = low + step - 1  # nothing lies after `high`, `low` exists
    while high - low > page:
        middle = (low + high) // 2
        if found := first_page_after(middle, 1):
            low = found[0]
        else:
            high = middle
    if low < high:
        low = max([low, *first_page_after(low, page)])
    return low
