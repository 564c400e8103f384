"""Mistakes that the emulator takes and AWS refuses: none is in the plan, and each is found when it is planted."""

import json
from typing import Any

import pytest

from tests.support.aws.cycle import ACCOUNTS, Cycle
from tests.support.aws.mistakes import MISTAKES
from tests.support.aws.plan import Resource
from tests.support.aws.rules import RULES

pytestmark = [pytest.mark.terraform, pytest.mark.timeout(1800)]
# People sign in to an account of their own, as terraform/envs/*/main.tf has it.
_PEOPLE = "arn:aws:iam::444444444444:root"


def test_every_rule_has_a_mistake_to_find() -> None:
    assert set(RULES) == set(MISTAKES)


@pytest.mark.parametrize("rule", RULES)
def test_the_plan_is_without(cycle: Cycle, rule: str) -> None:
    assert list(RULES[rule](cycle.plan)) == []


@pytest.mark.parametrize("rule", RULES)
def test_finds_what_is_planted(dev: Cycle, rule: str) -> None:
    assert MISTAKES[rule].found in list(RULES[rule](dev.planted))


def test_no_shell_outside_dev(cycle: Cycle) -> None:
    services = list(cycle.plan.of("aws_ecs_service"))
    assert len(services) == 8
    assert {one.values["enable_execute_command"] for one in services} == {cycle.environment == "dev"}


def test_people_may_run_where_the_policy_lets_them(cycle: Cycle) -> None:
    allowed = {
        "dev": {"analyst", "data-scientist", "ml-engineer", "risk-officer", "platform-admin"},
        "staging": {"data-scientist", "ml-engineer", "risk-officer", "platform-admin"},
        "prod": {"ml-engineer", "platform-admin"},
    }
    names = (one.values["name"] for one in cycle.plan.of("aws_iam_role"))
    prefix = f"mlops-{cycle.environment}-run-"
    assert {name.removeprefix(prefix) for name in names if name.startswith(prefix)} == allowed[cycle.environment]


def test_a_role_is_taken_on_by_whom_it_is_for_alone(cycle: Cycle) -> None:
    """A person by the tag of that role in that environment; a task of this account's clusters."""
    own, prefix = ACCOUNTS[cycle.environment][0], f"mlops-{cycle.environment}-"
    seen = set()
    for one in cycle.plan.of("aws_iam_role"):
        kind, _, rest = one.values["name"].removeprefix(prefix).partition("-")
        if kind in {"human", "run", "task", "train", "exec"}:
            taken = [line for line in trust(one) if line["Action"] == "sts:AssumeRole"]
            tag = {f"aws:PrincipalTag/lab-role-{cycle.environment}": rest}
            principal = {"AWS": _PEOPLE} if kind == "human" else {"Service": "ecs-tasks.amazonaws.com"}
            condition = {"StringEquals": tag if kind == "human" else {"aws:SourceAccount": own}}
            assert [(line["Principal"], line["Condition"]) for line in taken] == [(principal, condition)], one.name
            seen.add(kind)
    assert len(seen) == 5


def trust(role: Resource) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(role.values["assume_role_policy"])["Statement"]
    assert {line["Action"] for line in found} <= {"sts:AssumeRole", "sts:SetSourceIdentity"}
    return found
