"""Training as jobs of the emulator's Batch, in containers of a real engine, ordered by runs of the pipeline here."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dagster import DagsterInstance

from lab.base.runs import JOB
from tests.support.aws.deployment import NAME, RUN, Deployment
from tests.support.aws.told import told
from tests.support.waiting import eventually

QUEUE, DEFINITION = f"{NAME}-fargate", f"{NAME}-train-fargate"
# As DEFINITION, but with little time, and with a second attempt.
BRIEF, SPOT = f"{NAME}-train-brief", f"{NAME}-train-spot"
# Seconds that an attempt of the definition BRIEF may take.
BRIEF_S = 20
_DEADLINE_S = 600.0


def offered(made: Deployment, image: str) -> None:
    """The queue, and the job definition as module `batch` has it; containers share this machine's network."""
    batch, role = made.aws.client("batch"), f"arn:aws:iam::{made.aws.account}:role/{RUN}"
    environment = batch.create_compute_environment(
        computeEnvironmentName=QUEUE, type="UNMANAGED", state="ENABLED", serviceRole=role
    )["computeEnvironmentArn"]
    order = [{"order": 1, "computeEnvironment": environment}]
    batch.create_job_queue(jobQueueName=QUEUE, state="ENABLED", priority=1, computeEnvironmentOrder=order)
    in_image = {"POLICY_PATH": "/lab/policy/policy.yaml", "LAB_GOVERNANCE_DIR": "/lab/policy", "MPLCONFIGDIR": "/tmp"}
    given = {name: made.values()[name] for name in told("common")} | in_image | made.aws.environment
    for name, seconds, attempts in ((DEFINITION, 600, 1), (BRIEF, BRIEF_S, 1), (SPOT, 600, 2)):
        batch.register_job_definition(
            jobDefinitionName=name,
            type="container",
            timeout={"attemptDurationSeconds": seconds},
            retryStrategy={"attempts": attempts},
            containerProperties={
                "image": image,
                "command": ["python", "-m", "lab.training.backends.batch_job"],
                "jobRoleArn": role,
                "environment": [{"name": name, "value": value} for name, value in given.items()],
                "resourceRequirements": [{"type": "VCPU", "value": "2"}, {"type": "MEMORY", "value": "8192"}],
            },
        )


@dataclass(frozen=True)
class OrderedRun:
    """A run of the pipeline in a process of its own, whose events lie in a folder."""

    process: "subprocess.Popen[bytes]"
    instance: DagsterInstance

    @property
    def run_id(self) -> str:
        found = eventually(lambda: self.instance.get_run_records(limit=1), _DEADLINE_S, "the run")
        return found[0].dagster_run.run_id

    def said(self) -> list[str]:
        """Every message of its event log so far."""
        return [event.message or event.user_message for event in self.instance.all_logs(self.run_id)]

    def says(self, text: str) -> str:
        """Waits until it says so, while it runs."""

        def found() -> str:
            lines = [line for line in self.said() if text in line]
            assert lines or self.process.poll() is None, "\n".join(self.said()[-20:])
            return lines[0] if lines else ""

        return eventually(found, _DEADLINE_S, f"{text!r} in the event log")

    def ended(self) -> str:
        """The state in which it ended."""
        self.process.wait(_DEADLINE_S)
        run = self.instance.get_run_by_id(self.run_id)
        assert run
        return run.status.value


@contextmanager
def ordered(made: Deployment, folder: Path, **variables: str) -> Iterator[OrderedRun]:
    """A run with TRAINING_BACKEND=batch under way."""
    folder.mkdir()
    (folder / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    given = {name: made.values()[name] for name in told("run")}
    told_too = {"RUN_OWNER": "ann", "TRAINING_BACKEND": "batch", "DAGSTER_HOME": str(folder), "TMPDIR": str(folder)}
    paths = {"PATH": os.environ["PATH"], "HOME": str(folder)}
    with (
        (folder / "log").open("wb") as log,
        DagsterInstance.from_config(str(folder)) as instance,
        subprocess.Popen(
            [sys.executable, "-m", "dagster", "job", "execute", "-m", "pipelines.definitions", "-j", JOB],
            cwd=folder,
            env=paths | made.aws.environment | as_run(made) | given | told_too | variables,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        ) as process,
    ):
        try:
            yield OrderedRun(process, instance)
        finally:
            process.kill()


def as_run(made: Deployment) -> dict[str, str]:
    """Credentials of the role that runs have."""
    role = f"arn:aws:iam::{made.aws.account}:role/{RUN}"
    given: dict[str, Any] = made.aws.client("sts").assume_role(RoleArn=role, RoleSessionName="run")["Credentials"]
    names = {"AccessKeyId": "ACCESS_KEY_ID", "SecretAccessKey": "SECRET_ACCESS_KEY", "SessionToken": "SESSION_TOKEN"}
    return {f"AWS_{name}": str(given[key]) for key, name in names.items()}
