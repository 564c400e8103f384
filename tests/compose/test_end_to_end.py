"""From nothing to a trained, proved model in containers and back to nothing, typed as a user would."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from docker import DockerClient

from lab.base.catalogue import BY_NAME, Service
from lab.base.model_versions import MODEL_NAME, GovernanceTags
from lab.base.runs import STEPS
from lab.governance.ledger import Status
from lab.observe.snapshot import Health
from lab.runtime.layout import Layout
from lab.runtime.native.orphan_processes import owned
from tests.support import containers
from tests.support.lab import LiveLab
from tests.support.waiting import eventually

pytestmark = [pytest.mark.compose, pytest.mark.timeout(2400)]

MLOPS_LAB = str(Path(sys.executable).with_name("mlops-lab"))
NAME = "end-to-end"


@pytest.fixture
def lab(engine: DockerClient, tmp_path: Path) -> Iterator[LiveLab]:
    assert containers.everything(engine, NAME) == []
    with LiveLab.prepared(tmp_path, NAME, **containers.variables()) as made:
        yield made


def test_from_nothing_to_a_proved_model_and_back_to_nothing(lab: LiveLab, engine: DockerClient) -> None:
    lab.invoke("build", "--airgap", timeout=1800)
    lab.invoke("up")
    run = lab.json("demo-run")
    proofs = lab.json("verify-governance")
    lab.healthy()
    shown = lab.command(MLOPS_LAB, "--once")
    snapshot = eventually(lambda: shows_it_up(lab), 60, "a snapshot without a missed probe")

    every_service_is_up(lab)
    the_run_is_complete(lab, run)
    assert len(proofs) > 20
    assert not [proof for proof in proofs if not proof["passed"]]
    assert lab.invoke("verify-governance", "--only", "ledger").returncode == 0
    assert NAME in shown.stdout
    assert snapshot["lab"]["runtime"] == "compose"
    assert snapshot["overall"] == Health.UP

    lab.invoke("down")
    lab.invoke("up")
    assert lab.verified().intact
    assert run["run"]["run_id"] in lab.run_ids()

    home, env_file = lab.home, lab.config.env_file
    lab.invoke("nuke", "--yes")

    assert containers.everything(engine, NAME) == []
    assert not list(owned(home))
    assert not home.exists()
    assert not env_file.exists()
    assert not Layout(home).run.exists()


def shows_it_up(lab: LiveLab) -> Any:
    snapshot = json.loads(lab.command(MLOPS_LAB, "--once", "--json").stdout)
    return snapshot if snapshot["overall"] == Health.UP else None


def every_service_is_up(lab: LiveLab) -> None:
    lab.healthy()
    found = {state["name"]: state for state in lab.json("status")}
    assert set(found) == set(Service)
    for name, state in found.items():
        absent = BY_NAME[Service(name)].optional and state["health"] == Health.ABSENT
        assert state["health"] == Health.UP or absent, state
        assert absent or (state["memory_bytes"] and state["uptime_s"] is not None), state


def the_run_is_complete(lab: LiveLab, run: dict[str, Any]) -> None:
    assert run["succeeded"]
    assert [step["name"] for step in run["run"]["steps"]] == list(STEPS)
    assert {step["status"] for step in run["run"]["steps"]} == {"SUCCESS"}
    version = run["version"]
    assert version["name"] == MODEL_NAME
    assert all(version["tags"].get(name) for name in GovernanceTags.names())
    assert version["tags"]["deployment_blocked"] == "true"
    assert 0.7 < version["metrics"]["auc"] < 0.9
    entries = lab.entries_of(run["run"]["run_id"])
    assert [(one.action, one.status) for one in entries if one.action in STEPS] == [
        (step, status) for step in STEPS for status in (Status.STARTED, Status.SUCCESS)
    ]
    picture = lab.get(Service.MLFLOW, "/get-artifact", params={"run_id": version["run_id"], "path": "plots/roc.png"})
    assert picture.content.startswith(b"\x89PNG")
