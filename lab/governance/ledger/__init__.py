"""The audit trail: `entry` is its text form, `chain` checks it, `store` is what it needs of the place where it lies.

`writer` and `reader` go there, `journal` keeps what couldn't, `published_heads` what was seen elsewhere.
"""

from lab.governance.ledger.chain import AuditView, Chain, Unfinished, Verification, verify
from lab.governance.ledger.entry import (
    GENESIS,
    Entry,
    Fault,
    Head,
    Kind,
    Status,
    canonical,
    each_key_once,
    is_sound,
    key_of,
    parse,
    seal,
    seq_of,
)
from lab.governance.ledger.store import PAGE, Copies, EntryStore, Lock, LockedStore, VersionedStore, find_head

__all__ = [
    "GENESIS",
    "PAGE",
    "AuditView",
    "Chain",
    "Copies",
    "Entry",
    "EntryStore",
    "Fault",
    "Head",
    "Kind",
    "Lock",
    "LockedStore",
    "Status",
    "Unfinished",
    "Verification",
    "VersionedStore",
    "canonical",
    "each_key_once",
    "find_head",
    "is_sound",
    "key_of",
    "parse",
    "seal",
    "seq_of",
    "verify",
]
