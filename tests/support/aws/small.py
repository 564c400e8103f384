"""An environment small enough to be deployed beside a lab: a bucket and a log group, in a clone of the project."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lab.operations.deployment.registry import IMAGES
from tests.support.aws import emulator
from tests.support.aws.cycle import ACCOUNTS
from tests.support.aws.emulator import REGION, Emulator
from tests.support.aws.terraform import configured
from tests.support.project import ROOT, copied, git

ENVIRONMENT = "staging"
TAG = "1.0.1"
_FOLDER = f"terraform/envs/{ENVIRONMENT}"
_KEPT = ("versions.tf", "backend.hcl", ".terraform.lock.hcl")
_BUCKET = 'resource "aws_s3_bucket" "data" {\n  bucket = "small-data"\n}\n'
_MAIN = """
locals {
  region = "eu-west-1"
}

provider "aws" {
  region              = local.region
  allowed_account_ids = ["%s"]
  max_retries         = 3
}

variable "image_tag" {
  type = string
}

variable "oidc_client_secret" {
  type      = string
  sensitive = true
}

resource "aws_cloudwatch_log_group" "lab" {
  name              = "/small/lab"
  retention_in_days = 7
  tags              = { image = var.image_tag }
}

resource "aws_iam_role" "reader" {
  name = "small-reader"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "ecs-tasks.amazonaws.com" } }]
  })
}

resource "aws_iam_role_policy" "reader" {
  name = "grants"
  role = aws_iam_role.reader.id
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "s3:GetObject", Resource = "arn:aws:s3:::small-data/*" }]
  })
}

output "settings" {
  value = "LAB_NAME=small\\nLAB_PAGES=dagster=https://dagster.example.com\\n"
}
"""


@dataclass(frozen=True)
class Small:
    """The clone at `root`, and the emulated AWS in whose account its environment is."""

    root: Path
    aws: Emulator

    @property
    def variables(self) -> dict[str, str]:
        """What somebody exports who signs in to the account, and lets Terraform find its provider here."""
        return self.signed_in(self.aws)

    def signed_in(self, aws: Emulator) -> dict[str, str]:
        """The same, to another account of the emulator."""
        return {
            **aws.environment,
            "TF_CLI_CONFIG_FILE": str(self.root.parent / "terraformrc"),
            "TF_VAR_oidc_client_secret": "not-a-secret",
        }

    def write(self, text: str, name: str = "main.tf") -> None:
        """Commits a file of the environment."""
        (self.root / _FOLDER / name).write_text(text)
        git(self.root, "add", "--all")
        git(self.root, "commit", "-q", "-m", name)

    def rename_bucket(self) -> None:
        """Another commit, for which the bucket would be destroyed and made anew."""
        self.write(_BUCKET.replace("small-data", "small-other"), "bucket.tf")

    def logs_kept(self, days: int) -> None:
        """Another commit, which changes how long logs are kept."""
        self.write(_main().replace("retention_in_days = 7", f"retention_in_days = {days}"))


def _main() -> str:
    return _MAIN % ACCOUNTS[ENVIRONMENT][0]


@contextmanager
def running(folder: Path) -> Iterator[Small]:
    """With the bucket of its state, and its images under `TAG`. Raises Missing."""
    configured(folder)
    root = copied(folder / "clone")
    (root / _FOLDER).mkdir(parents=True)
    for name in _KEPT:
        shutil.copy(ROOT / _FOLDER / name, root / _FOLDER / name)
    git(root, "init", "-q")
    with emulator.running(ACCOUNTS[ENVIRONMENT][0], folder / "emulator.log") as aws:
        small = Small(root, aws)
        small.write(_BUCKET, "bucket.tf")
        small.write(_main())
        _furnish(aws)
        yield small


def _furnish(aws: Emulator) -> None:
    aws.client("s3").create_bucket(
        Bucket=f"mlops-lab-state-{ENVIRONMENT}", CreateBucketConfiguration={"LocationConstraint": REGION}
    )
    manifest = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "layers": []}
    for image in IMAGES:
        name = f"mlops-{ENVIRONMENT}/{image}"
        aws.client("ecr").create_repository(repositoryName=name)
        aws.client("ecr").put_image(repositoryName=name, imageManifest=json.dumps(manifest), imageTag=TAG)
