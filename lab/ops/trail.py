"""Reading the whole audit trail once: is it intact, and what does it say of versions and identities."""

from dataclasses import dataclass

from lab.clients import ssh
from lab.clients.audit import Ledger, verify_trail
from lab.clients.witness import Witness
from lab.core.config import LabConfig
from lab.core.history import Fold, History
from lab.core.ledger import Entry, EntryStore, Verification, find_head, key_of, parse
from lab.runtime.layout import Layout


@dataclass(frozen=True)
class TrailState:
    """The trail up to its head."""

    history: History
    verification: Verification


class TrailReader:
    """One look at a trail, and what was appended to it afterwards. Methods raise ServiceUnavailable."""

    def __init__(self, config: LabConfig, store: EntryStore) -> None:
        self._store, self._prefix = store, config.audit_prefix
        self._witness = witness(config)
        self._fold = Fold(config.name, config.policy, ssh.verify)
        self._last = 0

    def read(self) -> TrailState:
        """Everything from the first entry, compared with the witness's heads.

        Raises LedgerError when the witness's file was changed.
        """
        verification = verify_trail(self._store, self._prefix, self._witness.heads(), self._see)
        return TrailState(self._fold.history(), verification)

    def follow(self, until: int) -> History:
        """Takes the entries behind those that are known, up to number `until`. Raises LedgerError, NotFound."""
        for seq in range(self._last + 1, until + 1):
            self._see(parse(self._store.read(key_of(self._prefix, seq))))
        return self._fold.history()

    def catch_up(self) -> History:
        """Takes everything that was appended meanwhile. Raises LedgerError, NotFound, ServiceUnavailable."""
        return self.follow(find_head(self._store, self._prefix, self._last))

    def _see(self, entry: Entry) -> None:
        self._fold.see(entry)
        self._last = max(self._last, entry.seq)


def witness(config: LabConfig) -> Witness:
    """Where this lab's processes write down the heads that they made."""
    return Witness.in_folder(config.witness)


def ledger(config: LabConfig, store: EntryStore) -> Ledger:
    """The trail's writer for what a person does; what waits in the journal goes first, each new head is published."""
    return Ledger(store, config.audit_prefix, Layout(config.home).journal, witness=witness(config))
