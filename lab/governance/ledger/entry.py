"""One audit entry: its fields, its number, its hash and link, its bytes as canonical JSON (RFC 8785); and its faults.

An entry's `hash` is the SHA-256 of the canonical JSON of all its other fields; `previous_hash` is the hash of the
entry before it, and 64 zeros in the first. Whoever changes an entry must change every later one, and then the newest
entry isn't the one that was published as the trail's head any more.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from enum import StrEnum
from hashlib import sha256
from typing import Any, Never

from lab.base.errors import LedgerError

GENESIS = "0" * 64
LAST = 10**12 - 1
# Greater integers differ between languages, because many hold numbers as 64-bit floats.
_GREATEST = 2**53 - 1
_KEY = re.compile(r"(?:\A|.*/)(?P<seq>[0-9]{12})\.json", re.DOTALL)


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
    """One line of the audit trail. `time` is UTC in ISO 8601 with microseconds; `details` holds no floats."""

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

    Raises LedgerError for a float, whose text form is the one part of the RFC that differs between languages, for an
    integer beyond 53 bits, and for text that isn't Unicode.
    """
    try:
        return json.dumps(_sorted(value), ensure_ascii=False, separators=(",", ":")).encode()
    except (UnicodeError, TypeError, RecursionError) as err:
        raise LedgerError(f"An audit entry can't hold this: {err}.") from None


def _sorted(value: Any) -> Any:
    if isinstance(value, float):
        raise LedgerError(f"An audit entry can't hold the float {value!r}.", "Write it as text.")
    if isinstance(value, int) and abs(value) > _GREATEST:
        raise LedgerError("An audit entry can't hold an integer beyond 53 bits.", "Write it as text.")
    if isinstance(value, Mapping):
        # The RFC sorts by UTF-16 code units, which differs from Python's order beyond the basic plane.
        names = sorted(value, key=lambda name: str(name).encode("utf-16-be", "surrogatepass"))
        return {name: _sorted(value[name]) for name in names}
    if isinstance(value, (list, tuple)):
        return [_sorted(item) for item in value]
    return value


def parse(body: bytes) -> Entry:
    """The entry stored as `body`. Raises LedgerError when it isn't one; hash and exact form aren't checked here."""
    try:
        raw = json.loads(body, parse_float=_refuse, parse_constant=_refuse, object_pairs_hook=each_key_once)
        raw["status"] = Status(raw["status"])
        entry = Entry(**raw)
        for f in fields(Entry):
            if type(getattr(entry, f.name)) is not {"status": Status, "details": dict, "seq": int}.get(f.name, str):
                raise LedgerError(f"This is no audit entry: {f.name} has the wrong type.")
        canonical(raw)
    except KeyError as err:
        raise LedgerError(f"This is no audit entry: it has no {err}.") from None
    except (ValueError, TypeError, RecursionError) as err:
        raise LedgerError(f"This is no audit entry: {err}.") from None
    return entry


def each_key_once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """For `json.loads`: an object that says one thing. Raises ValueError for a key that stands twice."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return found


def _refuse(text: str) -> Never:
    raise ValueError(f"{text} is no integer")


def is_sound(entry: Entry, body: bytes) -> bool:
    """Whether `entry`, parsed from `body`, has its number, the hash of its content, and the one exact form."""
    return entry.seq > 0 and entry.digest() == entry.hash and entry.body() == body


def key_of(prefix: str, seq: int) -> str:
    """The object key of entry `seq`: fixed width, so that the store lists entries in order."""
    return f"{prefix}{seq:012d}.json"


def seq_of(key: str) -> int | None:
    """The number in an entry's key; None for any other key."""
    found = _KEY.fullmatch(key)
    return int(found["seq"]) if found else None


class Kind(StrEnum):
    """What may be wrong with a trail."""

    MODIFIED = "modified"
    MISSING = "missing"
    REORDERED = "reordered"
    DUPLICATED = "duplicated"
    INSERTED = "inserted"
    BROKEN_LINK = "broken link"
    CUT_OFF = "cut off"
    REHASHED = "re-hashed"
    OVERWRITTEN = "overwritten"
    DELETED = "deleted"
    FOREIGN = "foreign"
    UNLOCKED = "unlocked"
    OTHER = "other"


@dataclass(frozen=True)
class Fault:
    """Something wrong with the trail, at a number."""

    seq: int
    problem: str
    kind: Kind = Kind.OTHER


@dataclass(frozen=True)
class Head:
    """The newest entry as somebody saw and published it outside the trail's store; `source` says who."""

    seq: int
    hash: str
    source: str = ""


def utc_text() -> str:
    """Now, UTC in ISO 8601 with microseconds, as audit entries carry it."""
    return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
