"""What an audit trail needs of the store that it lies in, and finding its newest entry there in few requests."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, runtime_checkable

from lab.governance.ledger.entry import LAST, key_of, seq_of

PAGE = 1000


@dataclass(frozen=True)
class Copies:
    """Everything that was ever written under one key: `first` identifies the oldest version, empty when none is left.

    `hidden` says that a deletion marker lies on top.
    """

    key: str
    first: str
    count: int = 1
    hidden: bool = False


@dataclass(frozen=True)
class Lock:
    """What keeps an object from being deleted, as its store says: the mode, the end, and when it was written."""

    mode: str = ""
    until: datetime | None = None
    written: datetime | None = None


class EntryStore(Protocol):
    """Where entries lie: keys in order, each written once."""

    def create(self, key: str, body: bytes) -> bool:
        """Stores `body` unless `key` exists; False when it does."""
        ...

    def read(self, key: str) -> bytes: ...

    def keys_after(self, key: str, limit: int) -> list[str]:
        """Up to `limit` keys greater than `key`, in order."""
        ...


@runtime_checkable
class VersionedStore(EntryStore, Protocol):
    """A store that keeps what was overwritten or deleted."""

    def copies_after(self, key: str, limit: int) -> Sequence[Copies]:
        """The copies under up to `limit` keys greater than `key`, in order; from the first key when `key` is empty."""
        ...

    def read_version(self, key: str, version: str) -> bytes: ...


@runtime_checkable
class LockedStore(VersionedStore, Protocol):
    """A store that says of each version what keeps it from being deleted."""

    def read_locked(self, key: str, version: str) -> tuple[bytes, Lock]: ...


def find_head(store: EntryStore, prefix: str, known: int = 0) -> int:
    """The greatest number in use, 0 in an empty trail; O(log N) list requests, O(1) when `known` is it."""
    low, step = known, 1
    while True:
        high = min(low + step - 1, LAST)
        found = next(_numbers_after(store, prefix, high, 1), None)
        if found is None:
            break
        low, step = found, step * 8
    while high - low > PAGE:
        middle = (low + high) // 2
        found = next(_numbers_after(store, prefix, middle, 1), None)
        low, high = (low, middle) if found is None else (found, high)
    return max(_numbers_after(store, prefix, low, PAGE), default=low) if low < high else low


def _numbers_after(store: EntryStore, prefix: str, seq: int, limit: int) -> Iterator[int]:
    """Numbers in use beyond `seq`; keys that are none of the trail's can't hide those that follow them."""
    key = key_of(prefix, seq)
    while keys := store.keys_after(key, limit):
        for key in keys:
            number = seq_of(key)
            if number is not None and key == key_of(prefix, number):
                yield number
        if len(keys) < limit:
            return
        limit = PAGE
