"""The table of calls.yaml: what each role may do, and what not."""

from pathlib import Path

import pytest

from tests.conftest import required
from tests.support.aws import iam
from tests.support.aws.cycle import Cycle
from tests.support.aws.iam import Call, Evaluation, Layer

pytestmark = [pytest.mark.terraform, pytest.mark.timeout(1800)]
CALLS = iam.table(Path(__file__).with_name("calls.yaml"))
# Trusted by AWS itself, for one purpose each, with the policy that AWS documents for it.
_OF_AWS = {"flow-log", "database-monitoring", "grafana", "batch", "batch-instance", "heads"}
# Alike but for their name, image and secrets; exec-mlflow and exec-run stand for them.
_ALIKE = "exec-"
# A role in the bucket's own account: there, its grants decide.
_OF_AUDIT = "look-audit"
_CHANGING = {"iam:PutRolePolicy", "iam:DeleteRolePermissionsBoundary", "cloudtrail:StopLogging"}


@pytest.fixture(scope="module")
def simulator(terraform: None, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    try:
        return iam.simulator(tmp_path_factory.mktemp("simulator"))
    except FileNotFoundError as err:
        if required("terraform"):
            raise
        pytest.skip(f"the simulator of IAM can't be run here: {err}")


@pytest.fixture
def evaluation(cycle: Cycle, simulator: list[str]) -> Evaluation:
    return Evaluation(simulator, cycle.plan, cycle.environment)


def test_calls_end_as_the_table_says(evaluation: Evaluation) -> None:
    calls = [call for call in CALLS if evaluation.has(call.role)]
    ends = evaluation.ends(calls)
    assert not [end for end in ends if end.startswith("error")]
    wrong = [
        f"{call}: {end}"
        for call, end in zip(calls, ends, strict=True)
        if (end == "Allowed") is not (evaluation.environment in call.allowed_in)
    ]
    assert wrong == []


def test_destruction_is_denied_twice(evaluation: Evaluation) -> None:
    """By the bucket and by the boundary, each alone: whatever the pipeline is granted, and whichever is loosened."""
    destructive = [
        call
        for call in CALLS
        if call.role.startswith("run-") and call.target in {"audit-bucket", "audit-entry"} and not call.allowed_in
    ]
    overwriting = [call for call in destructive if call.action == "s3:PutObject"]
    assert (len(destructive), len(overwriting)) == (12, 1)
    assert ended(evaluation, destructive, Layer.RESOURCE) == {"ExplicitlyDenied"}
    kept = [call for call in destructive if call not in overwriting]
    assert ended(evaluation, kept, Layer.BOUNDARY) == {"ExplicitlyDenied"}
    assert ended(evaluation, overwriting, Layer.GRANTS) == {"ImplicitlyDenied"}


def test_no_role_changes_roles_or_the_record_of_calls_whatever_it_is_granted(evaluation: Evaluation) -> None:
    changing = [call for call in CALLS if call.role.startswith("run-") and call.action in _CHANGING]
    assert {call.action for call in changing} == _CHANGING
    assert ended(evaluation, changing, Layer.BOUNDARY) == {"ExplicitlyDenied"}


def test_the_audit_bucket_lets_in_nobody_else_whatever_they_are_granted(evaluation: Evaluation) -> None:
    others = [
        call
        for call in CALLS
        if call.target in {"audit-bucket", "audit-entry"} and not call.allowed_in and evaluation.has(call.role)
        if call.role != _OF_AUDIT
    ]
    assert len({call.role for call in others}) > 10
    assert "Allowed" not in ended(evaluation, others, Layer.RESOURCE)


def ended(evaluation: Evaluation, calls: list[Call], alone: Layer) -> set[str]:
    return set(evaluation.ends(calls, alone))


def test_every_role_is_in_the_table(dev: Cycle) -> None:
    names = {one.values["name"].removeprefix("mlops-dev-") for one in dev.plan.of("aws_iam_role")}
    runs = {name for name in names if name.startswith("run-")} - {"run-ml-engineer"}
    listed = {call.role for call in CALLS}
    assert {name for name in names - listed - runs - _OF_AWS if not name.startswith(_ALIKE)} == set()
    # One is in the table for all: they differ by nothing but their name.
    policies = {
        one.values["policy"]
        for one in dev.plan.of("aws_iam_role_policy")
        if one.name.startswith('identity.aws_iam_role_policy.this["run-')
    }
    assert len(policies) == 1
