"""One audit entry in full: its exact text, what stands before and after it, and whether it proves what it says."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from lab.base.errors import LabError, LedgerError, NotFound
from lab.base.threads import OneThread
from lab.config import LabConfig
from lab.governance.cases.signing import read_signers
from lab.governance.ledger import GENESIS, Entry, EntryStore, find_head, is_sound, key_of, parse
from lab.governance.rules.approval_states import (
    parse_baseline_statement,
    parse_deployment_statement,
    parse_identity_statement,
    parse_statement,
)
from lab.governance.rules.identities import claim_problem, moment
from lab.governance.rules.policy import Action
from lab.governance.rules.signers import Signer
from lab.observe.details.store_reading import StoreSource
from lab.services import ssh


@dataclass(frozen=True)
class Proof:
    """One thing that was checked; `holds` is None where there is nothing to check."""

    name: str
    holds: bool | None
    detail: str


@dataclass(frozen=True)
class Neighbour:
    """The entry beside another one; `entry` is None where there is none, or none that can be read (`problem`)."""

    seq: int
    entry: Entry | None
    problem: str = ""


@dataclass(frozen=True)
class EntryDetail:
    """An entry as it lies in the store. `body` is its exact text; `entry` is None when that isn't one."""

    seq: int
    key: str
    body: bytes
    entry: Entry | None
    before: Neighbour
    after: Neighbour
    proofs: tuple[Proof, ...]
    head: int


class EntrySource:
    """Reads entries of the audit trail. Methods raise LabError."""

    def __init__(self, config: LabConfig, store: EntryStore | None = None) -> None:
        self._config, self._store = config, store
        self._details = None if store else StoreSource(config)
        self._thread = OneThread("entry")
        self._asked = 0
        self._reading = self._thread.once(self._read)

    async def entry(self, seq: int) -> EntryDetail:
        """Entry `seq` with its neighbours. Raises NotFound, ServiceUnavailable."""
        if self._details:
            self._store = self._details.entries()
        while True:
            self._asked = seq
            found = await self._reading()
            if found.seq == seq:
                return found
            # An earlier call was still under way when this one came.
            await asyncio.sleep(0)

    async def aclose(self) -> None:
        """Closes the connections."""
        self._thread.close()
        if self._details:
            await self._details.aclose()

    def _read(self) -> EntryDetail:
        config = self._config
        if self._store is None:
            raise NotFound("The trail isn't open.")
        return examine(self._store, config.audit_prefix, self._asked, lambda: read_signers(config))


def examine(store: EntryStore, prefix: str, seq: int, signers: Callable[[], tuple[Signer, ...]]) -> EntryDetail:
    """Reads entry `seq` and its neighbours, and checks what can be checked without the rest of the trail.

    Raises NotFound, ServiceUnavailable.
    """
    key = key_of(prefix, seq)
    body = store.read(key)
    before, after = _neighbour(store, prefix, seq - 1), _neighbour(store, prefix, seq + 1)
    head = find_head(store, prefix, seq)
    try:
        entry = parse(body)
    except LedgerError as err:
        return EntryDetail(seq, key, body, None, before, after, (Proof("content", False, err.message),), head)
    proofs = (
        _content(entry, body, seq),
        _link_back(entry, before),
        _link_on(entry, after, head),
        _signature(entry, signers),
    )
    return EntryDetail(seq, key, body, entry, before, after, proofs, head)


def _neighbour(store: EntryStore, prefix: str, seq: int) -> Neighbour:
    if seq < 1:
        return Neighbour(seq, None)
    try:
        return Neighbour(seq, parse(store.read(key_of(prefix, seq))))
    except NotFound:
        return Neighbour(seq, None)
    except LedgerError as err:
        return Neighbour(seq, None, err.message)


def _content(entry: Entry, body: bytes, seq: int) -> Proof:
    if entry.digest() != entry.hash:
        return Proof("content", False, f"was modified: its content gives {entry.digest()[:12]}…")
    if entry.seq != seq:
        return Proof("content", False, f"calls itself entry {entry.seq}")
    if not is_sound(entry, body):
        return Proof("content", False, "isn't in canonical form")
    return Proof("content", True, "the recomputed SHA-256 is the entry's hash")


def _link_back(entry: Entry, before: Neighbour) -> Proof:
    if before.seq < 1:
        good = entry.previous_hash == GENESIS
        return Proof("link back", good, "the first entry" if good else "says that another entry was before it")
    if before.entry is None:
        return Proof("link back", False, before.problem or f"entry {before.seq} is missing")
    good = before.entry.hash == entry.previous_hash
    return Proof("link back", good, f"{'names' if good else 'does not name'} the hash of entry {before.seq}")


def _link_on(entry: Entry, after: Neighbour, head: int) -> Proof:
    if after.entry is None:
        if head <= entry.seq:
            return Proof("link on", None, "the newest entry")
        return Proof("link on", False, after.problem or f"entry {after.seq} is missing")
    good = after.entry.previous_hash == entry.hash
    return Proof("link on", good, f"entry {after.seq} {'names' if good else 'does not name'} this one's hash")


def _signature(entry: Entry, signers: Callable[[], tuple[Signer, ...]]) -> Proof:
    armored = entry.details.get("signature")
    if not armored:
        return Proof("signature", None, "not signed")
    try:
        message = _statement(entry)
        if (at := moment(entry.time)) is None:
            return Proof("signature", False, f"its time {entry.time!r} is none")
        signer = ssh.verify(message, str(armored), signers(), at)
    except LabError as err:
        return Proof("signature", False, err.message)
    if problem := claim_problem(signer, entry.owner, entry.role):
        return Proof("signature", False, problem)
    return Proof("signature", True, f"by {signer.name} with {signer.key.fingerprint}, known now")


def _statement(entry: Entry) -> bytes:
    """The bytes that were signed. Raises LedgerError."""
    raw: Mapping[str, object] | object = entry.details.get("statement")
    if entry.action == Action.IDENTITY:
        return parse_identity_statement(raw).body()
    if entry.action == Action.BASELINE:
        return parse_baseline_statement(raw).body()
    if entry.action == Action.APPROVE_DEPLOY:
        return parse_deployment_statement(raw).body()
    return parse_statement(raw).body()
