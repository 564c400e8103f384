"""What no policy may allow: the shipped one allows none of it, and each loosening is named."""

from dataclasses import replace

import pytest

from lab.governance.rules.policy import LIMITS, Action, Environment, Policy, Role, Rule, forbidden, in_order, weaknesses
from tests.support.lab import ROOT

DEFAULTS = {
    "ALLOWED_STAGING_ROLES": "data-scientist,ml-engineer,risk-officer,platform-admin",
    "ALLOWED_PROD_ROLES": "ml-engineer,platform-admin",
}


@pytest.fixture
def shipped() -> Policy:
    from lab.governance.rules.policy_file import read_policy

    return read_policy(ROOT / "stack" / "governance" / "policy.yaml", DEFAULTS)


def test_the_shipped_policy_has_no_weakness(shipped: Policy) -> None:
    assert list(weaknesses(shipped)) == []


@pytest.mark.parametrize(
    ("action", "environment", "role"),
    [
        (action, environment, role)
        for limit in LIMITS
        for action in limit.actions
        for environment in limit.environments
        for role in limit.roles
    ],
)
def test_every_forbidden_permission_is_found(
    shipped: Policy, action: Action, environment: Environment, role: Role
) -> None:
    loose = Rule("loose", (action,), (environment,), (role,))
    found = list(weaknesses(replace(shipped, rules=(*shipped.rules, loose))))
    assert len(found) == 1
    assert f"{role} may {action.phrase} in {environment}" in found[0]
    assert forbidden(role, environment, action) in found[0]


@pytest.mark.parametrize("environment", [Environment.STAGING, Environment.PROD])
def test_an_environment_without_signatures_is_found(shipped: Policy, environment: Environment) -> None:
    found = list(weaknesses(replace(shipped, signed=shipped.signed - {environment})))
    assert found == [f"nothing has to be signed in {environment}"]


def test_a_policy_that_allows_everything_breaks_every_limit(shipped: Policy) -> None:
    everything = Rule("all", tuple(Action), tuple(Environment), in_order(Role))
    found = list(weaknesses(replace(shipped, rules=(everything,))))
    assert {limit.reason for limit in LIMITS} == {text.rpartition(", but ")[2] for text in found}


def test_the_officers_permissions_are_forbidden_by_nothing() -> None:
    assert not forbidden(Role.RISK_OFFICER, Environment.PROD, Action.APPROVE)
    assert not forbidden(Role.ANALYST, Environment.DEV, Action.RUN)
