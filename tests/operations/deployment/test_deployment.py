"""What a deployment refuses before Terraform is asked for anything, and how Terraform is run."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from moto import mock_aws

from lab.base import interruption
from lab.base.errors import LabError, PolicyDenied
from lab.base.file_lock import is_taken, take
from lab.base.progress import Progress
from lab.governance.cases.deploy_approval import DeploymentApprover, deployment_lock
from lab.governance.cases.signing import Signing
from lab.governance.rules.policy import Environment, Role
from lab.operations.deployment import aws_account
from lab.operations.deployment.deploy import Deployer, facts_of
from lab.operations.deployment.registry import IMAGES, Registry
from lab.operations.deployment.saved_plan import Record, Workplace
from lab.operations.deployment.source import Target, commit_of, target_of
from lab.operations.deployment.terraform import LOG, SECRET, Terraform, need_secret
from tests.support.governed_lab import OFFICER, GovernedLab, MemoryStore
from tests.support.lab import ROOT

# The one account that the emulator has by itself.
OWN = Target(Environment.DEV, "123456789012", "eu-west-1", "state")


@pytest.fixture(autouse=True)
def shell(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing of this machine's own AWS."""
    for name in [name for name in os.environ if name.startswith(("AWS_", "TF_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture
def aws() -> Iterator[None]:
    with mock_aws():
        yield


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A repository with one commit."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "code.py").write_text("1")
    git(folder, "init", "--quiet")
    git(folder, "add", "--all")
    git(folder, "-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "--quiet", "--message", "one")
    return folder


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", "-C", str(folder), *arguments], check=True, capture_output=True)


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


@pytest.fixture
def terraform(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Terraform:
    """One that says what it was given."""
    folder = tmp_path / "bin"
    folder.mkdir()
    script = folder / "terraform"
    script.write_text(
        '#!/bin/sh\nenv | grep ^TF_ | sort >seen\necho "$@" >>seen\n'
        'case $1 in apply) echo "Error: Saved plan is stale" >&2; exit 1 ;; show) echo warning >&2; echo "{}" ;; esac\n'
    )
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return Terraform(tmp_path, lambda _: None, "1.0.0")


def test_terraform_gets_the_secret_and_none_of_the_shells_other_settings(
    terraform: Terraform, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("TF_CLI_ARGS_plan", "TF_WORKSPACE", "TF_VAR_image_tag", "TF_VAR_other", "TF_DATA_DIR"):
        monkeypatch.setenv(name, "wrong")
    monkeypatch.setenv(SECRET, "secret")
    monkeypatch.setenv("TF_CLI_CONFIG_FILE", "mirror")
    file = terraform.folder / "plan"
    terraform.plan(file)
    assert file.stat().st_mode & 0o777 == 0o600
    seen = (terraform.folder / "seen").read_text()
    assert "wrong" not in seen
    given = ("TF_VAR_image_tag=1.0.0", f"{SECRET}=secret", "TF_CLI_CONFIG_FILE=mirror", f"-out={file}", "-input=false")
    assert all(one in seen for one in given)


def test_who_only_looks_looks_in_the_other_accounts_too(terraform: Terraform) -> None:
    terraform.init()
    assert "TF_VAR_look_only" not in (terraform.folder / "seen").read_text()
    replace(terraform, look_only=True).init()
    assert "TF_VAR_look_only=true" in (terraform.folder / "seen").read_text()


def test_what_terraform_shows_is_kept_apart_from_what_it_warns_of(terraform: Terraform) -> None:
    assert terraform.show(Path("plan")) == b"{}\n"


def test_a_failure_says_what_to_do(terraform: Terraform) -> None:
    with pytest.raises(LabError, match="terraform apply failed") as caught:
        terraform.apply(Path("plan"))
    assert "Saved plan is stale" in caught.value.message
    assert "make and approve a new one" in caught.value.remedy


_TYPED = """
import sys
from pathlib import Path

from lab.operations.deployment.saved_plan import Workplace
from lab.operations.deployment.terraform import Terraform

with Workplace(Path(sys.argv[1])).held(print) as work:
    Terraform(Path(sys.argv[2]), print, "1.0.0", lock=work.lock).apply(work.plan)
"""


@pytest.mark.timeout(60)
def test_terraform_ends_by_itself_when_who_typed_the_command_is_gone(terraform: Terraform, tmp_path: Path) -> None:
    """Killed by its first word that nobody reads, it would leave its lock, and forget what it has made."""
    folder, work = terraform.folder, Workplace(tmp_path / "deploy" / "dev")
    gate, ended = folder / "gate", folder / "ended"
    os.mkfifo(gate)
    script = folder / "bin" / "terraform"
    script.write_text(f"#!/bin/sh\nread _ <{gate}\necho one\necho two\ntouch {ended}\n")
    lock = deployment_lock(tmp_path, "dev")
    typed = subprocess.Popen([sys.executable, "-c", _TYPED, str(work.folder), str(folder)], cwd=ROOT)
    # Opened when Terraform reads it: it is at work then.
    with gate.open("w") as goes_on:
        typed.kill()
        typed.wait()
        assert is_taken(lock)
        goes_on.write("\n")
    with lock.open() as file:
        take(file, 30)
    assert ended.exists()
    assert (folder / LOG).read_text() == "one\ntwo\n"
    assert (folder / LOG).stat().st_mode & 0o777 == 0o600


def test_what_terraform_has_made_is_told_line_by_line(terraform: Terraform) -> None:
    told: list[Progress] = []
    script = terraform.folder / "bin" / "terraform"
    script.write_text("#!/bin/sh\nprintf 'a.b: Creating...\\na.b: Creation complete after 1m2s [id=x]\\nno end'\n")
    replace(terraform, report=told.append).apply(Path("plan"))
    assert told == [Progress("a.b", "success", "creation", 62)]


def test_the_one_secret_is_asked_for_first() -> None:
    with pytest.raises(LabError, match=f"{SECRET} isn't set"):
        need_secret({})


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
    git(project, "-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "--quiet", "--message", "two")
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
