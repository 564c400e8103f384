"""Who runs on AWS: the role of IAM that a process has taken on, judged as one of the lab's roles."""

import re
from dataclasses import dataclass

from lab.governance.rules.policy import Role

# The characters are those that AWS allows in the names of roles and of their sessions.
_SESSION = re.compile(
    r"arn:[a-z-]+:sts::(?P<account>[0-9]{12}):assumed-role/(?P<role>[\w+=,.@-]+)/[\w+=,.@-]+", re.ASCII
)


@dataclass(frozen=True)
class Caller:
    """An ARN, and what it is in this lab: a role, or else the reason why it is none."""

    arn: str
    role: str = ""
    problem: str = ""


def judge(arn: str, lab: str, environment: str) -> Caller:
    """Maps a caller's ARN to the lab's role: sessions of `<lab>-run-<role>`, in the lab of this environment.

    The role is IAM's to give, so that neither a variable nor a run's configuration can claim another one; and a lab is
    named for its environment, so that a role of dev is nobody in prod.
    """
    if not environment or not lab.endswith(f"-{environment}"):
        return Caller(arn, problem=f"LAB_NAME is {lab!r}, which isn't the lab of ENVIRONMENT {environment!r}")
    session = _SESSION.fullmatch(arn)
    if session is None:
        return Caller(arn, problem=f"the caller {arn} is no session of a role")
    role = session["role"].removeprefix(f"{lab}-run-")
    if role == session["role"]:
        return Caller(arn, problem=f"the caller's role {role} isn't one of runs: those begin with {lab}-run-")
    if role not in set(Role):
        return Caller(arn, problem=f"the caller's role {session['role']} names none of the lab's roles")
    return Caller(arn, role)
