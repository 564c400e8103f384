"""Who was known when: the identities that the trail's entries added and removed, and the rules that bind them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from lab.base.errors import LedgerError
from lab.base.names import same_person
from lab.governance.ledger import GENESIS, Entry, Status
from lab.governance.rules.approval_states import parse_identity_statement
from lab.governance.rules.policy import Action, Actor, Environment, Policy, Role, parse_role
from lab.governance.rules.signers import Signer, other_spelling, parse_line
from lab.governance.rules.ssh_keys import PublicKey

ADD, REMOVE = "add", "remove"
# Identities decide who may act in production, so changing them is an action there.
WHERE = Environment.PROD
# Clocks of several machines differ; but an old date must not revive an expired key.
_CLOCK_TOLERANCE = timedelta(minutes=10)
_TOO_EARLY = "is before that of entries in front of it"
# message, armored signature, known identities, time → the identity that signed. Raises SignatureInvalid.
Verify = Callable[[bytes, str, Sequence[Signer], datetime], Signer]


@dataclass(frozen=True)
class Identities:
    """`signers` as known now; `owners` says whose every key ever was; `prior` is the newest entry's hash."""

    signers: tuple[Signer, ...] = ()
    owners: Mapping[PublicKey, str] = field(default_factory=dict)
    prior: str = GENESIS

    @property
    def untouched(self) -> bool:
        """Whether there was never an identity: the first one is taken on trust."""
        return not self.owners

    def named(self, name: str) -> tuple[Signer, ...]:
        """The lines of whoever that is, also in another spelling."""
        return tuple(signer for signer in self.signers if same_person(signer.name, name))


def uncounted_remedy(problem: str, otherwise: str) -> str:
    """What to do about an entry that doesn't count for `problem`; `otherwise` where time isn't the reason."""
    if _TOO_EARLY not in problem:
        return otherwise
    return (
        "A clock was wrong: compare this machine's (`date`) with the newest entries (`mlops-lab --once`). "
        "Sign with a key whose validity isn't limited: add one by `invoke identity-add` without --until."
    )


def signer_of(
    entry: Entry, message: bytes, known: Sequence[Signer], verify: Verify, latest: datetime | None
) -> Signer | None:
    """Who signed `entry`, None when nobody did; `latest` is the greatest time in the trail so far.

    Raises LedgerError or SignatureInvalid when a signature is there and doesn't prove what the entry says.
    """
    armored = entry.details.get("signature")
    if not armored:
        return None
    at = moment(entry.time)
    if at is None:
        raise LedgerError(f"its time {entry.time!r} is none")
    signer = verify(message, str(armored), known, at)
    # Where the key has no limits, time proves nothing; and one entry of the far future, as a wrong clock writes it,
    # must not end all decisions, those among them that take a model out of service.
    if signer.limited and latest and at < latest - _CLOCK_TOLERANCE:
        raise LedgerError(f"its time {entry.time!r} {_TOO_EARLY}, and the key's validity is limited")
    if problem := claim_problem(signer, entry.owner, entry.role):
        raise LedgerError(problem)
    return signer


def claim_problem(signer: Signer, owner: str, role: str) -> str:
    """Why `signer` may not speak as `owner` in `role`; empty when nothing stands against it."""
    if signer.name != owner:
        return f"it is signed by {signer.name}, not by {owner}"
    if role not in signer.roles:
        return f"{signer.name} doesn't hold the role {role}, only {', '.join(signer.roles)}"
    return ""


def four_eyes_problem(owner: str, approver: str, signer: Signer | None, owners: Mapping[PublicKey, str]) -> str:
    """Why an approval isn't a second person's; empty when it is."""
    if same_person(approver, owner):
        other = "" if approver == owner else f", as {approver} neither"
        return f"the version belongs to {owner}, who can't approve it{other}"
    if signer and same_person(owners.get(signer.key, ""), owner):
        return f"the key {signer.key.fingerprint} is one of {owner}, whom the version belongs to"
    return ""


def may_manage(policy: Policy, name: str, role: Role) -> bool:
    """Whether the policy lets `role` change identities."""
    return policy.decide(Actor(name, role, WHERE), Action.IDENTITY).allowed


def change_problem(known: Identities, policy: Policy, operation: str, signer: Signer) -> str:
    """Why this identity can't be added or removed; empty when it can."""
    if operation == REMOVE:
        if signer not in known.signers:
            return f"there is no such line of {signer.name}"
        left = [one for one in known.signers if one != signer and _manages(policy, one)]
        return "" if left else f"{signer.name} is the last one who may change identities"
    if operation != ADD:
        return f"{operation!r} is no operation on identities"
    if any(one.key == signer.key for one in known.signers):
        return f"the key {signer.key.fingerprint} is known already"
    former = known.owners.get(signer.key, signer.name)
    if not same_person(former, signer.name):
        return f"the key {signer.key.fingerprint} was {former}'s"
    if spelling := other_spelling(signer.name, known.signers):
        return f"{spelling} is known already, and {signer.name} is the same name in another spelling"
    if known.untouched and not _manages(policy, signer):
        return "the first identity must have a role that may change identities, or nobody could add a second one"
    return ""


def _manages(policy: Policy, signer: Signer) -> bool:
    return not signer.key.weakness and any(may_manage(policy, signer.name, role) for role in signer.roles)


def changed(known: Identities, operation: str, signer: Signer) -> Identities:
    """After the change, which `change_problem` finds nothing against."""
    if operation == ADD:
        owners = {**known.owners, signer.key: signer.name}
        return replace(known, signers=(*known.signers, signer), owners=owners)
    return replace(known, signers=tuple(one for one in known.signers if one != signer))


def apply(
    known: Identities, entry: Entry, lab: str, policy: Policy, verify: Verify, latest: datetime | None
) -> Identities:
    """After `entry`. Raises LabError when it doesn't count."""
    if entry.action != Action.IDENTITY or entry.status is not Status.SUCCESS:
        return known
    statement = parse_identity_statement(entry.details.get("statement"))
    expect(
        statement.as_details(),
        lab=bound_lab(entry, statement.lab, lab),
        action=Action.IDENTITY.value,
        environment=entry.environment,
        actor=entry.owner,
        role=entry.role,
        prior=known.prior,
        policy_hash=entry.policy_hash,
        time=entry.time,
    )
    signer = parse_line(statement.line)
    if not known.untouched:
        if signer_of(entry, statement.body(), known.signers, verify, latest) is None:
            raise LedgerError("it isn't signed")
        if not may_manage(policy, entry.owner, parse_role(entry.role)):
            raise LedgerError(f"the role {entry.role} may not change identities")
    if problem := change_problem(known, policy, statement.operation, signer):
        raise LedgerError(problem)
    return changed(known, statement.operation, signer)


def bound_lab(entry: Entry, said: str, lab: str) -> str:
    """The lab that the statement of `entry` must name: a signature made for one lab counts in no other.

    What nobody signed is bound to none, as an archived probe: anybody who may write it could write any name.
    """
    return lab if entry.details.get("signature") else said


def expect(given: Mapping[str, str], **expected: str) -> None:
    """Raises LedgerError naming the first field of a statement that isn't as it must be."""
    for name, value in expected.items():
        if given[name] != value:
            raise LedgerError(f"its statement is about {name} {given[name]!r}, not {value!r}")


def moment(text: str) -> datetime | None:
    """An entry's time; None when it is none or has no zone."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else None
