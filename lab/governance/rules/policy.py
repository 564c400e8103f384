"""Who may do what, where: a pure decision over roles × environments × actions. Default deny.

`LIMITS` is what no policy may allow.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256
from typing import TypeVar

from lab.base import names
from lab.base.drift_report import DRIFTED
from lab.base.errors import SettingsError
from lab.base.similar import meant
from lab.governance.ledger import canonical
from lab.models.metrics import MORE_IS_BETTER


class Environment(StrEnum):
    """Where a lab or a run stands; nothing else is accepted, and nothing else is treated as dev."""

    DEV = "dev"
    STAGING = "staging"
    PROD = "prod"


class Role(StrEnum):
    """The roles a policy can name."""

    ANALYST = "analyst"
    DATA_SCIENTIST = "data-scientist"
    ML_ENGINEER = "ml-engineer"
    RISK_OFFICER = "risk-officer"
    PLATFORM_ADMIN = "platform-admin"


class Action(StrEnum):
    """What a person or a run may ask for."""

    RUN = "run"
    APPROVE = "approve"
    PROMOTE = "promote"
    REJECT = "reject"
    ARCHIVE = "archive"
    BASELINE = "baseline"
    CRITERIA = "criteria"
    IDENTITY = "identity"
    DEPLOY = "deploy"
    APPROVE_DEPLOY = "approve-deploy"

    @property
    def phrase(self) -> str:
        """What somebody does who takes it, to stand behind "may" in a sentence."""
        return _PHRASES.get(self, self.value)


_PHRASES = {
    Action.BASELINE: "set a baseline",
    Action.CRITERIA: "set criteria",
    Action.IDENTITY: "change identities",
    Action.APPROVE_DEPLOY: "approve deployments",
}

# The metrics that a version may have; True where more is better.
METRICS: Mapping[str, bool] = MORE_IS_BETTER
_OWNERS = f"Allowed: {names.ALLOWED}."
_Known = TypeVar("_Known", Environment, Role, Action)


@dataclass(frozen=True)
class Actor:
    """Who asks: a name, the role claimed, and the environment acted in."""

    owner: str
    role: Role
    environment: Environment


@dataclass(frozen=True)
class Claim:
    """Who a run says it is, as text: nothing here is known to be valid."""

    owner: str
    role: str
    environment: str

    def actor(self) -> Actor:
        """Raises SettingsError for what is no name, role or environment."""
        if problem := names.name_problem(self.owner):
            raise SettingsError(f"RUN_OWNER: '{names.shown(self.owner)}' is no owner: it {problem}.", _OWNERS)
        return Actor(self.owner, parse_role(self.role), parse_environment(self.environment))

    def shown(self) -> "Claim":
        """The claim as it may be kept and shown; what is no name is escaped."""
        return Claim(names.shown(self.owner), names.shown(self.role), names.shown(self.environment))


@dataclass(frozen=True)
class Decision:
    """One answer of the policy, complete enough to be read without it."""

    actor: Actor
    action: Action
    allowed: bool
    rule: str

    def __str__(self) -> str:
        verdict = "may" if self.allowed else "may not"
        who = f"{self.actor.owner} as {self.actor.role}"
        return f"{who} {verdict} {self.action.phrase} in {self.actor.environment} (rule: {self.rule})"


@dataclass(frozen=True)
class Rule:
    """Roles that may take actions in environments; in the order in which they are shown."""

    id: str
    actions: tuple[Action, ...]
    environments: tuple[Environment, ...]
    roles: tuple[Role, ...]

    def speaks_of(self, action: Action, environment: Environment) -> bool:
        """Whether the rule allows anybody the action there, or says that nobody may."""
        return action in self.actions and environment in self.environments

    def __str__(self) -> str:
        return f"{self.id}: {', '.join(self.roles) or 'nobody'}"


@dataclass(frozen=True)
class Policy:
    """Everything that is allowed; what no rule allows is denied.

    `signed` are the environments whose approvals and the like need a signature. `allowed_signers` is the path of the
    file of known keys, absolute or below the lab's governance folder. `margins` say by metric how much worse than the
    champion a promoted version may be, as decimal text or a share of the champion's in per cent. `approvers` say by
    risk tier how many different people must have approved a version before it is approved for prod. `fairness` says by
    measure and risk tier how far apart groups of people may be, in the form of `margins`; empty: nothing is judged.
    `drift` is the PSI, as decimal text, above which a feature has drifted whatever a contract asks for unsigned.
    """

    rules: tuple[Rule, ...]
    signed: frozenset[Environment] = frozenset({Environment.STAGING, Environment.PROD})
    allowed_signers: str = "allowed_signers"
    margins: Mapping[str, str] = field(default_factory=lambda: {"auc": "0.01"})
    approvers: Mapping[str, int] = field(default_factory=dict)
    fairness: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    drift: str = str(DRIFTED)

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of the canonical JSON of what is in force; the order of roles and rules doesn't matter."""
        rules = {
            rule.id: {
                "actions": sorted(rule.actions),
                "environments": sorted(rule.environments),
                "roles": sorted(rule.roles),
            }
            for rule in self.rules
        }
        value = {
            "rules": rules,
            "signed": sorted(self.signed),
            "allowed_signers": self.allowed_signers,
            "margins": dict(self.margins),
            # Where a policy says nothing of it, its digest is the one that it always had.
            **({"approvers": dict(self.approvers)} if self.approvers else {}),
            **({"drift": self.drift} if self.drift != str(DRIFTED) else {}),
            **({"fairness": {name: dict(by) for name, by in self.fairness.items()}} if self.fairness else {}),
        }
        return sha256(canonical(value)).hexdigest()

    def decide(self, actor: Actor, action: Action) -> Decision:
        """Allowed only where a rule names the actor's role for the action in the actor's environment."""
        speaking = [rule for rule in self.rules if rule.speaks_of(action, actor.environment)]
        for rule in speaking:
            if actor.role in rule.roles:
                return Decision(actor, action, True, str(rule))
        return Decision(actor, action, False, "; ".join(map(str, speaking)) or "default: nobody")

    def signature_required(self, environment: Environment) -> bool:
        """Whether what is done in `environment` must be signed with a known key."""
        return environment in self.signed


def combined_hash(policy: Policy, signers: bytes | None) -> str:
    """What entries carry as `policy_hash`: SHA-256 (hex) over the policy's digest and, where there is one, its file
    of known keys.
    """
    signers_digest = "" if signers is None else sha256(signers).hexdigest()
    return sha256(canonical({"policy": policy.digest, "allowed_signers": signers_digest})).hexdigest()


def parse_environment(text: str, place: str = "ENVIRONMENT") -> Environment:
    """Raises SettingsError for anything but dev, staging or prod, `production` included."""
    return _parse(Environment, text, place)


def parse_role(text: str, place: str = "RUN_ROLE") -> Role:
    """Raises SettingsError for an unknown role."""
    return _parse(Role, text, place)


def parse_action(text: str, place: str = "action") -> Action:
    """Raises SettingsError for an unknown action."""
    return _parse(Action, text, place)


def _parse(kind: type[_Known], text: str, place: str) -> _Known:
    try:
        return kind(text)
    except ValueError:
        name = kind.__name__.lower()
        raise SettingsError(
            f"{place}: '{names.shown(text)}' is no {name}.", f"{meant(text, kind)}Use one of: {', '.join(kind)}."
        ) from None


def parse_roles(text: str, variable: str) -> frozenset[Role]:
    """Comma-separated roles, as in `ALLOWED_PROD_ROLES`; empty means nobody."""
    return frozenset(parse_role(part.strip(), variable) for part in text.split(",") if part.strip())


def in_order(roles: Iterable[Role]) -> tuple[Role, ...]:
    """Each role once, in the order in which they are defined."""
    given = frozenset(roles)
    return tuple(role for role in Role if role in given)


_DEV, _STAGING, _PROD = Environment.DEV, Environment.STAGING, Environment.PROD
_BUILDERS = (Role.ANALYST, Role.DATA_SCIENTIST, Role.ML_ENGINEER)


@dataclass(frozen=True)
class Limit:
    """Roles that must not be allowed these actions in these environments, and why."""

    reason: str
    actions: tuple[Action, ...]
    environments: tuple[Environment, ...]
    roles: tuple[Role, ...]


LIMITS = (
    Limit("analysts run nothing in prod", (Action.RUN,), (_PROD,), (Role.ANALYST,)),
    Limit(
        "analysts decide on no version",
        (Action.APPROVE, Action.PROMOTE, Action.REJECT, Action.ARCHIVE),
        tuple(Environment),
        (Role.ANALYST,),
    ),
    Limit("who builds doesn't approve", (Action.APPROVE,), (_STAGING, _PROD), _BUILDERS),
    Limit("who builds doesn't say who may sign", (Action.IDENTITY,), tuple(Environment), _BUILDERS),
    Limit("who builds doesn't set the yardstick of drift", (Action.BASELINE,), (_STAGING, _PROD), _BUILDERS),
    Limit("who builds doesn't say what it is judged by", (Action.CRITERIA,), (_STAGING, _PROD), _BUILDERS),
    Limit("analysts deploy nothing outside dev", (Action.DEPLOY,), (_STAGING, _PROD), (Role.ANALYST,)),
    Limit("who builds doesn't approve what is deployed", (Action.APPROVE_DEPLOY,), (_STAGING, _PROD), _BUILDERS),
)
SIGNED = (_STAGING, _PROD)


def forbidden(role: Role, environment: Environment, action: Action) -> str:
    """Why no policy may allow this; empty when one may."""
    for limit in LIMITS:
        if action in limit.actions and environment in limit.environments and role in limit.roles:
            return limit.reason
    return ""


def weaknesses(policy: Policy) -> Iterator[str]:
    """Everything that `policy` allows and no policy may."""
    for action in Action:
        for environment in Environment:
            for role in Role:
                decision = policy.decide(Actor("anybody", role, environment), action)
                if decision.allowed and (reason := forbidden(role, environment, action)):
                    yield f"{role} may {action.phrase} in {environment} by rule {decision.rule!r}, but {reason}"
    for environment in SIGNED:
        if not policy.signature_required(environment):
            yield f"nothing has to be signed in {environment}"
