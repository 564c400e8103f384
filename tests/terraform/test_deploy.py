"""`invoke deploy` against the emulator: what it does to an environment that is there, and what it refuses."""

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


def test_what_nobody_approved_is_not_applied(deployed: Deployed) -> None:
    assert "nobody approved the plan" in deployed.unapproved.message
    assert "invoke approve-deploy --env dev" in deployed.unapproved.remedy
    assert deployed.unapproved.status == "blocked"


def test_a_plan_that_changed_after_its_approval_is_not_applied(deployed: Deployed) -> None:
    assert f"the plan changed after its approval: {OFFICER} approved" in deployed.changed.message
    assert deployed.changed.status == "blocked"


def test_an_approved_plan_is_applied_once(deployed: Deployed) -> None:
    assert deployed.applied.applied
    assert deployed.applied.approval == deployed.approval.seq
    assert deployed.applied.plan == deployed.approval.details["plan"]
    assert "There is no plan for dev" in deployed.again.message
    assert deployed.left == ("lab.env", "lock")
    assert "LAB_PAGES=dagster=https://dagster.dev.lab.example.com," in deployed.settings


def test_the_trail_has_all_of_it(deployed: Deployed) -> None:
    done = [(one.action, one.status.value, one.details.get("stage")) for one in deployed.entries[3:]]
    planned = [("deploy", "started", PLAN), ("deploy", "success", PLAN)]
    blocked, approved = ("deploy", "blocked", APPLY), ("approve-deploy", "success", None)
    applied = [("deploy", "started", APPLY), ("deploy", "success", APPLY)]
    refused = [("deploy", "started", PLAN), ("deploy", "blocked", PLAN)]
    assert done == [*planned, blocked, approved, blocked, *applied, *refused]
    assert {one.owner for one in deployed.entries[3:]} == {ENGINEER, OFFICER}
    end = next(one for one in deployed.entries if one.details.get("stage") == APPLY and one.status == "success")
    assert end.details["approval"] == deployed.approval.seq
    assert set(end.details["images"]) == {"pipelines", "mlflow", "exporters", "collector"}
    assert ":assumed-role/" in end.details["caller"]


def test_a_protected_resource_is_not_replaced(deployed: Deployed) -> None:
    found = [f"{one.address}: {one.problem}" for one in deployed.protected.violations]
    assert any(
        'storage.aws_s3_bucket.this["data"]: it is protected and would be destroyed and made' in one for one in found
    )
    assert not deployed.protected.succeeded
    assert "There is no plan for dev" in deployed.unsaved.message


def test_what_other_hands_changed_is_seen(deployed: Deployed) -> None:
    assert not deployed.drift.succeeded
    (one,) = deployed.drift.drift
    assert "aws_cloudwatch_log_group" in one.address
    assert one.attributes == ("retention_in_days",)
