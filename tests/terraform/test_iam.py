"""The table of calls.yaml: what each role may do, and what not."""

from pathlib import Path

import pytest

from tests.conftest import required
from tests.support.aws import iam
from tests.support.aws.cycle import Cycle
from tests.support.aws.iam import Evaluation

pytestmark = [pytest.mark.terraform, pytest.mark.timeout(1800)]
CALLS = iam.table(Path(__file__).with_name("calls.yaml"))
# Trusted by AWS itself, for one purpose each, with the policy that AWS documents for it.
_OF_AWS = {"flow-log", "database-monitoring", "grafana", "batch", "batch-instance", "heads"}
# Alike but for their name, image and secrets; exec-mlflow and exec-run stand for them.
_ALIKE = "exec-"


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
    """Not merely granted to nobody: whatever the pipeline is granted later, it stays denied."""
    destructive = [
        call
        for call in CALLS
        if call.role.startswith("run-") and call.target.startswith("audit-") and not call.allowed_in
        if call.action != "kms:ScheduleKeyDeletion" and call.target != "audit-outside"
    ]
    assert len(destructive) >= 11
    assert set(evaluation.ends(destructive)) == {"ExplicitlyDenied"}


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
