"""An environment's whole life against the emulator: applied, planned again, and destroyed."""

import json
import os
import pickle
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.support.aws import deploying, emulator
from tests.support.aws.deploying import Deployed
from tests.support.aws.emulator import Emulator
from tests.support.aws.inventory import found
from tests.support.aws.mistakes import MISTAKES
from tests.support.aws.plan import Plan
from tests.support.aws.terraform import Said, Workspace

# dev, unless `invoke tf-test --every` asks for all.
WANTED = os.environ.get("LAB_TERRAFORM_ENVIRONMENTS", "dev").split(",")
RESULT, _LOG = "cycle.pickle", "cycle.log"
# A quiet machine needs four minutes, most of which the provider waits.
_DEADLINE_S = 1500.0
# Terraform is given half a minute to end by itself.
_END_S = 60.0
_QUIET = ("-no-color", "-input=false")
# Who owns what, as terraform/envs/*/main.tf has it: the lab, the audit trail, the witness; and the pages' domain.
ACCOUNTS = {
    "dev": ("111111111111", "211111111111", "311111111111"),
    "staging": ("122222222222", "222222222222", "322222222222"),
    "prod": ("133333333333", "233333333333", "333333333333"),
}
DOMAINS = {"dev": "dev.lab.example.com", "staging": "staging.lab.example.com", "prod": "lab.example.com"}


@dataclass(frozen=True)
class Cycle:
    """What was seen in it. `planted` is a plan with every mistake of `mistakes`, of dev only, as is
    `deployed`: what the lab's own command did there."""

    environment: str
    again: Said
    plan: Plan
    planted: Plan
    settings: str
    protected: tuple[str, ...]
    before: set[str]
    made: set[str]
    after: set[str]
    left_in_state: str
    deployed: Deployed | None


def lived(environment: str, folder: Path) -> Cycle:
    """Makes an environment and destroys it. Raises TerraformFailed."""
    with emulator.running(ACCOUNTS[environment][0], folder / "emulator.log") as aws:
        workspace = Workspace.copied(folder, aws)
        workspace.use_emulator(environment)
        _bootstrap(workspace, environment)
        before = _found(aws, environment)
        root = f"envs/{environment}"
        workspace.init(root, "-backend-config=backend.hcl")
        workspace.run(root, "apply", "-auto-approve", "-parallelism=20", *_QUIET)
        # As a workflow that only looks: in the other accounts by roles of the environment's own.
        look = ("-var=look_only=true", "-out=again")
        again = workspace.run(root, "plan", "-detailed-exitcode", *look, *_QUIET, ok=(0, 2))
        plan = Plan.read(workspace.json(root, "show", "-json", "again"))
        settings = workspace.run(root, "output", "-raw", "settings").output
        planted = _planted(workspace, root) if environment == "dev" else plan
        deployed = deploying.lived(aws, folder, workspace) if environment == "dev" else None
        protected = _refused(aws, environment)
        made = _found(aws, environment) - before
        _destroy(workspace, environment, bool(protected))
        state = workspace.run(root, "state", "list").output
        after = _found(aws, environment)
        kept = (protected, before, made, after, state.strip(), deployed)
        return Cycle(environment, again, plan, planted, settings, *kept)


def _bootstrap(workspace: Workspace, environment: str) -> None:
    workspace.init("bootstrap")
    values = {
        "region": emulator.REGION,
        "state_bucket": f"mlops-lab-state-{environment}",
        "domains": json.dumps([DOMAINS[environment]]),
    }
    given = [f"-var={name}={value}" for name, value in values.items()]
    workspace.run("bootstrap", "apply", "-auto-approve", *_QUIET, *given)


def _planted(workspace: Workspace, root: str) -> Plan:
    """A plan over what is there, with every mistake in it; nothing of it is applied."""
    files = []
    for name, mistake in MISTAKES.items():
        path = workspace.path(f"modules/{mistake.module}") / f"{name}_override.tf"
        path.write_text(mistake.text)
        files.append(path)
    workspace.run(root, "plan", "-refresh=false", "-out=planted", *_QUIET)
    plan = Plan.read(workspace.json(root, "show", "-json", "planted"))
    for path in files:
        path.unlink()
    return plan


def _refused(aws: Emulator, environment: str) -> tuple[str, ...]:
    """What AWS itself refuses to delete."""
    name, refused = f"mlops-{environment}", []
    balancers = aws.client("elbv2")
    rds = aws.client("rds")
    if rds.describe_db_clusters(DBClusterIdentifier=name)["DBClusters"][0]["DeletionProtection"]:
        refused.append("database")
    arn = balancers.describe_load_balancers(Names=[name])["LoadBalancers"][0]["LoadBalancerArn"]
    attributes = balancers.describe_load_balancer_attributes(LoadBalancerArn=arn)["Attributes"]
    if {"Key": "deletion_protection.enabled", "Value": "true"} in attributes:
        refused.append("load balancer")
    return tuple(refused)


def _destroy(workspace: Workspace, environment: str, protected: bool) -> None:
    root = f"envs/{environment}"
    if protected:
        workspace.use_emulator(environment, unprotected=True)
        workspace.run(root, "apply", "-auto-approve", "-refresh=false", "-parallelism=20", *_QUIET)
    workspace.run(root, "destroy", "-auto-approve", "-refresh=false", "-parallelism=20", *_QUIET)


def _found(aws: Emulator, environment: str) -> set[str]:
    return {item for account in ACCOUNTS[environment] for item in found(aws, account)}


@dataclass(frozen=True)
class Started:
    """A cycle under way in a process of its own: most of it is waiting, in which other tests can be run."""

    folder: Path
    process: "subprocess.Popen[bytes]"

    @classmethod
    def now(cls, environment: str, folder: Path) -> "Started":
        """Begins it; what it leaves is below `folder`."""
        with (folder / _LOG).open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.support.aws", environment, str(folder)],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                # A terminal's Ctrl-C would reach it a second time, amid its cleaning up.
                process_group=0,
            )
        return cls(folder, process)

    def seen(self) -> Cycle:
        """Waits for it. Raises AssertionError with what it said when it failed."""
        assert self.process.wait(_DEADLINE_S) == 0, (self.folder / _LOG).read_text()[-8000:]
        cycle: Cycle = pickle.loads((self.folder / RESULT).read_bytes())
        return cycle

    def end(self) -> None:
        """With every process of it, if it is still under way."""
        assert self.process.stdin
        self.process.stdin.close()
        try:
            self.process.wait(_END_S)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
