"""The whole audit trail as the control plane uses it: read once and judged, and continued by what a person does."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lab.base.names import all_storable
from lab.base.source_code import code_version
from lab.config import LabConfig
from lab.governance.ledger import Entry, EntryStore, Status, Verification, find_head, key_of, parse
from lab.governance.ledger.entry import utc_text
from lab.governance.ledger.published_heads import PublishedHeads
from lab.governance.ledger.writer import Ledger, verify_trail
from lab.governance.rules.history import Fold, History
from lab.governance.rules.policy import Actor, Claim
from lab.governance.rules.policy_file import hash_in_force
from lab.runtime.layout import Layout
from lab.services import ssh


@dataclass(frozen=True)
class TrailState:
    """The trail up to its head."""

    history: History
    verification: Verification


class TrailReader:
    """One look at a trail, and what was appended to it afterwards. Methods raise ServiceUnavailable."""

    def __init__(self, config: LabConfig, store: EntryStore) -> None:
        self._store, self._prefix = store, config.audit_prefix
        self._published = published_heads(config)
        self._fold = Fold(config.name, config.policy, ssh.verify)
        self._last = 0

    def read(self) -> TrailState:
        """Everything from the first entry, compared with the heads that this lab published.

        Raises LedgerError when their file was changed.
        """
        verification = verify_trail(self._store, self._prefix, self._published.heads(), self._see)
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


def published_heads(config: LabConfig) -> PublishedHeads:
    """Where this lab's processes write down the heads that they made."""
    return PublishedHeads.in_folder(config.witness)


def ledger(config: LabConfig, store: EntryStore) -> Ledger:
    """The trail's writer for what a person does; what waits in the journal goes first, each new head is published."""
    return Ledger(store, config.audit_prefix, Layout(config.home).journal, published=published_heads(config))


def entry_by_actor(
    config: LabConfig,
    action: str,
    status: Status,
    details: Mapping[str, Any],
    actor: Actor | None = None,
    model_version: str = "",
) -> Entry:
    """An entry made now; `actor` is who acts, where that isn't the configured one.

    Raises SettingsError when the file of known keys can't be read.
    """
    acting = actor or config.actor
    claim = Claim(acting.owner, acting.role, acting.environment)
    return entry_by_claim(config, claim, action, status, details, model_version)


def entry_by_claim(
    config: LabConfig, claim: Claim, action: str, status: Status, details: Mapping[str, Any], model_version: str = ""
) -> Entry:
    """As `entry_by_actor`, of whoever `claim` says."""
    return Entry(
        action=action,
        status=status,
        owner=claim.owner,
        role=claim.role,
        environment=claim.environment,
        time=utc_text(),
        model_version=model_version,
        policy_hash=hash_in_force(config.policy, config.governance),
        code_version=code_version(config.root),
        # What is said of a path may be no text that an entry can hold.
        details=all_storable(details),
    )
