"""What a plan of Terraform may do here, told from `terraform show -json`, and the hash that an approval signs."""

import json
from typing import Any

import pytest

from lab.base.errors import LedgerError
from lab.governance.rules.plans import PROTECTED, plan_hash, read_plan, tag_problem

FACTS = {"environment": "prod", "image_tag": "1.0.0"}


def resource(kind: str, *actions: str, before: Any = None, after: Any = None, name: str = "this") -> dict[str, Any]:
    change = {"actions": list(actions), "before": before, "after": after, "after_unknown": {}}
    return {"address": f"module.lab.{kind}.{name}", "mode": "managed", "type": kind, "name": name, "change": change}


def shown(*resources: dict[str, Any], **more: Any) -> bytes:
    return json.dumps({"format_version": "1.2", "resource_changes": list(resources), **more}).encode()


def problems(*resources: dict[str, Any]) -> list[str]:
    return [one.problem for one in read_plan(shown(*resources)).violations]


def test_what_changes_is_named_without_its_values() -> None:
    secret = resource("aws_lb", "update", before={"secret": "old", "name": "x"}, after={"secret": "new", "name": "x"})
    made, gone = resource("aws_ecs_service", "create", after={"a": 1}), resource("aws_eip", "delete", before={"a": 1})
    anew = resource("aws_ecs_task_definition", "create", "delete", before={"cpu": 1}, after={"cpu": 2})
    anew["change"]["replace_paths"] = [["container_definitions", 0]]
    found = read_plan(shown(secret, made, gone, anew, resource("aws_vpc", "no-op"), resource("aws_ami", "read")))
    assert [one.action for one in found.changes] == ["update", "create", "delete", "replace"]
    assert found.changes[0].attributes == ("secret",)
    assert found.changes[3].because == ("container_definitions.0",)
    assert "old" not in str(found)
    assert "new" not in str(found)
    assert found.violations == ()


def test_drift_is_what_other_hands_changed_and_not_that_nothing_is_an_empty_list() -> None:
    told = resource("aws_lb", "update", before={"tags": None, "names": []}, after={"tags": {}, "names": None})
    changed = resource("aws_eip", "update", before={"tags": None}, after={"tags": {"a": "b"}})
    gone = resource("aws_vpc", "delete", before={"tags": None})
    found = read_plan(shown(resource_drift=[told, changed, gone])).drift
    assert [(one.address, one.action) for one in found] == [
        ("module.lab.aws_eip.this", "update"),
        ("module.lab.aws_vpc.this", "delete"),
    ]


@pytest.mark.parametrize("kind", PROTECTED)
@pytest.mark.parametrize("actions", [("delete",), ("delete", "create"), ("create", "delete"), ("forget",)])
def test_what_is_protected_is_neither_destroyed_nor_replaced_nor_forgotten(kind: str, actions: tuple[str, ...]) -> None:
    assert "it is protected" in problems(resource(kind, *actions, before={}))[0]


@pytest.mark.parametrize(("kind", "name"), [("aws_iam_policy", "boundary"), ("aws_cloudwatch_log_group", "heads")])
def test_of_other_kinds_one_by_its_name(kind: str, name: str) -> None:
    assert problems(resource(kind, "delete", before={}, name=name))
    assert not problems(resource(kind, "delete", before={}, name="other"))


def test_what_is_protected_may_be_made_and_changed() -> None:
    assert not any(
        problems(resource(kind, action, before={}, after={})) for kind in PROTECTED for action in ("create",)
    )
    assert not problems(resource("aws_rds_cluster", "update", before={"port": 1}, after={"port": 2}))
    assert read_plan(shown(resource("aws_kms_key", "no-op", before={}))).protected == 1


def retention(mode: str, days: int) -> dict[str, Any]:
    return {"rule": [{"default_retention": [{"mode": mode, "days": days}]}]}


@pytest.mark.parametrize(
    ("kind", "before", "after", "problem"),
    [
        (
            "aws_rds_cluster",
            {"deletion_protection": True},
            {"deletion_protection": False},
            "deletion_protection would be",
        ),
        ("aws_rds_cluster", {"backup_retention_period": 35}, {"backup_retention_period": 7}, "for 7 days, not 35"),
        ("aws_lb", {"enable_deletion_protection": True}, {}, "enable_deletion_protection would be off"),
        (
            "aws_s3_bucket_object_lock_configuration",
            retention("COMPLIANCE", 365),
            retention("COMPLIANCE", 30),
            "locked for 30 days, not 365",
        ),
        (
            "aws_s3_bucket_object_lock_configuration",
            retention("COMPLIANCE", 365),
            retention("GOVERNANCE", 365),
            "no longer be in compliance mode",
        ),
        (
            "aws_s3_bucket_versioning",
            {"versioning_configuration": [{"status": "Enabled"}]},
            {"versioning_configuration": [{"status": "Suspended"}]},
            "versions would no longer be kept",
        ),
        ("aws_s3_bucket_public_access_block", {"block_public_acls": True}, {}, "block_public_acls would be off"),
        ("aws_cloudtrail", {"enable_log_file_validation": True}, {}, "enable_log_file_validation would be off"),
    ],
)
def test_what_protects_is_not_weakened(kind: str, before: Any, after: Any, problem: str) -> None:
    assert problem in " ".join(problems(resource(kind, "update", before=before, after=after)))
    assert not problems(resource(kind, "update", before=after, after=before))


def test_the_hash_covers_the_file_what_it_shows_and_what_is_said_of_it() -> None:
    one = plan_hash(b"plan", shown(), FACTS)
    assert plan_hash(b"plan", json.dumps(json.loads(shown()), indent=3).encode(), dict(reversed(FACTS.items()))) == one
    others = {
        plan_hash(b"plan.", shown(), FACTS),
        plan_hash(b"plan", shown(resource("aws_eip", "create")), FACTS),
        plan_hash(b"plan", shown(), {**FACTS, "image_tag": "1.0.1"}),
    }
    assert len(others | {one}) == 4


def test_numbers_that_differ_between_languages_are_hashed_as_they_are_written() -> None:
    text = '{"format_version": "1.2", "number": %s}'
    hashes = {plan_hash(b"", (text % number).encode(), {}) for number in ("0.1", "0.10", "1e2", str(2**60), "1")}
    assert len(hashes) == 5


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format_version": "1", "resource_changes": [{}]}', "\xff"])
def test_what_is_no_plan_is_said_to_be_none(text: str) -> None:
    with pytest.raises(LedgerError):
        read_plan(text.encode("latin-1"))


def test_a_tag_names_one_build() -> None:
    assert tag_problem("latest")
    assert tag_problem("a b!")
    assert not tag_problem("3f2a90c1d2e3")
