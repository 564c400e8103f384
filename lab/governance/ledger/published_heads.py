"""Heads of the audit trail, written down outside the store: whoever cuts or rewrites the trail can't reach them there.

One line of JSON per head that somebody saw, numbers rising; lines are added and never changed.
Prometheus keeps them, too: a head's hash is cut into numbers, because a label would make a series of each head.
"""

import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from lab.base.account import belong_to_folder
from lab.base.errors import LedgerError
from lab.base.file_lock import take
from lab.governance.ledger import Head
from lab.governance.ledger.entry import utc_text

FILE = "heads.jsonl"
_TAIL_BYTES = 4096
# Whoever writes a head has the file for milliseconds.
_LOCK_S = 30.0


@dataclass(frozen=True)
class PublishedHeads:
    """The heads seen by this lab's processes; several may write at once. Methods raise OSError."""

    path: Path
    clock: Callable[[], str] = utc_text

    @classmethod
    def in_folder(cls, folder: Path) -> "PublishedHeads":
        return cls(folder / FILE)

    def note(self, seq: int, digest: str) -> None:
        """Writes a head down unless it, or a later one, was seen before."""
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        belong_to_folder(self.path)
        with os.fdopen(descriptor, "r+b") as file:
            take(file, _LOCK_S)
            tail = _tail(file.fileno())
            last = next((head for line in reversed(tail.split(b"\n")) if (head := parse_head(line))), Head(0, ""))
            if seq < last.seq or (seq, digest) == (last.seq, last.hash):
                return
            line = json.dumps({"seq": seq, "hash": digest, "time": self.clock()}, separators=(",", ":"))
            # A writer that was killed in mid-line must not spoil the next line, too.
            file.write((b"\n" if tail and not tail.endswith(b"\n") else b"") + line.encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())

    def heads(self) -> Iterator[Head]:
        """The heads that are known at the time of the call, in rising order.

        Raises LedgerError when the lines don't rise, because then somebody changed the file.
        """
        size = self.path.stat().st_size if self.path.exists() else 0
        return self._heads(size)

    def _heads(self, size: int) -> Iterator[Head]:
        if not size:
            return
        last = 0
        with self.path.open("rb") as file:
            while file.tell() < size:
                head = parse_head(file.readline())
                if head is None:
                    continue
                if head.seq < last:
                    raise LedgerError(
                        f"{self.path} was changed: head {head.seq} stands after head {last}.",
                        "Compare the trail with another copy of the published heads.",
                    )
                last = head.seq
                yield Head(head.seq, head.hash, f"in {self.path.name}")


def _tail(descriptor: int) -> bytes:
    size = os.fstat(descriptor).st_size
    return os.pread(descriptor, _TAIL_BYTES, max(0, size - _TAIL_BYTES))


def parse_head(line: bytes) -> Head | None:
    """The head in a line; None when it holds none, as one that a killed writer left."""
    try:
        raw = json.loads(line)
        seq, digest = raw["seq"], raw["hash"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    return Head(seq, digest) if type(seq) is int and isinstance(digest, str) else None


ENTRIES, HASH = "governance_ledger_entries", "governance_ledger_head_hash"
# 13 hexadecimal digits are 52 bits; five such parts hold a SHA-256.
DIGITS, PARTS = 13, 5
_LENGTH = 64


def to_parts(digest: str) -> dict[str, float]:
    """The value of each part, by the label's text; zeros for an empty digest."""
    return {str(i): float(int(digest[i * DIGITS : (i + 1) * DIGITS] or "0", 16)) for i in range(PARTS)}


def from_parts(parts: Mapping[str, float]) -> str:
    """The digest again; empty when parts are missing or all are zero."""
    if set(parts) != {str(i) for i in range(PARTS)} or not any(parts.values()):
        return ""
    widths = [min(DIGITS, _LENGTH - i * DIGITS) for i in range(PARTS)]
    return "".join(f"{int(parts[str(i)]):0{width}x}" for i, width in enumerate(widths))
