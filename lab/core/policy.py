"""Who may do what, where: a pure decision over roles × environments × actions. Default deny."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256

from lab.core.errors import SettingsError


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


@dataclass(frozen=True)
class Actor:
    """Who asks: a name, the role claimed, and the environment acted in."""

    owner: str
    role: Role
    environment: Environment


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
        return f"{who} {verdict} {self.action} in {self.actor.environment} (rule: {self.rule})"


@dataclass(frozen=True)
class Policy:
    """Roles that may act, by environment."""

    allowed: Mapping[Environment, frozenset[Role]]

    @property
    def digest(self) -> str:
        """SHA-256 (hex) over the sorted rules; it goes into every audit entry."""
        lines = (f"{env}={','.join(sorted(self.allowed.get(env, ())))}" for env in Environment)
        return sha256("\n".join(lines).encode()).hexdigest()

    def decide(self, actor: Actor, action: Action) -> Decision:
        """Allowed only where a rule names the actor's role for the actor's environment."""
        roles = self.allowed.get(actor.environment, frozenset())
        rule = f"{actor.environment}: {', '.join(sorted(roles)) or 'nobody'}"
        return Decision(actor, action, actor.role in roles, rule)


def parse_environment(text: str) -> Environment:
    """Raises SettingsError for anything but dev, staging or prod, `production` included."""
    try:
        return Environment(text)
    except ValueError:
        raise SettingsError(f"ENVIRONMENT={text!r} is unknown.", f"Use one of: {', '.join(Environment)}.") from None


def parse_role(text: str, variable: str = "RUN_ROLE") -> Role:
    """Raises SettingsError for an unknown role."""
    try:
        return Role(text)
    except ValueError:
        raise SettingsError(f"{variable}: {text!r} is no role.", f"Use one of: {', '.join(Role)}.") from None


def parse_roles(text: str, variable: str) -> frozenset[Role]:
    """Comma-separated roles, as in `ALLOWED_PROD_ROLES`; empty means nobody."""
    return frozenset(parse_role(part.strip(), variable) for part in text.split(",") if part.strip())


def make_policy(staging: Iterable[Role], prod: Iterable[Role]) -> Policy:
    """Every role may act in dev; staging and prod name theirs."""
    return Policy(
        {
            Environment.DEV: frozenset(Role),
            Environment.STAGING: frozenset(staging),
            Environment.PROD: frozenset(prod),
        }
    )
