"""Every environment is made, is what was asked for, and goes without a trace."""

from pathlib import Path

import pytest

from lab.base.catalogue import Service
from lab.governance.rules.policy import Environment
from lab.governance.rules.policy_file import read_policy
from lab.observe.remote import endpoints_in
from lab.settings import load
from tests.support.aws.cycle import ACCOUNTS, DOMAINS, Cycle
from tests.support.aws.inventory import SEEN

pytestmark = [pytest.mark.terraform, pytest.mark.timeout(1800)]


def test_a_second_plan_is_empty(cycle: Cycle) -> None:
    assert cycle.again.code == 0, cycle.again.output[-8000:]


def test_the_lab_reads_the_settings(cycle: Cycle, tmp_path: Path) -> None:
    file = tmp_path / "lab.env"
    file.write_text(cycle.settings)

    config = load(read_policy, {"LAB_ENV_FILE": str(file)})

    lab, audit, _ = ACCOUNTS[cycle.environment]
    assert config.actor.environment is Environment(cycle.environment)
    assert config.name == f"mlops-{cycle.environment}"
    assert config.audit_bucket == f"mlops-{cycle.environment}-audit-{audit}"
    assert config.data_bucket == f"mlops-{cycle.environment}-data-{lab}"
    domain = DOMAINS[cycle.environment]
    assert endpoints_in(file) == {
        Service.DAGSTER: f"https://dagster.{domain}",
        Service.MLFLOW: f"https://mlflow.{domain}",
    }
    locked = cycle.plan.of("aws_s3_bucket_object_lock_configuration")
    kept = [one.values["rule"][0]["default_retention"][0]["days"] for one in locked]
    assert kept == [config.audit_retention_days] * 2


def test_nothing_is_left(cycle: Cycle) -> None:
    assert {one.type for one in cycle.plan.resources} <= SEEN, "say in inventory.yaml how one that is left is found"
    assert len(cycle.made) > 100
    assert cycle.left_in_state == ""
    assert cycle.after - cycle.before == set()
    assert cycle.before - cycle.after == set()


def test_only_dev_can_be_deleted_at_will(cycle: Cycle) -> None:
    assert cycle.protected == (() if cycle.environment == "dev" else ("database", "load balancer"))


def test_the_audit_trail_is_in_an_account_of_its_own(cycle: Cycle) -> None:
    bucket = cycle.plan.at("storage.module.audit_bucket.aws_s3_bucket.this").values
    assert bucket["bucket"].endswith(ACCOUNTS[cycle.environment][1])
    assert ACCOUNTS[cycle.environment][2] in cycle.plan.at("governance.aws_cloudwatch_event_bus.heads").values["arn"]


def test_every_resource_says_whose_it_is(cycle: Cycle) -> None:
    tagged = [one for one in cycle.plan.resources if one.values.get("tags_all") is not None]
    assert len(tagged) > 100
    assert {one.values["tags_all"].get("Environment") for one in tagged} == {cycle.environment}
