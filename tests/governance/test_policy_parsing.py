"""A policy file says exactly what it seems to say, or it is refused with file, place, value and what is allowed."""

import copy
from typing import Any

import pytest

from lab.base.errors import SettingsError
from lab.governance.rules.policy import Action, Environment, Role
from lab.governance.rules.policy_file import parse_policy

VARIABLES = {"ALLOWED_STAGING_ROLES": "analyst", "ALLOWED_PROD_ROLES": "ml-engineer, platform-admin"}
GOOD: dict[str, Any] = {
    "version": 1,
    "rules": [
        {"id": "run", "actions": ["run"], "environments": ["dev", "prod"], "roles": ["ml-engineer", "analyst"]},
        {"id": "run-prod", "actions": ["run"], "environments": ["prod"], "roles_from": "ALLOWED_PROD_ROLES"},
    ],
    "signatures": {"dev": "optional", "staging": "required", "prod": "required"},
    "allowed_signers": "allowed_signers",
    "margins": {"auc": "0.01"},
}
MISSING = object()


PARITY = "demographic_parity_difference"


def changed(*path: Any, to: Any) -> dict[str, Any]:
    """GOOD with one value replaced, added, or taken away."""
    made = copy.deepcopy(GOOD)
    inner: Any = made
    for step in path[:-1]:
        inner = inner[step]
    if to is MISSING:
        del inner[path[-1]]
    else:
        inner[path[-1]] = to
    return made


def test_a_policy_file_becomes_rules() -> None:
    policy = parse_policy(GOOD, "p.yaml", VARIABLES)
    assert [rule.id for rule in policy.rules] == ["run", "run-prod"]
    assert policy.rules[0].actions == (Action.RUN,)
    assert policy.rules[0].environments == (Environment.DEV, Environment.PROD)
    assert policy.rules[1].roles == (Role.ML_ENGINEER, Role.PLATFORM_ADMIN)
    assert policy.signed == {Environment.STAGING, Environment.PROD}
    assert policy.margins == {"auc": "0.01"}


def test_a_variable_decides_who_stands_in_a_rule() -> None:
    digests = set()
    for text in ("", "analyst", "analyst,ml-engineer"):
        policy = parse_policy(GOOD, "p.yaml", {"ALLOWED_PROD_ROLES": text})
        assert ",".join(policy.rules[1].roles) == text
        digests.add(policy.digest)
    assert len(digests) == 3
    same = [
        parse_policy(GOOD, "p.yaml", {"ALLOWED_PROD_ROLES": text})
        for text in ("analyst,ml-engineer", "ml-engineer, analyst")
    ]
    assert same[0].digest == same[1].digest


def test_a_variable_that_is_not_there_allows_nobody() -> None:
    assert parse_policy(GOOD, "p.yaml", {}).rules[1].roles == ()


def test_an_unknown_role_in_a_variable_names_the_variable() -> None:
    with pytest.raises(SettingsError, match="ALLOWED_PROD_ROLES: 'boss' is no role"):
        parse_policy(GOOD, "p.yaml", {"ALLOWED_PROD_ROLES": "boss"})


@pytest.mark.parametrize(
    ("raw", "named"),
    [
        (None, ["p.yaml: None is no mapping"]),
        ([], ["p.yaml: [] is no mapping"]),
        (changed("version", to=2), ["p.yaml: version: 2 is unknown", "Allowed: 1"]),
        (changed("version", to=True), ["version: True is unknown"]),
        (changed("version", to=MISSING), ["p.yaml: 'version' is missing"]),
        (changed("rules", to=MISSING), ["'rules' is missing"]),
        (changed("signatures", to=MISSING), ["'signatures' is missing"]),
        (changed("allow", to=1), ["p.yaml: allow: 'allow' is no key here", "rules"]),
        (changed("rules", to={}), ["rules: {} is no list"]),
        (changed("rules", 0, to="run"), ["rules[0]: 'run' is no mapping"]),
        (changed("rules", 0, "id", to=MISSING), ["rules[0]: 'id' is missing"]),
        (changed("rules", 0, "id", to="Run all"), ["rules[0].id: 'Run all' is no id"]),
        (changed("rules", 1, "id", to="run"), ["rules[1].id: 'run' is there twice"]),
        (changed("rules", 0, "role", to=["analyst"]), ["rules[0].role: 'role' is no key here"]),
        (changed("rules", 0, "roles", to=MISSING), ["rules[0] (run): either roles or roles_from"]),
        (changed("rules", 1, "roles", to=["analyst"]), ["rules[1] (run-prod): either roles or roles_from"]),
        (changed("rules", 0, "roles", to=[]), ["rules[0] (run).roles: [] is no list of names"]),
        (changed("rules", 0, "roles", to="analyst"), ["'analyst' is no list"]),
        (changed("rules", 0, "roles", 1, to="root"), ["rules[0] (run).roles[1]: 'root' is no role", "risk-officer"]),
        (changed("rules", 0, "roles", 1, to="ml-engineer"), ["roles[1]: 'ml-engineer' is there twice"]),
        (changed("rules", 0, "roles", 0, to=None), ["roles[0]: 'None' is no role"]),
        (changed("rules", 0, "actions", 0, to="destroy"), ["actions[0]: 'destroy' is no action", "promote"]),
        (changed("rules", 0, "actions", to=MISSING), ["rules[0]: 'actions' is missing"]),
        (changed("rules", 0, "environments", 1, to="production"), ["environments[1]: 'production' is no", "staging"]),
        (changed("rules", 1, "roles_from", to="HOME"), ["roles_from: 'HOME' is no such", "ALLOWED_PROD_ROLES"]),
        (changed("rules", 1, "roles_from", to=["ALLOWED_PROD_ROLES"]), ["roles_from: ['ALLOWED_PROD_ROLES']"]),
        (changed("signatures", "prod", to=MISSING), ["signatures: 'prod' is missing"]),
        (changed("signatures", "prod", to="no"), ["signatures.prod: 'no' is unknown", "required, optional"]),
        (changed("signatures", "prod", to=False), ["signatures.prod: False is unknown"]),
        (changed("signatures", "prod", to=["required"]), ["signatures.prod: ['required'] is unknown"]),
        (changed("signatures", "production", to="required"), ["signatures.production: 'production' is no key"]),
        (changed("allowed_signers", to=""), ["allowed_signers: '' is no path"]),
        (changed("allowed_signers", to=7), ["allowed_signers: 7 is no path"]),
        (changed("margins", "elegance", to="0.1"), ["margins.elegance: 'elegance' is no key here", "auc"]),
        (changed("fairness", to={"elegance": "0.1"}), ["fairness.elegance: 'elegance' is no key here"]),
        (changed("fairness", to={PARITY: {"low": "0.1"}}), [f"fairness.{PARITY}: 'medium' is missing"]),
        (changed("fairness", to={PARITY: 0.1}), [f"fairness.{PARITY}: 0.1 is no text"]),
        (changed("drift", to=0.25), ["drift: 0.25 is no PSI"]),
        (changed("drift", to="0"), ["drift: '0' is no PSI"]),
        (changed("drift", to="25%"), ["drift: '25%' is no PSI"]),
        (changed("margins", "auc", to=0.01), ["margins.auc: 0.01 is no text"]),
        (changed("margins", "auc", to="little"), ["margins.auc: 'little' is no number"]),
        (changed("margins", "auc", to="NaN"), ["margins.auc: 'NaN' is out of range"]),
        (changed("margins", "auc", to="Infinity"), ["'Infinity' is out of range"]),
        (changed("margins", "auc", to="-0.1"), ["'-0.1' is out of range"]),
        (changed("margins", "auc", to="1.5"), ["'1.5' is out of range", "from 0 to 1"]),
    ],
)
def test_a_mistake_is_named_with_its_place_and_what_is_allowed(raw: Any, named: list[str]) -> None:
    with pytest.raises(SettingsError) as error:
        parse_policy(raw, "p.yaml", VARIABLES)
    message = str(error.value)
    assert message.startswith("p.yaml")
    for part in named:
        assert part in message


def test_groups_may_be_as_far_apart_as_each_tier_says_or_all_of_them() -> None:
    by_tier = {"low": "0.2", "medium": "0.1", "high": "5%"}
    raw = changed("fairness", to={PARITY: by_tier, "mean_error_difference": "25%"}) | {"drift": "0.3"}
    policy = parse_policy(raw, "policy.yaml", {})
    assert policy.fairness[PARITY] == by_tier
    assert set(policy.fairness["mean_error_difference"].values()) == {"25%"}
    silent = parse_policy(changed("margins", to={"auc": "0.01"}), "policy.yaml", {})
    assert (policy.drift, silent.drift, silent.fairness) == ("0.3", "0.25", {})
    assert policy.digest != silent.digest


def test_a_margin_has_one_text() -> None:
    policy = parse_policy(changed("margins", "auc", to="1E-2"), "p.yaml", VARIABLES)
    assert policy.margins == {"auc": "0.01"}
