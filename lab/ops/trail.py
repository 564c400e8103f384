"""Reading the whole audit trail once: is it intact, and what does it say of versions and identities."""

from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass

from lab.clients import ssh
from lab.clients.audit import stored_entries
from lab.core.config import LabConfig
from lab.core.errors import LedgerError
from lab.core.history import Fold, History
from lab.core.ledger import Entry, EntryStore, Verification, key_of, parse, seq_of, verify
from lab.core.models import ModelVersion


@dataclass(frozen=True)
class TrailState:
    """The trail up to its head; `wrong_heads` are hashes published outside the bucket that it contradicts."""

    history: History
    verification: Verification
    wrong_heads: tuple[str, ...] = ()

    @property
    def intact(self) -> bool:
        return self.verification.intact and not self.wrong_heads


class TrailReader:
    """One look at a trail, and what was appended to it afterwards. Methods raise ServiceUnavailable."""

    def __init__(self, config: LabConfig, store: EntryStore) -> None:
        self._store, self._prefix = store, config.audit_prefix
        self._fold = Fold(config.name, config.policy, ssh.verify)
        self._last = 0

    def read(self, published: Iterable[tuple[int, str]] = ()) -> TrailState:
        """Everything from the first entry; `published` are numbers with hashes, as found outside the bucket."""
        heads = sorted(set(published))
        seen: dict[int, str] = {}
        verification = verify(self._passing({seq for seq, _ in heads}, seen))
        wrong = [
            f"entry {seq} was published with hash {digest[:12]}, but "
            + (f"has {seen[seq][:12]}" if seq in seen else "isn't there: the trail was cut")
            for seq, digest in heads
            if seen.get(seq) != digest
        ]
        return TrailState(self._fold.history(), verification, tuple(wrong))

    def follow(self, until: int) -> History:
        """Takes the entries behind those that are known, up to number `until`. Raises LedgerError, NotFound."""
        for seq in range(self._last + 1, until + 1):
            self._fold.see(parse(self._store.read(key_of(self._prefix, seq))))
            self._last = seq
        return self._fold.history()

    def _passing(self, heads: Set[int], seen: dict[int, str]) -> Iterator[tuple[str, bytes]]:
        for key, body in stored_entries(self._store, self._prefix):
            entry = _entry(body)
            self._last = seq_of(key) or self._last
            if entry is not None:
                self._fold.see(entry)
                if entry.seq in heads:
                    seen[entry.seq] = entry.hash
            yield key, body


def _entry(body: bytes) -> Entry | None:
    try:
        return parse(body)
    except LedgerError:  # verification names it
        return None


def published_heads(version: ModelVersion) -> list[tuple[int, str]]:
    """Numbers and hashes of the entries that a version's tags name."""
    pairs = (
        (version.tags.get(f"{kind}_seq", ""), version.tags.get(f"{kind}_hash", "")) for kind in ("audit", "decision")
    )
    return [(int(seq), digest) for seq, digest in pairs if seq.isascii() and seq.isdigit() and digest]
