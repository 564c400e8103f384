"""Where attempts can spoil nothing: a temporary bucket like the audit bucket, and people with real keys.

Their trail lies in such a bucket, which is removed at the end.
"""

import asyncio
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lab.base.errors import LabError
from lab.base.model_versions import ApprovalState
from lab.config import LabConfig
from lab.governance.cases.approve import Approver, Outcome, Tools
from lab.governance.cases.identity import Registrar
from lab.governance.cases.model_smoke_test import SmokeTest
from lab.governance.cases.signing import Signing
from lab.governance.cases.trail import TrailReader, entry_by_actor, ledger
from lab.governance.checks.proof_clients import ProofClients, Remembering
from lab.governance.ledger import Entry, EntryStore, Status
from lab.governance.rules.approval_states import PROBE, Statement
from lab.governance.rules.history import History, Record
from lab.governance.rules.policy import Action, Actor, Environment, Role
from lab.services import ssh
from lab.services.provision import bucket_policy
from lab.services.s3 import AuditStore


@contextmanager
def temporary_bucket(clients: ProofClients, purpose: str) -> Iterator[LabConfig]:
    """The lab's configuration with a new, empty audit bucket that has the same policy; entries aren't locked in it."""
    config = replace(clients.config, audit_bucket=f"{clients.config.audit_bucket[:50]}-{purpose}")
    name, s3 = config.audit_bucket, clients.admin.client
    _remove(s3, name)
    s3.create_bucket(Bucket=name)
    try:
        s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
        s3.put_bucket_policy(Bucket=name, Policy=policy_text(bucket_policy(config, name)))
        yield config
    finally:
        _remove(s3, name)


def policy_text(policy: Mapping[str, Any]) -> str:
    """A bucket policy as the store takes it."""
    return json.dumps(policy, sort_keys=True)


def _remove(s3: Any, name: str) -> None:
    """Removes a temporary bucket, also one that a killed verification left."""
    from botocore.exceptions import ClientError

    try:
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=name):
            for one in (*page.get("Versions", []), *page.get("DeleteMarkers", [])):
                s3.delete_object(Bucket=name, Key=one["Key"], VersionId=one["VersionId"])
        s3.delete_bucket(Bucket=name)
    except ClientError as err:
        if err.response["Error"]["Code"] != "NoSuchBucket":
            raise LabError(
                f"The temporary bucket {name} can't be removed: {err}.",
                "Type `invoke verify-governance` again, which tries anew, or `invoke logs object-store`.",
            ) from None


ADMIN, OFFICER, ENGINEER, ANALYST = (f"{name}@probe" for name in ("admin", "officer", "engineer", "analyst"))
# The probe's owner holds a role that may approve: only four eyes stand against it.
PEOPLE: Mapping[str, Role] = {
    ADMIN: Role.PLATFORM_ADMIN,
    OFFICER: Role.RISK_OFFICER,
    ENGINEER: Role.ML_ENGINEER,
    ANALYST: Role.ANALYST,
    PROBE: Role.RISK_OFFICER,
}


@dataclass(frozen=True)
class Sandbox:
    """`config` is the lab's with another audit bucket and another home; `keys` are the people's."""

    config: LabConfig
    clients: ProofClients
    store: EntryStore
    keys: Mapping[str, Path]

    @classmethod
    async def set_up(cls, config: LabConfig, clients: ProofClients, home: Path, entries: Sequence[Entry]) -> "Sandbox":
        """With everybody known, and the entries of the probe's run copied."""
        config = replace(config, home=home, signing_key=None)
        store = Remembering(AuditStore(clients.pipeline, config.audit_bucket, config.audit_prefix))
        keys = {name: make_key(home / f"key-{number}") for number, name in enumerate(PEOPLE)}
        sandbox = cls(config, clients, store, keys)
        await asyncio.to_thread(sandbox._fill, entries)
        return sandbox

    async def act(self, action: Action, model: str, version: str, by: str | Path) -> Outcome:
        """A real attempt, signed with somebody's key."""
        key = self.keys[by] if isinstance(by, str) else by
        # The costly gates come last: nothing that must be refused gets there.
        tools = Tools(self.clients.mlflow, self.store, lambda _: "", lambda *_: SmokeTest(False, "not tried"))
        attempt = Approver(self.config, Signing(key, home=self.config.home), tools)
        return await attempt.act(action, model, version, f"{PROBE} tries whether this is refused")

    def history(self) -> History:
        """What this trail tells."""
        return TrailReader(self.config, self.store).read().history

    def append(self, entry: Entry) -> tuple[Entry, str]:
        """Writes an entry as whoever has the pipeline's credential can; with why it doesn't count, if it doesn't."""
        sealed = self.write(entry)
        return sealed, self.history().problem_of(sealed.seq)

    def write(self, entry: Entry) -> Entry:
        """As `append`, without asking whether it counts."""
        return ledger(self.config, self.store).append(replace(entry, seq=0, previous_hash="", hash=""))

    def approval(self, record: Record, by: str) -> Entry:
        """An approval of a version for staging that is right in everything."""
        actor = Actor(by, PEOPLE[by], Environment.STAGING)
        entry = approval_entry(self.config, record, actor)
        statement = Statement(**entry.details["statement"])
        armored = ssh.sign(statement.body(), self.keys[by])
        return replace(entry, details={**entry.details, "signature": armored, "signer": by})

    def _fill(self, entries: Sequence[Entry]) -> None:
        registrar = Registrar(self.config, Signing(self.keys[ADMIN], home=self.config.home), self.store)
        for name, role in PEOPLE.items():
            registrar.add(name, self.keys[name], [role.value], f"{PROBE} needs somebody")
        self._copy(entries)

    def _copy(self, entries: Sequence[Entry]) -> None:
        """A step's end names the request before it by number, and numbers are others here."""
        numbers: dict[object, int] = {}
        writer = ledger(self.config, self.store)
        for entry in entries:
            details = dict(entry.details)
            if "request_seq" in details:
                details["request_seq"] = numbers[details["request_seq"]]
            sealed = writer.append(replace(entry, details=details, seq=0, previous_hash="", hash=""))
            numbers[entry.seq] = sealed.seq


def approval_entry(config: LabConfig, record: Record, actor: Actor) -> Entry:
    """An approval for staging by `actor`, right in everything but that nobody signed it."""
    entry = entry_by_actor(config, Action.APPROVE, Status.APPROVED, {}, actor, record.version)
    statement = Statement(
        lab=config.name,
        action=Action.APPROVE.value,
        model=record.model,
        version=record.version,
        from_state=record.state.value,
        to_state=ApprovalState.APPROVED_STAGING.value,
        environment=entry.environment,
        actor=entry.owner,
        role=str(entry.role),
        reason=f"{PROBE} tries whether this counts",
        data_hash=record.data_hash,
        prior=record.newest,
        policy_hash=entry.policy_hash,
        time=entry.time,
    )
    return replace(entry, details={"statement": statement.as_details(), "reason": statement.reason})


def make_key(path: Path) -> Path:
    """A throw-away SSH key, its public half beside it."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

    key = Ed25519PrivateKey.generate()
    # Made before anything is written, because ssh-keygen refuses a key that others may read.
    path.touch(mode=0o600)
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
    public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    path.with_name(path.name + ".pub").write_bytes(public + b"\n")
    return path
