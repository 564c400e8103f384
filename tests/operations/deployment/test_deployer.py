"""A deployment from plan to apply, with Terraform and AWS played: what was approved is applied, and nothing else."""

import json
import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from lab.base import interruption
from lab.base.errors import LabError, PolicyDenied
from lab.governance.cases.deploy_approval import DeploymentApprover
from lab.governance.cases.signing import Signing
from lab.governance.rules.policy import Environment, Role
from lab.operations.deployment.deploy import Deployer, facts_of
from lab.operations.deployment.registry import IMAGES
from lab.operations.deployment.saved_plan import Workplace
from lab.operations.deployment.source import Target
from lab.operations.deployment.terraform import SECRET
from tests.support.governed_lab import OFFICER, GovernedLab, MemoryStore
from tests.support.project import git

# The one account that the emulator has by itself.
OWN = Target(Environment.DEV, "123456789012", "eu-west-1", "state")


@pytest.fixture
def governed(tmp_path: Path) -> GovernedLab:
    (tmp_path / "people").mkdir()
    return GovernedLab(tmp_path / "people").staffed(baseline=False)


@pytest.fixture
def deployer(
    aws: None, governed: GovernedLab, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[Deployer, list[str]]:
    """With a trail of its own, and what it reports."""
    furnish(project, tmp_path, monkeypatch)
    actor = replace(governed.config.actor, role=Role.ML_ENGINEER)
    said: list[str] = []
    config = replace(governed.config, root=project, actor=actor)
    return Deployer(config, Environment.DEV, governed.store, lambda one: said.append(one.state)), said


def recorded(deployer: Deployer) -> list[tuple[str, str]]:
    assert isinstance(deployer.store, MemoryStore)
    return [(one.details["stage"], one.status.value) for one in deployer.store.entries if one.action == "deploy"]


@pytest.fixture
def as_typed() -> Iterator[None]:
    """Ctrl-C as a command meets it: an event loop of other tests may have left a handler of its own."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("as_typed")
def test_ctrl_c_while_a_plan_is_applied_counts_after_its_success(
    deployer: tuple[Deployer, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its last entry says that it was applied, and none that it was interrupted."""
    # A signal counts once for a process; here others go on.
    monkeypatch.setattr(interruption, "_state", interruption._state)
    deploying, said = deployer
    made = deploying.planned("1.0.0")
    with pytest.raises(KeyboardInterrupt), interruption.watched():
        deploying.applied()
    planned = [("plan", "started"), ("plan", "success")]
    assert recorded(deploying) == [*planned, ("apply", "started"), ("apply", "success")]
    assert any(one.startswith(f"applied plan {made.plan[:12]}; audit entry") for one in said)


def shows(tmp_path: Path, *changes: dict[str, object]) -> bytes:
    """From here on Terraform shows a plan with these changes, and leaves a file when it applies one."""
    shown = json.dumps({"format_version": "1.2", "resource_changes": changes})
    (tmp_path / "shown").write_text(shown)
    script = f"#!/bin/sh\ncase $1 in apply) touch {tmp_path}/applied ;; show) cat {tmp_path}/shown ;; esac\n"
    (tmp_path / "bin" / "terraform").write_text(script)
    return shown.encode()


def test_another_file_than_the_approved_plans_is_not_applied(
    deployer: tuple[Deployer, list[str]], governed: GovernedLab, tmp_path: Path
) -> None:
    """Whoever may write there could leave the record, with the approved hash, as it is."""
    shown = shows(tmp_path)
    signed = replace(deployer[0].config.policy, signed=frozenset(Environment))
    deploying = replace(deployer[0], config=replace(deployer[0].config, policy=signed))
    deploying.planned("1.0.0")
    facts = facts_of(deploying.config, Environment.DEV, lambda *_: shown)
    signing = Signing(governed.keys[OFFICER], home=governed.folder)
    DeploymentApprover(deploying.config, governed.store, signing).approve(facts, "looked at it")
    plan = Workplace.of(deploying.config, Environment.DEV).plan

    plan.write_text("another")
    with pytest.raises(PolicyDenied, match="the plan changed after its approval"):
        deploying.applied()
    assert recorded(deploying)[-1] == ("apply", "blocked")
    assert not (tmp_path / "applied").exists()

    plan.write_text("")
    assert deploying.applied().applied
    assert (tmp_path / "applied").exists()


def test_what_is_protected_is_looked_for_once_more_before_the_apply(
    deployer: tuple[Deployer, list[str]], tmp_path: Path
) -> None:
    deploying, _ = deployer
    deploying.planned("1.0.0")
    change = {"actions": ["delete"], "before": {"bucket": "a"}, "after": None}
    bucket = {"type": "aws_s3_bucket", "name": "data", "mode": "managed"}
    shows(tmp_path, {**bucket, "address": "aws_s3_bucket.data", "change": change})
    made = deploying.applied()
    assert [one.address for one in made.violations] == ["aws_s3_bucket.data"]
    assert not made.applied
    assert recorded(deploying)[-1] == ("apply", "blocked")
    assert not (tmp_path / "applied").exists()


def test_no_other_commit_is_built_under_a_tag_that_was_given(deployer: tuple[Deployer, list[str]]) -> None:
    import boto3

    deploying, _ = deployer
    deploying.planned("1.0.0")
    ecr = boto3.client("ecr", region_name=OWN.region)
    ecr.batch_delete_image(repositoryName="mlops-dev/mlflow", imageIds=[{"imageTag": "1.0.0"}])
    with pytest.raises(LabError, match=r"no longer has mlflow under the tag 1\.0\.0"):
        deploying.applied()
    assert recorded(deploying) == [("plan", "started"), ("plan", "success")]


def furnish(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment with images and a state's bucket, and a Terraform that gets its caller interrupted."""
    import boto3

    folder = project / "terraform/envs/dev"
    folder.mkdir(parents=True)
    (folder / "main.tf").write_text(f'region = "{OWN.region}"\nallowed_account_ids = ["{OWN.account}"]\n')
    (folder / "backend.hcl").write_text('bucket = "state"\n')
    git(project, "add", "--all")
    git(project, "commit", "--quiet", "--message", "two")
    s3, ecr = (boto3.client(name, region_name=OWN.region) for name in ("s3", "ecr"))
    s3.create_bucket(Bucket="state", CreateBucketConfiguration={"LocationConstraint": OWN.region})
    manifest = '{"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "layers": []}'
    for image in IMAGES:
        ecr.create_repository(repositoryName=f"mlops-dev/{image}")
        ecr.put_image(repositoryName=f"mlops-dev/{image}", imageManifest=manifest, imageTag="1.0.0")
    plan = '{"format_version": "1.2", "resource_changes": []}'
    (tmp_path / "bin").mkdir()
    script = tmp_path / "bin" / "terraform"
    script.write_text(f"#!/bin/sh\ncase $1 in apply) kill -INT $PPID ;; show) echo '{plan}' ;; esac\n")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{script.parent}:{os.environ['PATH']}")
    monkeypatch.setenv(SECRET, "secret")
