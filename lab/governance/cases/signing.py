"""Who acts, proved by the key that will sign: a known key speaks for its identity, whatever RUN_OWNER says."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from lab.base import account
from lab.base.errors import LabError, SignatureInvalid, UsageError
from lab.config import LabConfig
from lab.governance.ledger import Entry
from lab.governance.rules.approval_states import SignedStatement
from lab.governance.rules.identities import Identities, claim_problem
from lab.governance.rules.policy import Action, Actor, Environment, Role, parse_role
from lab.governance.rules.signers import Signer, parse_signers
from lab.governance.rules.ssh_keys import PublicKey
from lab.services import ssh


@dataclass(frozen=True)
class Claimant:
    """Who asks. `signer` is the identity of the key to sign with, `problem` why there is none that counts."""

    actor: Actor
    signer: Signer | None = None
    problem: str = ""

    @property
    def unknown(self) -> bool:
        """Whether there is nothing but a claim where a proof is needed."""
        return bool(self.problem) and self.signer is None


@dataclass(frozen=True)
class Signing:
    """The key and role that a person chose, where they did; `sign` makes an armored signature of bytes with a key."""

    key: Path | None = None
    role: str = ""
    home: Path = field(default_factory=account.home)
    sign: Callable[[bytes, Path], str] = ssh.sign

    def chosen(self, config: LabConfig) -> Path | None:
        """The key on the command line, or of the settings."""
        return self.key or config.signing_key

    def path(self, config: LabConfig) -> Path:
        """The key to sign with. Raises SignatureInvalid when there is none."""
        return ssh.find_key(self.chosen(config), self.home)

    def signed(
        self,
        config: LabConfig,
        entry: Entry,
        statement: SignedStatement,
        known: Identities,
        note: Callable[[str], None] = lambda _: None,
    ) -> tuple[Entry, str]:
        """The entry with its statement and signature, and why they don't prove whose it is; empty when they do.

        Raises SignatureInvalid when nothing can be signed.
        """
        key, message = self.path(config), statement.body()
        note(f"signing as {entry.owner} ({entry.role}) with {key}")
        armored = self.sign(message, key)
        proof = {"statement": statement.as_details(), "signature": armored, "signer": entry.owner}
        return replace(entry, details={**entry.details, **proof}), signature_problem(message, armored, entry, known)


@dataclass(frozen=True)
class KeyCard:
    """The key that would sign, and whose it is by the file of known keys: for showing, not for deciding.

    `lock` says what keeps it from signing at once (see `ssh_lock`), `problem` why there is no key.
    """

    path: str = ""
    fingerprint: str = ""
    name: str = ""
    roles: tuple[str, ...] = ()
    lock: str = ""
    problem: str = ""


def key_card(config: LabConfig, signing: Signing) -> KeyCard:
    """What is known of the key before it signs. Raises LabError when the file of known keys can't be read."""
    from lab.services.ssh_lock import lock_of

    try:
        path = signing.path(config)
        key = ssh.read_public_key(path)
    except (SignatureInvalid, UsageError) as err:
        return KeyCard(problem=str(err))
    signer = next((one for one in read_signers(config) if one.key == key), None)
    name, roles = (signer.name, tuple(map(str, signer.roles))) if signer else ("", ())
    return KeyCard(str(path), key.fingerprint, name, roles, lock_of(path))


def signers_path(config: LabConfig) -> Path:
    """Where the policy says that the file of known keys lies."""
    return config.governance / config.policy.allowed_signers


def read_signers(config: LabConfig) -> tuple[Signer, ...]:
    """The file's identities; none where there is no file. Raises LabError."""
    path = signers_path(config)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ()
    except (OSError, UnicodeDecodeError) as err:
        raise LabError(f"Can't read the file of known keys {path}: {err}.", "Make it readable.") from None
    return parse_signers(text, str(path))


def claimant(
    config: LabConfig,
    signing: Signing,
    known: Identities,
    action: Action,
    environment: Environment,
    required: bool | None = None,
) -> Claimant:
    """Who asks for `action`, in which role; `required` says whether it must be signed, by default as the policy does.

    Raises UsageError for an unknown role, LabError when the file of known keys can't be read.
    """
    needed = config.policy.signature_required(environment) if required is None else required
    claimed = replace(config.actor, environment=environment)
    if signing.role:
        claimed = replace(claimed, role=role_given(signing.role))
    if signing.chosen(config) is None and not needed:
        return Claimant(claimed)
    try:
        key = ssh.read_public_key(signing.path(config))
    except (SignatureInvalid, UsageError) as err:
        return Claimant(claimed, problem=str(err))
    signer, problem = _known(key, known, read_signers(config))
    if signer is None:
        return Claimant(claimed, problem=problem)
    role = claimed.role if signing.role else fitting_role(config, signer, action, environment)
    if role not in signer.roles:
        problem = f"{signer.name} doesn't hold the role {role}, only {', '.join(signer.roles)}"
    return Claimant(Actor(signer.name, role, environment), signer, problem)


def policy_problem(config: LabConfig, who: Claimant, action: Action) -> str:
    """Why whoever asks may not do this; empty when they may."""
    decision = config.policy.decide(who.actor, action)
    return who.problem or ("" if decision.allowed else str(decision))


def _known(key: PublicKey, known: Identities, written: tuple[Signer, ...]) -> tuple[Signer | None, str]:
    """The identity that both the trail and the file know, and why it can't sign now."""
    audited = next((one for one in known.signers if one.key == key), None)
    filed = next((one for one in written if one.key == key), None)
    if audited is None and filed is None:
        former = known.owners.get(key)
        gone = f"; it was {former}'s and has been removed" if former else ""
        return None, f"the key {key.fingerprint} is nobody's{gone}"
    if audited is None or filed is None:
        where = "the audit trail" if audited else "allowed_signers"
        return None, f"the key {key.fingerprint} is in {where} only: identities were changed by hand"
    if audited.line != filed.line:
        return None, f"the line of {audited.name} in allowed_signers isn't the one in the audit trail"
    if audited.key.weakness:
        return audited, f"the key {key.fingerprint} of {audited.name} {audited.key.weakness}"
    now = datetime.now(UTC)
    return audited, "" if audited.valid_at(now) else f"the key {key.fingerprint} of {audited.name} isn't valid now"


def fitting_role(config: LabConfig, signer: Signer, action: Action, environment: Environment) -> Role:
    """The first role held that the policy lets do this, or the first one for it to refuse."""
    for role in signer.roles:
        if config.policy.decide(Actor(signer.name, role, environment), action).allowed:
            return role
    return signer.roles[0]


def signature_problem(message: bytes, armored: str, entry: Entry, known: Identities) -> str:
    """Why the signature doesn't prove that `entry` is by whom it says, in the role it says; empty when it does."""
    try:
        signer = ssh.verify(message, armored, known.signers, datetime.fromisoformat(entry.time))
    except SignatureInvalid as err:
        return err.message
    return claim_problem(signer, entry.owner, entry.role)


def role_given(text: str) -> Role:
    """The role on a command line. Raises UsageError."""
    try:
        return parse_role(text, "--role")
    except LabError as err:
        raise UsageError(err.message, err.remedy) from None
