"""Calls of roles, evaluated by IAM's rules over the policies of a plan: a library of Node's does it."""

import json
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml
from moto.iam.aws_managed_policies import aws_managed_policies_data

from tests.support.aws.cycle import ACCOUNTS
from tests.support.aws.emulator import REGION
from tests.support.aws.plan import Plan
from tests.support.aws.terraform import ENVIRONMENTS, SOURCE

SIMULATOR = SOURCE / "tests" / "iam"
# What AWS documents, and what it publishes as the emulator has it; IAMReadOnlyAccess changes nothing.
_OF_AWS = {
    "ReadOnlyAccess": json.loads(aws_managed_policies_data)["ReadOnlyAccess"]["Document"],
    "PowerUserAccess": {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "NotAction": ["iam:*", "organizations:*", "account:*"], "Resource": "*"},
            {"Effect": "Allow", "Action": ["iam:CreateServiceLinkedRole", "iam:ListRoles"], "Resource": "*"},
        ],
    },
}
# What a word of the table stands for: an ARN, or the address of a resource whose ARN the plan has.
_TARGETS: Mapping[str, str] = {
    "any": "*",
    "audit-bucket": "arn:aws:s3:::{name}-audit-{audit}",
    "audit-entry": "arn:aws:s3:::{name}-audit-{audit}/governance/audit/000000000001.json",
    "audit-outside": "arn:aws:s3:::{name}-audit-{audit}/elsewhere.json",
    "data-bucket": "arn:aws:s3:::{name}-data-{account}",
    "data-object": "arn:aws:s3:::{name}-data-{account}/datasets/one.csv",
    "artifact": "arn:aws:s3:::{name}-artifacts-{account}/1/model.pkl",
    "run-log": "arn:aws:s3:::{name}-artifacts-{account}/dagster/logs/one.out",
    "training-report": "arn:aws:s3:::{name}-artifacts-{account}/dagster/training/one/1.json",
    "state": "arn:aws:s3:::mlops-lab-state-{environment}/{environment}/terraform.tfstate",
    "state-lock": "arn:aws:s3:::mlops-lab-state-{environment}/{environment}/terraform.tfstate.tflock",
    "queue": "arn:aws:batch:{region}:{account}:job-queue/{name}-fargate",
    "job": "arn:aws:batch:{region}:{account}:job/2f1e7a6c",
    "cluster": "arn:aws:ecs:{region}:{account}:cluster/{name}",
    "other-cluster": "arn:aws:ecs:{region}:{account}:cluster/other",
    "service": "arn:aws:ecs:{region}:{account}:service/{name}/mlflow",
    "task": "arn:aws:ecs:{region}:{account}:task/{name}/2f1e7a6c",
    "log": "arn:aws:logs:{region}:{account}:log-group:/{name}/mlflow:log-stream:one",
    "trail-bucket": "arn:aws:s3:::{name}-trail-{audit}",
    "trail-file": "arn:aws:s3:::{name}-trail-{audit}/AWSLogs/one.json.gz",
    "audit-rule": "arn:aws:events:{region}:{audit}:rule/{name}-heads",
    "audit-role-heads": "arn:aws:iam::{audit}:role/{name}-heads",
    "look-audit": "arn:aws:iam::{audit}:role/{name}-look-audit",
    "look-witness": "arn:aws:iam::{witness}:role/{name}-look-witness",
    "admin-audit": "arn:aws:iam::{audit}:role/mlops-lab-audit",
    "admin-witness": "arn:aws:iam::{witness}:role/mlops-lab-witness",
    "heads-bus": "arn:aws:events:{region}:{witness}:event-bus/{name}-heads",
    "heads-archive": "arn:aws:events:{region}:{witness}:archive/{name}-heads",
    "heads-rule": "arn:aws:events:{region}:{witness}:rule/{name}-heads/{name}-heads-kept",
    "heads-log": "arn:aws:logs:{region}:{witness}:log-group:/aws/events/{name}-heads",
    "heads-stream": "arn:aws:logs:{region}:{witness}:log-group:/aws/events/{name}-heads:log-stream:one",
    "trail": "arn:aws:cloudtrail:{region}:{audit}:trail/{name}",
    "boundary": "arn:aws:iam::{account}:policy/{name}-boundary",
    "run": "arn:aws:ecs:{region}:{account}:task-definition/{name}-run-{rest}:1",
    "role": "arn:aws:iam::{account}:role/{name}-{rest}",
    "repository": "arn:aws:ecr:{region}:{account}:repository/{name}/{rest}",
    "audit-key": "storage.module.audit_key.aws_kms_key.this",
    "secret": 'database.module.password["dagster"].aws_secretsmanager_secret.this',
    "secret-mlflow": 'database.module.password["mlflow"].aws_secretsmanager_secret.this',
    "state-key": "data.aws_kms_alias.state",
    "database-key": "database.module.key.aws_kms_key.this",
    "workspace": "observability.aws_prometheus_workspace.this",
}
# Where the policy lies that a bucket or a key has itself.
_OWN_POLICY = {
    "database-key": "database.module.key.aws_kms_key.this",
    "state-key": "database.module.key.aws_kms_key.this",  # bootstrap's, of the same module
    "audit-key": "storage.module.audit_key.aws_kms_key.this",
    "audit-bucket": "storage.aws_s3_bucket_policy.audit",
    "audit-entry": "storage.aws_s3_bucket_policy.audit",
    "audit-outside": "storage.aws_s3_bucket_policy.audit",
    "data-bucket": 'storage.aws_s3_bucket_policy.this["data"]',
    "data-object": 'storage.aws_s3_bucket_policy.this["data"]',
    "artifact": 'storage.aws_s3_bucket_policy.this["artifacts"]',
    "run-log": 'storage.aws_s3_bucket_policy.this["artifacts"]',
    "training-report": 'storage.aws_s3_bucket_policy.this["artifacts"]',
}


class Layer(StrEnum):
    """One of the places where a call is decided; the others are taken to let it pass."""

    GRANTS = "grants"
    BOUNDARY = "boundary"
    RESOURCE = "resource"


_ANYTHING = {"Effect": "Allow", "Action": "*", "Resource": "*"}
_VERSION = "2012-10-17"


@dataclass(frozen=True)
class Call:
    """One line of the table; it is allowed in the environments that are named."""

    role: str
    action: str
    target: str
    conditions: Mapping[str, str]
    allowed_in: frozenset[str]

    def __str__(self) -> str:
        given = " ".join(f"{name}={value}" for name, value in self.conditions.items())
        return f"{self.role}: {self.action} {self.target} {given}".rstrip()


def table(path: Path) -> list[Call]:
    """Every call of the file."""
    return [
        _call(role, line.split(), kind == "allowed")
        for role, kinds in yaml.safe_load(path.read_text()).items()
        for kind, lines in kinds.items()
        for line in lines
    ]


def _call(role: str, words: Sequence[str], allowed: bool) -> Call:
    action, target, *rest = words
    named = {word.removeprefix("@") for word in rest if word.startswith("@")}
    given = dict(word.split("=", 1) for word in rest if "=" in word)
    return Call(role, action, target, given, frozenset(named or ENVIRONMENTS) if allowed else frozenset())


def simulator(folder: Path) -> list[str]:
    """The command that evaluates, its packages installed below `folder`. Raises FileNotFoundError without Node."""
    npm, node = shutil.which("npm"), shutil.which("node")
    if not npm or not node:
        raise FileNotFoundError("no node and npm on PATH")
    for name in ("package.json", "package-lock.json", ".npmrc", "simulate.mjs"):
        shutil.copy(SIMULATOR / name, folder)
    done = subprocess.run(
        [npm, "ci", "--no-progress"], cwd=folder, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return [node, str(folder / "simulate.mjs")]


def _alone(simulation: dict[str, Any], layer: Layer | None) -> dict[str, Any]:
    """The simulation as if whatever else decides had been loosened by a mistake."""
    if layer is None:
        return simulation
    open_ones: dict[str, Any] = {
        "identityPolicies": [{"name": "anything", "policy": {"Version": _VERSION, "Statement": [_ANYTHING]}}],
        "permissionBoundaryPolicies": None,
        "resourcePolicy": {"Version": _VERSION, "Statement": [{**_ANYTHING, "Principal": "*"}]},
    }
    kept = {
        Layer.GRANTS: "identityPolicies",
        Layer.BOUNDARY: "permissionBoundaryPolicies",
        Layer.RESOURCE: "resourcePolicy",
    }[layer]
    loosened = {**simulation, **open_ones, kept: simulation.get(kept)}
    return {name: value for name, value in loosened.items() if value is not None}


@dataclass(frozen=True)
class Evaluation:
    """Calls over the policies that a plan of an environment has; `command` is the simulator."""

    command: Sequence[str]
    plan: Plan
    environment: str

    def ends(self, calls: Sequence[Call], alone: Layer | None = None) -> list[str]:
        """How each call ends: Allowed, ExplicitlyDenied, ImplicitlyDenied, or an error; by a layer `alone`."""
        wanted = json.dumps([_alone(self._simulation(call), alone) for call in calls])
        done = subprocess.run(self.command, input=wanted, capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, done.stderr
        answers: list[str] = json.loads(done.stdout)
        return answers

    def has(self, role: str) -> bool:
        """Whether the environment has this role at all."""
        return f"{self._names['name']}-{role}" in self.roles

    @cached_property
    def roles(self) -> dict[str, Mapping[str, Any]]:
        return {one.values["name"]: one.values for one in self.plan.of("aws_iam_role")}

    @cached_property
    def _names(self) -> dict[str, str]:
        account, audit, witness = ACCOUNTS[self.environment]
        own = {"name": f"mlops-{self.environment}", "environment": self.environment, "region": REGION}
        return {**own, "account": account, "audit": audit, "witness": witness}

    def _holder(self, target: str, role: str) -> str:
        """The account that holds it; what is nothing in particular is the role's own."""
        if target == "any":
            return role.split(":")[4]
        if target.startswith(("audit-", "trail")) or target.endswith("-audit"):
            return self._names["audit"]
        return self._names["witness" if target.startswith("heads-") or target.endswith("-witness") else "account"]

    def _own_policy(self, target: str) -> str | None:
        """The policy that a bucket, a key or a role in another account has itself."""
        if target.startswith("look-"):
            return str(self.roles[f"{self._names['name']}-{target}"]["assume_role_policy"])
        return str(self.plan.at(_OWN_POLICY[target]).values["policy"]) if target in _OWN_POLICY else None

    def _simulation(self, call: Call) -> dict[str, Any]:
        role = self.roles[f"{self._names['name']}-{call.role}"]
        boundary = role.get("permissions_boundary")
        account = self._holder(call.target, role["arn"])
        policy = self._own_policy(call.target)
        simulation: dict[str, Any] = {
            "request": {
                "principal": role["arn"],
                "action": call.action,
                "resource": {"resource": self._target(call.target), "accountId": account},
                "contextVariables": self._context(call, role["arn"]),
            },
            "identityPolicies": list(self._policies(role["name"])),
            "serviceControlPolicies": [],
            "resourceControlPolicies": [],
            "permissionBoundaryPolicies": [self._document(boundary)] if boundary else None,
            "resourcePolicy": json.loads(policy) if policy else None,
        }
        return {name: value for name, value in simulation.items() if value is not None}

    def _policies(self, role: str) -> Iterator[dict[str, Any]]:
        """Those of the role's own, and those of AWS's that it has, as far as they let it change something."""
        for one in self.plan.of("aws_iam_role_policy"):
            if one.values["role"] == role:
                yield {"name": one.name, "policy": json.loads(one.values["policy"])}
        for one in self.plan.of("aws_iam_role_policy_attachment"):
            name = one.values["policy_arn"].rpartition("/")[2]
            if one.values["role"] == role and name in _OF_AWS:
                yield {"name": name, "policy": _OF_AWS[name]}

    def _context(self, call: Call, principal: str) -> dict[str, str]:
        named = {name: self._target(word) if word in _TARGETS else word for name, word in call.conditions.items()}
        account = principal.split(":")[4]
        common = {"aws:SecureTransport": "true", "aws:PrincipalArn": principal, "aws:PrincipalAccount": account}
        # S3 says of a PutObject whether it makes an object, or a part of one.
        made = {"s3:ObjectCreationOperation": "true"} if call.action == "s3:PutObject" else {}
        return common | made | {name: word.format(**self._names) for name, word in named.items()}

    def _document(self, arn: str) -> dict[str, Any]:
        found = next(one for one in self.plan.of("aws_iam_policy") if one.values["arn"] == arn)
        return {"name": found.name, "policy": json.loads(found.values["policy"])}

    def _target(self, word: str) -> str:
        """The ARN that it stands for; `role-x`, `run-x` and `repository-x` name one of many."""
        kind, _, rest = (word, "", "") if word in _TARGETS else word.partition("-")
        target = _TARGETS[kind]
        if target.startswith(("arn:", "*")):
            return target.format(**self._names, rest=rest)
        if target.startswith("data."):
            (found,) = (one for one in self.plan.read_there if one.address.endswith(target))
            return str(found.values["target_key_arn"])
        return str(self.plan.at(target).values["arn"])
