"""`invoke deploy` against the emulator: what it does to an environment that is there."""

import pytest

from lab.governance.rules.deployments import APPLY, PLAN
from tests.support.aws.cycle import ACCOUNTS, Cycle
from tests.support.aws.deploying import TAG, Deployed
from tests.support.governed_lab import ENGINEER, OFFICER

pytestmark = [pytest.mark.terraform, pytest.mark.timeout(1800)]


@pytest.fixture
def deployed(dev: Cycle) -> Deployed:
    assert dev.deployed
    return dev.deployed


def test_a_clean_clone_plans_without_a_lab(deployed: Deployed) -> None:
    said = deployed.from_clone
    assert (said["succeeded"], said["account"], said["image_tag"]) == (True, ACCOUNTS["dev"][0], TAG)
    assert (said["entry"], said["applied"], said["violations"], said["missing"]) == (None, False, [], [])
    assert len(said["plan"]) == 64
    assert said["protected"] > 10
    replaced = [one["address"] for one in said["changes"] if one["action"] == "replace"]
    assert any('cluster.aws_ecs_task_definition.this["mlflow"]' in one for one in replaced)


def test_an_approved_plan_is_applied(deployed: Deployed) -> None:
    assert deployed.applied.applied
    assert deployed.applied.approval == deployed.approval.seq
    assert deployed.applied.plan == deployed.approval.details["plan"]
    assert deployed.left == ("lab.env", "lock")
    assert "LAB_PAGES=dagster=https://dagster.dev.lab.example.com," in deployed.settings


def test_the_trail_has_all_of_it(deployed: Deployed) -> None:
    done = [(one.action, one.status.value, one.details.get("stage")) for one in deployed.entries[3:]]
    planned = [("deploy", "started", PLAN), ("deploy", "success", PLAN)]
    applied = [("deploy", "started", APPLY), ("deploy", "success", APPLY)]
    assert done == [*planned, ("approve-deploy", "success", None), *applied]
    assert {one.owner for one in deployed.entries[3:]} == {ENGINEER, OFFICER}
    end = next(one for one in deployed.entries if one.details.get("stage") == APPLY and one.status == "success")
    assert end.details["approval"] == deployed.approval.seq
    assert set(end.details["images"]) == {"pipelines", "mlflow", "exporters", "collector"}
    assert ":assumed-role/" in end.details["caller"]
