"""What no policy of a governed lab may allow, whatever else its owner decides."""

from collections.abc import Iterator
from dataclasses import dataclass

from lab.core.policy import Action, Actor, Environment, Policy, Role

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
                    yield f"{role} may {action} in {environment} by rule {decision.rule!r}, but {reason}"
    for environment in SIGNED:
        if not policy.signature_required(environment):
            yield f"nothing has to be signed in {environment}"
