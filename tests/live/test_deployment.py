"""`invoke deploy` typed beside a lab that is up: its trail has who planned, who approved, and what was refused."""

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from lab.governance.ledger import Entry
from lab.governance.rules.policy import Action
from tests.conftest import required
from tests.support.aws import small
from tests.support.aws.emulator import Emulator
from tests.support.aws.small import TAG, Small
from tests.support.aws.terraform import Missing
from tests.support.lab import LiveLab
from tests.support.people import ADMIN, OFFICER, People

pytestmark = [pytest.mark.lab, pytest.mark.terraform, pytest.mark.timeout(1200)]
_PLANNER = {"RUN_OWNER": ADMIN, "RUN_ROLE": "platform-admin"}
_SIGNING_IN = "AWS_ACCESS_KEY_ID"


@dataclass(frozen=True)
class Desk:
    """Where commands are typed: in the clone, for the session's lab. The planner's role could approve, too."""

    lab: LiveLab
    cloud: Small
    people: People

    def types(self, *words: str, **variables: str) -> "subprocess.CompletedProcess[str]":
        """Typed by the planner, with what the account asks for."""
        given = self.cloud.variables | _PLANNER | variables
        return replace(self.lab, root=self.cloud.root).invoke(*words, "--env", "staging", check=False, **given)

    def plans(self) -> dict[str, Any]:
        done = self.types("deploy", "--plan", "--tag", TAG, "--json")
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def approves(self, name: str) -> "subprocess.CompletedProcess[str]":
        return self.types("approve-deploy", "--reason", "as discussed", "--key", str(self.people.keys[name]))

    def entries(self) -> list[Entry]:
        """Those of deployments."""
        return [one for one in self.lab.entries() if one.action in {Action.DEPLOY, Action.APPROVE_DEPLOY}]


@pytest.fixture(scope="module")
def desk(live: LiveLab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    try:
        with small.running(tmp_path_factory.mktemp("cloud")) as cloud:
            yield Desk(live, cloud, People.of(live))
    except Missing as err:
        if required("terraform"):
            raise
        pytest.skip(f"Terraform can't be run here: {err}")


def refused(done: "subprocess.CompletedProcess[str]", what: str, remedy: str, code: int = 1) -> None:
    said = done.stdout + done.stderr
    assert done.returncode == code, said
    assert "Traceback" not in said
    assert what in said
    assert remedy in said


def test_a_plan_is_approved_by_another_person_and_applied_once(desk: Desk) -> None:
    before = len(desk.entries())
    first = desk.plans()
    assert (first["needs_approval"], first["applied"], first["violations"]) == (True, False, [])
    refused(desk.types("deploy"), f"nobody approved the plan {first['plan'][:12]}", "invoke approve-deploy --env stag")
    refused(desk.approves(ADMIN), f"{ADMIN} deploys it, and can't approve it", "invoke identity-list")

    approved = desk.approves(OFFICER)
    assert approved.returncode == 0, approved.stderr
    assert "create   aws_s3_bucket.data" in approved.stdout + approved.stderr
    desk.cloud.logs_kept(14)
    second = desk.plans()
    refused(desk.types("deploy"), "the plan changed after its approval", "invoke approve-deploy --env staging")

    assert desk.approves(OFFICER).returncode == 0
    done = desk.types("deploy", "--json")
    assert done.returncode == 0, done.stderr
    applied = json.loads(done.stdout)
    assert (applied["applied"], applied["plan"]) == (True, second["plan"])
    assert "LAB_NAME=small" in Path(applied["settings"]).read_text()
    (group,) = desk.cloud.aws.client("logs").describe_log_groups(logGroupNamePrefix="/small/")["logGroups"]
    assert group["retentionInDays"] == 14
    refused(desk.types("deploy"), "There is no plan for staging", "invoke deploy --env staging --plan")

    # What the role repeats of its policy was read back, so that it isn't taken for another hand's.
    assert desk.entries()[-1].details["settled"] == ["aws_iam_role.reader"]
    drift = desk.types("deploy", "--drift")
    assert drift.returncode == 0, drift.stdout
    assert "AWS is as Terraform left it" in drift.stdout

    desk.cloud.aws.client("logs").put_retention_policy(logGroupName="/small/lab", retentionInDays=1)
    drift = desk.types("deploy", "--drift", "--json")
    (changed,) = json.loads(drift.stdout)["drift"]
    assert (drift.returncode, changed["address"]) == (1, "aws_cloudwatch_log_group.lab")
    assert changed["attributes"] == ["retention_in_days"]

    told = [(one.action, str(one.status), one.owner) for one in desk.entries()[before:]]
    planned = [("deploy", "started", ADMIN), ("deploy", "success", ADMIN)]
    blocked, approval = ("deploy", "blocked", ADMIN), ("approve-deploy", "success", OFFICER)
    owner = ("approve-deploy", "refused", ADMIN)
    assert told == [*planned, blocked, owner, approval, *planned, blocked, approval, *planned]
    assert desk.entries()[-1].details["approval"] == desk.entries()[-3].seq
    assert desk.lab.verified().intact


def test_what_is_protected_is_not_destroyed_not_even_to_be_made_anew(desk: Desk) -> None:
    assert desk.cloud.aws.client("s3").list_buckets()["Buckets"][-1]["Name"] == "small-data"
    desk.cloud.rename_bucket()
    done = desk.types("deploy", "--plan", "--tag", TAG)
    refused(done, "aws_s3_bucket.data: it is protected and would be destroyed and made anew", "Take the change back")
    last = desk.entries()[-1]
    assert (str(last.status), last.details["changes"]["replace"]) == ("blocked", 1)
    refused(desk.types("deploy"), "There is no plan for staging", "--plan")


def test_the_wrong_credentials_are_refused_and_recorded(desk: Desk) -> None:
    nobody = dict.fromkeys((_SIGNING_IN, "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"), "")
    done = desk.types("deploy", "--plan", "--tag", TAG, **nobody)
    refused(done, "There are no credentials for AWS here; the account is 122222222222", "aws sso login")
    assert str(desk.entries()[-1].status) == "failure"
    other = desk.cloud.signed_in(Emulator(desk.cloud.aws.url, "999999999999"))
    done = desk.types("deploy", "--plan", "--tag", TAG, **other)
    refused(done, "The credentials are those of account 999999999999", "Sign in to 122222222222")
    assert str(desk.entries()[-1].status) == "failure"
