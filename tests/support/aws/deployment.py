"""What runs on AWS, made in the emulator by its API: cluster, network, roles, buckets, secret and task definition.

Names and variables are those of terraform/modules/lab; servers that AWS runs itself are those of a lab here.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.base.catalogue import LOOPBACK, Service
from lab.governance.ledger import Entry, Verification, verify
from lab.governance.ledger.writer import entries_of_run, stored_entries
from lab.services.s3 import S3, AuditStore
from tests.support.aws.emulator import REGION, Emulator
from tests.support.aws.tasks import CALLS
from tests.support.aws.told import told, told_service
from tests.support.lab import ROOT, LiveLab

NAME, ROLE = "mlops-dev", "ml-engineer"
RUN = f"{NAME}-run-{ROLE}"
DATA, ARTIFACTS, AUDIT, PREFIX = f"{NAME}-data", f"{NAME}-artifacts", f"{NAME}-audit", "governance/audit/"


@dataclass(frozen=True)
class Deployment:
    """A lab whose runs are tasks of the emulator's ECS; `tasks` is the folder of what they say."""

    aws: Emulator
    lab: LiveLab
    tasks: Path
    subnets: tuple[str, ...]
    security_group: str

    def calls(self) -> list[dict[str, Any]]:
        """Every RunTask that was asked for."""
        return [json.loads(line) for line in (self.tasks / CALLS).read_text().splitlines()]

    def entries_of(self, run_id: str) -> list[Entry]:
        return list(entries_of_run(self._store(), PREFIX, run_id))

    def verified(self) -> Verification:
        return verify(stored_entries(self._store(), PREFIX))

    def keys(self, bucket: str, prefix: str) -> list[str]:
        found = self.aws.client("s3").list_objects_v2(Bucket=bucket, Prefix=prefix)
        return [one["Key"] for one in found.get("Contents", [])]

    def said(self) -> str:
        """What the tasks said, for whoever looks why a run failed."""
        return "".join(path.read_text()[-4000:] for path in self.tasks.glob("*.log"))

    def _store(self) -> AuditStore:
        return AuditStore(S3(self.aws.client("s3")), AUDIT, PREFIX)

    def values(self) -> Mapping[str, str]:
        """What each variable of services.tf is here; the network's names are loopback's."""
        port = {service: str(self.lab.config.port(service)) for service in (Service.POSTGRES, Service.DAGSTER_CODE)}
        mlflow = self.lab.config.url(Service.MLFLOW)
        sparing = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "PYTHONUNBUFFERED"), "1")
        return sparing | {
            "LAB_NAME": NAME,
            "ENVIRONMENT": "dev",
            "MALLOC_ARENA_MAX": "2",
            "AWS_DEFAULT_REGION": REGION,
            "DO_NOT_TRACK": "true",
            "MPLCONFIGDIR": str(self.tasks),
            # The database of a lab here speaks no TLS.
            "PGSSLMODE": "disable",
            "ALLOWED_STAGING_ROLES": ROLE,
            "ALLOWED_PROD_ROLES": ROLE,
            "DATA_BUCKET": DATA,
            "ARTIFACT_BUCKET": ARTIFACTS,
            "AUDIT_BUCKET": AUDIT,
            "AUDIT_LOG_PREFIX": PREFIX,
            "AUDIT_RETENTION_DAYS": "1",
            "POLICY_PATH": str(ROOT / "stack" / "governance" / "policy.yaml"),
            "LAB_GOVERNANCE_DIR": str(ROOT / "stack" / "governance"),
            "DAGSTER_HOME": str(self.tasks / "dagster"),
            "DAGSTER_SCRATCH": str(self.tasks / "scratch"),
            "DAGSTER_DISABLE_TELEMETRY": "yes",
            "DAGSTER_CODE_HOST": LOOPBACK,
            "DAGSTER_CODE_PORT": port[Service.DAGSTER_CODE],
            "POSTGRES_HOST": LOOPBACK,
            "POSTGRES_PORT": port[Service.POSTGRES],
            "RUN_CLUSTER": NAME,
            "RUN_TASK_DEFINITION": RUN,
            "RUN_CONTAINER": f"run-{ROLE}",
            "RUN_SUBNETS": ",".join(self.subnets),
            "RUN_SECURITY_GROUPS": self.security_group,
            "RUN_ROLE_SOURCE": "caller",
            "DATA_PATH": f"s3://{DATA}/incoming/applications.csv",
            "MLFLOW_TRACKING_URI": mlflow,
            "MLFLOW_URL": mlflow,
            "DAGSTER_URL": self.lab.config.url(Service.DAGSTER),
            "TRAINING_BACKEND": "local",
            "TRAINING_QUEUE": f"{NAME}-fargate",
            "TRAINING_JOB_DEFINITION": f"{NAME}-train-fargate",
        }

    def define_run(self, secret: str, **more: str) -> None:
        """The task definition of runs, as module `cluster` has it."""
        given = {name: self.values()[name] for name in told("run")} | {"RUN_OWNER": "scheduler@example.com"} | more
        role = f"arn:aws:iam::{self.aws.account}:role/"
        self.aws.client("ecs").register_task_definition(
            family=RUN,
            requiresCompatibilities=["FARGATE"],
            networkMode="awsvpc",
            cpu="1024",
            memory="4096",
            taskRoleArn=role + RUN,
            executionRoleArn=f"{role}{NAME}-exec-run",
            containerDefinitions=[
                {
                    "name": f"run-{ROLE}",
                    "image": "registry/pipelines:1.0",
                    "command": [
                        "dagster",
                        "job",
                        "execute",
                        "-m",
                        "pipelines.definitions",
                        "-j",
                        "ml_training_pipeline",
                    ],
                    "environment": [{"name": name, "value": value} for name, value in given.items()],
                    "secrets": [{"name": "PGPASSWORD", "valueFrom": secret}],
                }
            ],
        )

    @contextmanager
    def daemon(self) -> Iterator[None]:
        """Dagster's daemon as it runs there, in place of the lab's own."""
        home = self.tasks / "dagster"
        home.mkdir()
        shutil.copy(ROOT / "stack" / "dagster" / "aws.yaml", home / "dagster.yaml")
        shutil.copy(ROOT / "stack" / "dagster" / "workspace.yaml", home)
        given = {name: self.values()[name] for name in told_service("dagster-daemon")}
        with (
            (self.tasks / "daemon.log").open("wb") as log,
            subprocess.Popen(
                [sys.executable, "-m", "lab.dagster_host.daemon", "run", "-w", str(home / "workspace.yaml")],
                cwd=home,
                env={
                    "PATH": os.environ["PATH"],
                    "HOME": str(home),
                    "TMPDIR": str(self.tasks),
                    "PGPASSWORD": self.lab.config.secrets.dagster_db,
                    **self.aws.environment,
                    **given,
                },
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            ) as process,
        ):
            try:
                yield
            finally:
                process.kill()


def deployed(aws: Emulator, lab: LiveLab, tasks: Path) -> Deployment:
    """Everything but the daemon, around a lab that is up."""
    ec2, s3, iam = aws.client("ec2"), aws.client("s3"), aws.client("iam")
    vpc = ec2.create_vpc(CidrBlock="10.40.0.0/16")["Vpc"]["VpcId"]
    ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={"Value": True})
    zones = ((f"{REGION}{zone}", f"10.40.{number}.0/24") for number, zone in enumerate("ab"))
    subnets = tuple(
        ec2.create_subnet(VpcId=vpc, AvailabilityZone=zone, CidrBlock=block)["Subnet"]["SubnetId"]
        for zone, block in zones
    )
    group = ec2.create_security_group(GroupName=f"{NAME}-run", Description="runs", VpcId=vpc)["GroupId"]
    for bucket in (DATA, ARTIFACTS, AUDIT):
        where = {"LocationConstraint": REGION}
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration=where, ObjectLockEnabledForBucket=bucket == AUDIT)
    s3.upload_file(str(ROOT / "data" / "sample_data.csv"), DATA, "incoming/applications.csv")
    for role in (RUN, f"{NAME}-exec-run"):
        iam.create_role(RoleName=role, AssumeRolePolicyDocument="{}")
    aws.client("ecs").create_cluster(clusterName=NAME)
    password = lab.config.secrets.dagster_db
    secret = aws.client("secretsmanager").create_secret(Name=f"{NAME}/dagster-database", SecretString=password)
    made = Deployment(aws, lab, tasks, subnets, group)
    # A role that nobody gave: a setting that is ignored.
    made.define_run(secret["ARN"], RUN_ROLE="platform-admin")
    return made
