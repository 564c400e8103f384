"""What a deployment refuses before Terraform is asked for anything, and how Terraform is run."""

from dataclasses import replace
from pathlib import Path

import pytest

from lab.base.errors import LabError
from lab.governance.rules.policy import Environment
from lab.operations.deployment import aws_account
from lab.operations.deployment.registry import IMAGES, Registry
from lab.operations.deployment.saved_plan import Record, Workplace
from lab.operations.deployment.source import Target, commit_of, target_of
from tests.support.lab import ROOT

# The one account that the emulator has by itself.
OWN = Target(Environment.DEV, "123456789012", "eu-west-1", "state")


def test_a_commit_is_exported_as_it_is(project: Path, tmp_path: Path) -> None:
    commit = commit_of(project)
    assert len(commit.id) == 40
    commit.export(tmp_path / "export")
    assert [path.name for path in (tmp_path / "export").iterdir()] == ["code.py"]


@pytest.mark.parametrize("name", ["code.py", "new.py"])
def test_what_differs_from_its_commit_is_not_deployed(name: str, project: Path) -> None:
    (project / name).write_text("2")
    with pytest.raises(LabError, match=f"isn't the commit [0-9a-f]{{12}}: {name}") as caught:
        commit_of(project)
    assert "Commit the changes" in caught.value.remedy


def test_a_folder_without_git_is_not_deployed(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="is no git repository with a commit"):
        commit_of(tmp_path)


@pytest.mark.parametrize("environment", list(Environment))
def test_an_environment_says_whose_it_is(environment: Environment) -> None:
    target = target_of(ROOT, environment)
    assert target.account.startswith("1")
    assert target.state_bucket == f"mlops-lab-state-{environment}"
    assert target.region == "eu-west-1"


def test_without_credentials_it_says_how_to_sign_in() -> None:
    with pytest.raises(LabError, match="no credentials for AWS here; the account is 123456789012") as caught:
        aws_account.entered(OWN, ROOT)
    assert "aws sso login" in caught.value.remedy


def test_credentials_of_another_account_are_refused(aws: None) -> None:
    with pytest.raises(LabError, match=r"are those of account 123456789012 .* dev belongs to 111111111111"):
        aws_account.entered(replace(OWN, account="111111111111"), ROOT)


def test_without_the_states_bucket_it_says_what_makes_it(aws: None) -> None:
    with pytest.raises(LabError, match="AWS refuses the bucket state of Terraform's state") as caught:
        aws_account.entered(OWN, ROOT)
    assert "bootstrap" in caught.value.remedy


def test_the_right_account_is_entered_and_its_images_are_found(aws: None) -> None:
    import boto3

    boto3.client("s3", region_name=OWN.region).create_bucket(
        Bucket="state", CreateBucketConfiguration={"LocationConstraint": OWN.region}
    )
    entered = aws_account.entered(OWN, ROOT)
    assert entered.caller.account == OWN.account
    ecr = boto3.client("ecr", region_name=OWN.region)
    for image in ("mlflow", "exporters"):
        ecr.create_repository(repositoryName=f"mlops-dev/{image}")
    manifest = '{"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "layers": []}'
    ecr.put_image(repositoryName="mlops-dev/mlflow", imageManifest=manifest, imageTag="1.0.0")
    found = Registry(entered).find("1.0.0")
    assert list(found.digests) == ["mlflow"]
    assert found.missing == ("exporters",)
    assert set(found.unmade) == {*IMAGES} - {"mlflow", "exporters"}


@pytest.mark.parametrize(
    ("role", "looks"),
    [("mlops-dev-ci-plan", "plan"), ("mlops-dev-ci-drift", "drift"), ("mlops-dev-ci-apply", ""), ("ci-plan", "")],
)
def test_who_only_looks_is_told_by_the_role(role: str, looks: str) -> None:
    import boto3

    caller = aws_account.Caller(OWN.account, f"arn:aws:sts::{OWN.account}:assumed-role/{role}/GitHubActions")
    assert aws_account.Account(OWN, boto3.Session(region_name=OWN.region), caller).looks == looks


def test_prod_goes_to_no_emulator(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    prod = replace(OWN, environment=Environment.PROD)
    monkeypatch.setenv("AWS_ENDPOINT_URL_ECS", "http://127.0.0.1:5000")
    with pytest.raises(LabError, match="another endpoint than AWS's own: AWS_ENDPOINT_URL_ECS"):
        aws_account.entered(prod, ROOT)
    monkeypatch.delenv("AWS_ENDPOINT_URL_ECS")
    (tmp_path / "config").write_text("[default]\nendpoint_url = http://127.0.0.1:5000\n")
    with pytest.raises(LabError, match=r"AWS's own: http://127\.0\.0\.1:5000"):
        aws_account.entered(prod, ROOT)
    (tmp_path / "config").unlink()
    root = tmp_path / prod.root
    root.mkdir(parents=True)
    (root / "local.tf").write_text('provider "aws" {\n  endpoints {\n    s3 = "http://a"\n  }\n}\n')
    with pytest.raises(LabError, match=r"endpoints in local\.tf"):
        aws_account.entered(prod, tmp_path)
    with pytest.raises(LabError, match="no credentials"):
        aws_account.entered(prod, ROOT)


def test_dev_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    with pytest.raises(LabError, match="no credentials"):
        aws_account.entered(OWN, ROOT)


def test_a_plan_that_is_not_there_is_said_to_be_none_and_a_saved_one_is_private(tmp_path: Path) -> None:
    work = Workplace(tmp_path / "deploy" / "dev")
    with pytest.raises(LabError, match="no plan for dev"):
        work.read(Environment.DEV)
    record = Record("a" * 64, "emil@example.com", OWN.account, "1.0.0", "b" * 40)
    work.save(record)
    work.plan.write_text("a plan")
    work.source.mkdir()
    assert work.read(Environment.DEV) == record
    assert work.folder.stat().st_mode & 0o777 == 0o700
    work.clear()
    with pytest.raises(LabError):
        work.read(Environment.DEV)


@pytest.mark.parametrize("broken", ["plan", "source", "record.json", "no JSON", "a number"])
def test_a_plan_of_which_something_is_missing_or_broken_is_none(tmp_path: Path, broken: str) -> None:
    work = Workplace(tmp_path / "deploy" / "dev")
    record = Record("a" * 64, "emil@example.com", OWN.account, "1.0.0", "b" * 40)
    work.save(record)
    work.plan.write_text("a plan")
    work.source.mkdir()
    path = work.folder / broken
    if broken == "source":
        path.rmdir()
    elif path.exists():
        path.unlink()
    elif broken == "no JSON":
        (work.folder / "record.json").write_text('{"plan": ')
    else:
        work.save(replace(record, image_tag=1))  # type: ignore[arg-type]
    with pytest.raises(LabError, match="no plan for dev") as caught:
        work.read(Environment.DEV)
    assert "--plan" in caught.value.remedy
