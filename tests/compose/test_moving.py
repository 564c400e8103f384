"""A lab moves from processes into containers and back, by backup and restore: everything in it goes along."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from docker import DockerClient

from lab.base.catalogue import Service
from lab.governance.ledger.reader import stored_entries
from lab.operations.own_lab import KEY
from lab.runtime.layout import Layout
from lab.services.s3 import READER, S3
from tests.support import containers
from tests.support.keys import make_key
from tests.support.lab import LiveLab
from tests.support.waiting import eventually

pytestmark = [pytest.mark.compose, pytest.mark.timeout(2400)]

# Approvals count in a lab of the name that they were made for.
NAME = "moving-lab"


@contextmanager
def lab(folder: Path, **variables: str) -> Iterator[LiveLab]:
    folder.mkdir()
    with LiveLab.prepared(folder, NAME, **variables) as made:
        yield made


def contents(lab: LiveLab) -> dict[str, Any]:
    """All that a lab knows: runs, versions, objects, and the trail byte for byte."""
    config = lab.config
    s3 = S3.of_lab(config, READER, timeout_s=30)
    buckets = (config.data_bucket, config.artifact_bucket)
    return {
        "runs": lab.run_ids(),
        "versions": lab.versions(),
        "objects": {
            # Whose store it is doesn't come from the backup.
            f"{bucket}/{key}": s3.sha256(bucket, key)
            for bucket in buckets
            for key in s3.objects(bucket)
            if key != KEY
        },
        "trail": dict(stored_entries(lab.store(), config.audit_prefix)),
    }


def act(lab: LiveLab, action: str, key: Path) -> None:
    """A signed decision on the first version."""
    lab.invoke(action, "--version", "1", "--reason", f"{action} it", "--key", str(key))


def assert_gone(lab: LiveLab, engine: DockerClient) -> None:
    """No container, network, volume, image, process or file of the lab is left."""
    assert containers.everything(engine, NAME) == []
    assert lab.processes() == []
    assert not lab.home.exists()
    assert not Path(lab.environ["LAB_ENV_FILE"]).exists()
    assert not Layout(lab.home).run.exists()


# `stack`, because its images make this lab's build a short one; nobody needs that lab up any more.
def test_a_lab_moves_into_containers_and_back_with_its_approvals(
    stack: LiveLab, engine: DockerClient, tmp_path: Path
) -> None:
    assert containers.everything(engine, NAME) == []
    stack.invoke("down")
    adam, olga = (make_key(tmp_path, "ed25519", name) for name in ("adam", "olga"))
    there, back = str(tmp_path / "there"), str(tmp_path / "back")
    with lab(tmp_path / "native") as first:
        first.invoke("up", "demo-run")
        first.invoke("identity-add", "adam@example.com", "--key", f"{adam}.pub", "--role", "platform-admin")
        signing = ("--role", "risk-officer", "--sign-with", str(adam))
        first.invoke("identity-add", "olga@example.com", "--key", f"{olga}.pub", *signing)
        first.invoke("set-criteria", "--reason", "the data is published", "--key", str(olga))
        act(first, "approve", olga)
        first.invoke("backup", "--output", there)
        native = contents(first)

    with lab(tmp_path / "compose", **containers.variables()) as second:
        second.invoke("build", "--airgap", timeout=1800)
        done = second.json("restore", there)
        assert done["succeeded"], done
        assert (done["from_runtime"], done["runtime"]) == ("native", "compose")
        assert contents(second) == native
        act(second, "reject", olga)
        # Dagster's pages may be slow just after a start.
        eventually(lambda: second.json("demo-run")["succeeded"], 300, "a run that succeeds", (AssertionError,))
        assert second.json("reconcile")["findings"] == []
        assert all(proof["passed"] for proof in second.json("verify-governance", "--only", "ledger"))
        second.invoke("backup", "--output", back)
        moved = contents(second)
        second.invoke("nuke", "--yes")
        assert_gone(second, engine)

    with lab(tmp_path / "home") as third:
        done = third.json("restore", back)
        assert done["succeeded"], done
        assert (done["from_runtime"], done["runtime"]) == ("compose", "native")
        assert contents(third) == moved
        assert third.versions()[-1].tags["approval_state"] == "rejected"
        assert len(third.run_ids()) > len(native["runs"])
        act(third, "archive", adam)
        assert third.json("reconcile")["findings"] == []
        assert third.verified().intact
        answer = third.get(
            Service.MLFLOW,
            "/get-artifact",
            params={"run_id": third.versions()[0].run_id, "path": "plots/roc.png"},
        )
        assert answer.content.startswith(b"\x89PNG")
