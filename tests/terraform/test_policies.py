"""Mistakes that the emulator takes and AWS refuses: none is in the plan, and each is found when it is planted."""

import pytest

from tests.support.aws.cycle import Cycle
from tests.support.aws.mistakes import MISTAKES
from tests.support.aws.rules import RULES

pytestmark = [pytest.mark.terraform, pytest.mark.timeout(1800)]


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
