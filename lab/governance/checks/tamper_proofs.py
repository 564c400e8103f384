"""(d) With the pipeline's own credential: what could hide or change an entry is tried for real.

What the store can refuse is tried on the trail itself. What it can't refuse would spoil the trail for good, so that it
is tried on a temporary bucket of the same making, and must be found there by the same verification.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from lab.base.errors import NotFound
from lab.config import LabConfig
from lab.governance.cases.trail import entry_by_actor
from lab.governance.checks.proof import Check, Found, listed
from lab.governance.checks.proof_clients import ProofClients
from lab.governance.checks.sandbox import policy_text, temporary_bucket
from lab.governance.ledger import Entry, Kind, Status, find_head, key_of, seal
from lab.governance.ledger.writer import Ledger, verify_trail
from lab.governance.rules.approval_states import PROBE
from lab.services.provision import bucket_policy
from lab.services.s3 import AuditStore

_REFUSED = {"AccessDenied", "PreconditionFailed"}


@dataclass(frozen=True)
class _Target:
    """One entry of the trail, and harmless values for what must be refused all the same."""

    bucket: str
    key: str
    version: str
    policy: str
    soon: datetime
    days: int


_Attempt = Callable[[Any, _Target], Any]
ATTEMPTS: Mapping[str, _Attempt] = {
    "write over it": lambda s3, t: s3.put_object(Bucket=t.bucket, Key=t.key, Body=b"{}", IfNoneMatch="*"),
    "copy over it": lambda s3, t: s3.copy_object(
        Bucket=t.bucket, Key=t.key, CopySource={"Bucket": t.bucket, "Key": t.key}, MetadataDirective="REPLACE"
    ),
    "delete it": lambda s3, t: s3.delete_object(Bucket=t.bucket, Key=t.key),
    "delete its version": lambda s3, t: s3.delete_object(Bucket=t.bucket, Key=t.key, VersionId=t.version),
    "delete it past the lock": lambda s3, t: s3.delete_object(
        Bucket=t.bucket, Key=t.key, VersionId=t.version, BypassGovernanceRetention=True
    ),
    "delete a batch": lambda s3, t: _batch(s3, t),
    "shorten its retention": lambda s3, t: s3.put_object_retention(
        Bucket=t.bucket, Key=t.key, Retention={"Mode": "COMPLIANCE", "RetainUntilDate": t.soon}
    ),
    "weaken its retention": lambda s3, t: s3.put_object_retention(
        Bucket=t.bucket,
        Key=t.key,
        Retention={"Mode": "GOVERNANCE", "RetainUntilDate": t.soon},
        BypassGovernanceRetention=True,
    ),
    "change the bucket's policy": lambda s3, t: s3.put_bucket_policy(Bucket=t.bucket, Policy=t.policy),
    "change versioning": lambda s3, t: s3.put_bucket_versioning(
        Bucket=t.bucket, VersioningConfiguration={"Status": "Enabled"}
    ),
    "change the lock": lambda s3, t: s3.put_object_lock_configuration(
        Bucket=t.bucket,
        ObjectLockConfiguration={
            "ObjectLockEnabled": "Enabled",
            "Rule": {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": t.days}},
        },
    ),
    "write outside the trail": lambda s3, t: s3.put_object(Bucket=t.bucket, Key="probe", Body=b"{}"),
}


def _batch(s3: Any, target: _Target) -> None:
    """A batch is answered with success, whatever happened to its members."""
    from botocore.exceptions import ClientError

    answer = s3.delete_objects(Bucket=target.bucket, Delete={"Objects": [{"Key": target.key}]})
    for error in answer.get("Errors", []):
        raise ClientError({"Error": {"Code": error["Code"]}}, "DeleteObjects")


class TamperProofs:
    """Attempts on the trail, and on a temporary bucket like its own."""

    def __init__(self, clients: ProofClients) -> None:
        self._clients = clients

    def checks(self) -> Iterator[Check]:
        yield Check("tampering: the pipeline can't overwrite, delete or unlock an entry", self._locked)
        yield Check("tampering: an entry written over is found, and its first text stays", self._overwritten)
        yield Check("tampering: a forged next entry is found", self._forged)

    async def _locked(self) -> Found:
        return await asyncio.to_thread(self._try_all)

    async def _overwritten(self) -> Found:
        return await asyncio.to_thread(self._overwrite)

    async def _forged(self) -> Found:
        return await asyncio.to_thread(self._forge)

    def _try_all(self) -> Found:
        from botocore.exceptions import ClientError

        target = self._target()
        done = []
        for name, attempt in ATTEMPTS.items():
            try:
                attempt(self._clients.pipeline.client, target)
                done.append(f"{name}: done")
            except ClientError as err:
                code = err.response["Error"]["Code"]
                done += [] if code in _REFUSED else [f"{name}: {code}"]
        return listed(done, f"{len(ATTEMPTS)} attempts on {target.key}, each refused: {', '.join(ATTEMPTS)}")

    def _target(self) -> _Target:
        config = self._clients.config
        store = AuditStore(self._clients.reader, config.audit_bucket, config.audit_prefix)
        seq = find_head(store, config.audit_prefix)
        found = store.copies_after(key_of(config.audit_prefix, seq - 1), 1) if seq else []
        if not found:
            raise NotFound("The audit trail is empty.", "Type `invoke demo-run`.")
        policy = policy_text(bucket_policy(config, config.audit_bucket))
        soon = datetime.now(UTC) + timedelta(minutes=1)
        return _Target(config.audit_bucket, found[0].key, found[0].first, policy, soon, config.audit_retention_days)

    def _overwrite(self) -> Found:
        with temporary_bucket(self._clients, "probe") as config:
            store, written = self._written(config)
            self._put(config, 2, b"{}")
            found = verify_trail(store, config.audit_prefix)
            kinds = [(fault.seq, fault.kind) for fault in found.faults]
            if kinds != [(2, Kind.OVERWRITTEN)] or found.head != written[-1]:
                return False, f"an entry was written over; verification says {found.faults}"
            return True, found.faults[0].problem

    def _forge(self) -> Found:
        with temporary_bucket(self._clients, "probe") as config:
            store, written = self._written(config)
            # Linked to nothing that is there, but numbered and hashed as it must be.
            forged = seal(written[0], replace(written[-1], hash="f" * 64))
            self._put(config, forged.seq, forged.body())
            found = verify_trail(store, config.audit_prefix)
            if [fault.seq for fault in found.faults] != [forged.seq]:
                return False, f"a forged entry {forged.seq} passes; verification says {found.faults or 'intact'}"
            return True, found.faults[0].problem

    def _put(self, config: LabConfig, number: int, body: bytes) -> None:
        key = key_of(config.audit_prefix, number)
        self._clients.pipeline.client.put_object(Bucket=config.audit_bucket, Key=key, Body=body)

    def _written(self, config: LabConfig) -> tuple[AuditStore, list[Entry]]:
        """Three entries in a temporary trail, as the pipeline writes them."""
        store = AuditStore(self._clients.pipeline, config.audit_bucket, config.audit_prefix)
        writer = Ledger(store, config.audit_prefix)
        entry = entry_by_actor(self._clients.config, PROBE, Status.SUCCESS, {})
        return store, [writer.append(replace(entry, details={"number": number})) for number in range(3)]
