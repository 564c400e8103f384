"""Whose run it is on AWS: the caller's ARN, judged."""

import pytest

from lab.governance.rules.callers import judge

RUN = "arn:aws:sts::111111111111:assumed-role/mlops-prod-run-ml-engineer/5f2c"


def test_a_session_of_a_role_of_runs_is_that_role() -> None:
    assert judge(RUN, "mlops-prod", "prod").role == "ml-engineer"


def test_the_arn_is_kept_as_it_is() -> None:
    assert judge(RUN, "mlops-prod", "prod").arn == RUN


@pytest.mark.parametrize(
    ("arn", "lab", "environment", "problem"),
    [
        (RUN, "mlops-dev", "dev", "isn't one of runs"),
        (RUN, "mlops-prod", "dev", "isn't the lab of ENVIRONMENT 'dev'"),
        (RUN, "", "", "isn't the lab of ENVIRONMENT ''"),
        ("arn:aws:iam::111111111111:user/ann", "mlops-prod", "prod", "no session of a role"),
        ("arn:aws:iam::111111111111:root", "mlops-prod", "prod", "no session of a role"),
        (RUN.replace("run-ml-engineer", "run-intern"), "mlops-prod", "prod", "none of the lab's roles"),
        (RUN.replace("run-ml-engineer", "task-mlflow"), "mlops-prod", "prod", "isn't one of runs"),
        (RUN.replace("mlops-prod", "x-mlops-prod"), "mlops-prod", "prod", "isn't one of runs"),
        (f"x{RUN}", "mlops-prod", "prod", "no session of a role"),
        (f"{RUN}/x", "mlops-prod", "prod", "no session of a role"),
        (f"{RUN}\n", "mlops-prod", "prod", "no session of a role"),
        ("", "mlops-prod", "prod", "no session of a role"),
    ],
)
def test_anybody_else_has_no_role_and_is_told_why(arn: str, lab: str, environment: str, problem: str) -> None:
    caller = judge(arn, lab, environment)
    assert (caller.role, caller.arn) == ("", arn)
    assert problem in caller.problem
