"""What no rule allows is denied; the digest says what is in force."""

import itertools
from dataclasses import replace

import pytest

from lab.base.errors import SettingsError
from lab.governance.rules.policy import (
    Action,
    Actor,
    Environment,
    Policy,
    Role,
    Rule,
    combined_hash,
    parse_action,
    parse_environment,
    parse_role,
    parse_roles,
)

EVERYTHING = list(itertools.product(Role, Environment, Action))
RULE = Rule("judge", (Action.APPROVE, Action.REJECT), (Environment.STAGING,), (Role.RISK_OFFICER,))


def decide(policy: Policy, role: Role, environment: Environment, action: Action) -> bool:
    return policy.decide(Actor("ann", role, environment), action).allowed


@pytest.mark.parametrize(("role", "environment", "action"), EVERYTHING)
def test_without_rules_nothing_is_allowed(role: Role, environment: Environment, action: Action) -> None:
    decision = Policy(()).decide(Actor("ann", role, environment), action)
    assert (decision.allowed, decision.rule) == (False, "default: nobody")


def test_a_rule_allows_what_it_names_and_nothing_else() -> None:
    allowed = {case for case in EVERYTHING if decide(Policy((RULE,)), *case)}
    assert allowed == {
        (Role.RISK_OFFICER, Environment.STAGING, Action.APPROVE),
        (Role.RISK_OFFICER, Environment.STAGING, Action.REJECT),
    }


def test_a_rule_without_roles_allows_nobody() -> None:
    policy = Policy((replace(RULE, roles=()),))
    assert not any(decide(policy, *case) for case in EVERYTHING)


def test_rules_add_up_and_the_one_that_allows_is_named() -> None:
    other = Rule("also", (Action.APPROVE,), (Environment.STAGING,), (Role.ANALYST,))
    policy = Policy((RULE, other))
    allowed = policy.decide(Actor("ann", Role.ANALYST, Environment.STAGING), Action.APPROVE)
    assert (allowed.allowed, allowed.rule) == (True, "also: analyst")
    refused = policy.decide(Actor("ann", Role.ML_ENGINEER, Environment.STAGING), Action.APPROVE)
    assert (refused.allowed, refused.rule) == (False, "judge: risk-officer; also: analyst")


def test_a_decision_reads_without_the_policy() -> None:
    decision = Policy((RULE,)).decide(Actor("ann", Role.ANALYST, Environment.STAGING), Action.APPROVE)
    assert str(decision) == "ann as analyst may not approve in staging (rule: judge: risk-officer)"


@pytest.mark.parametrize("parse", [parse_role, parse_environment, parse_action])
@pytest.mark.parametrize("text", ["", "root", "Dev", " dev", "production", "*"])
def test_what_is_not_known_is_an_error(parse: object, text: str) -> None:
    with pytest.raises(SettingsError, match="PLACE") as error:
        parse(text, "PLACE")  # type: ignore[operator]
    assert repr(text) in str(error.value)
    assert "Use one of: " in error.value.remedy


def test_roles_of_a_variable_are_all_known() -> None:
    assert parse_roles(" analyst, ml-engineer,", "X") == {Role.ANALYST, Role.ML_ENGINEER}
    assert parse_roles("", "X") == frozenset()
    with pytest.raises(SettingsError, match="X: 'boss'"):
        parse_roles("analyst,boss", "X")


def test_signatures_are_required_where_nothing_else_is_said() -> None:
    policy = Policy(())
    assert [policy.signature_required(one) for one in Environment] == [False, True, True]


def test_the_digest_stays_while_nothing_changes() -> None:
    first = Rule(
        "a", (Action.RUN, Action.ARCHIVE), (Environment.DEV, Environment.PROD), (Role.ANALYST, Role.ML_ENGINEER)
    )
    turned = replace(
        first,
        actions=first.actions[::-1],
        environments=first.environments[::-1],
        roles=first.roles[::-1],
    )
    assert Policy((first, RULE)).digest == Policy((RULE, turned)).digest
    # Kept in entries that are years old: a change of how it is made is a change of format.
    assert Policy((RULE,)).digest == "8daf8570db0ee28caf375c4459ae0b7b76d24ed7b060dc65b5c63c5e0dfea376"


@pytest.mark.parametrize(
    "other",
    [
        Policy(()),
        Policy((replace(RULE, id="other"),)),
        Policy((replace(RULE, roles=(Role.RISK_OFFICER, Role.ANALYST)),)),
        Policy((replace(RULE, actions=(Action.APPROVE,)),)),
        Policy((replace(RULE, environments=(Environment.PROD,)),)),
        Policy((RULE,), signed=frozenset()),
        Policy((RULE,), allowed_signers="elsewhere"),
        Policy((RULE,), margins={"auc": "0.02"}),
        Policy((RULE,), margins={}),
    ],
)
def test_the_digest_changes_with_whatever_is_in_force(other: Policy) -> None:
    assert other.digest != Policy((RULE,)).digest


def test_the_hash_of_entries_covers_the_known_keys() -> None:
    policy = Policy((RULE,))
    hashes = {combined_hash(policy, signers) for signers in (None, b"", b"alice ssh-ed25519 AAAA\n")}
    assert len(hashes) == 3
    assert combined_hash(policy, b"x") != combined_hash(Policy(()), b"x")
