"""Which data sets may be a model's baseline: those that somebody asked for as the policy wants it, and then set."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from lab.base.errors import LedgerError
from lab.governance.ledger import GENESIS, Entry, Status
from lab.governance.rules.approval_states import parse_baseline_statement
from lab.governance.rules.identities import Verify, expect, signer_of
from lab.governance.rules.policy import Policy, parse_environment
from lab.governance.rules.signers import Signer


@dataclass(frozen=True)
class Baselines:
    """Of one model: `audited` says by SHA-256 which entry asked for a baseline; `prior` is the newest entry's hash."""

    audited: Mapping[str, int] = field(default_factory=dict)
    asked: Mapping[int, str] = field(default_factory=dict)
    prior: str = GENESIS


def apply(
    known: Baselines,
    entry: Entry,
    lab: str,
    policy: Policy,
    signers: Sequence[Signer],
    verify: Verify,
    latest: datetime | None,
) -> Baselines:
    """After `entry`. Raises LabError when it doesn't count."""
    data_hash = str(entry.details.get("data_hash", ""))
    if entry.status is Status.REQUESTED:
        _check(known, entry, data_hash, lab, policy, signers, verify, latest)
        return replace(known, asked={**known.asked, entry.seq: data_hash})
    if entry.status is Status.SUCCESS:
        seq = entry.details.get("request_seq")
        if not isinstance(seq, int) or known.asked.get(seq) != data_hash:
            raise LedgerError("nobody who may asked for this baseline")
        return replace(known, audited={**known.audited, data_hash: seq})
    return known


def _check(
    known: Baselines,
    entry: Entry,
    data_hash: str,
    lab: str,
    policy: Policy,
    signers: Sequence[Signer],
    verify: Verify,
    latest: datetime | None,
) -> None:
    if not entry.details.get("signature"):
        if policy.signature_required(parse_environment(entry.environment)):
            raise LedgerError("it isn't signed")
        return
    statement = parse_baseline_statement(entry.details.get("statement"))
    expect(
        {**statement.as_details(), "model": statement.model},
        lab=lab,
        action=entry.action,
        data_hash=data_hash,
        model=str(entry.details.get("model", "")),
        environment=entry.environment,
        actor=entry.owner,
        role=entry.role,
        prior=known.prior,
        policy_hash=entry.policy_hash,
        time=entry.time,
    )
    signer_of(entry, statement.body(), signers, verify, latest)
