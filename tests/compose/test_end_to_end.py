"""The main job in containers, typed as a user would: a trained, proved model, and a lab that shows itself up."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from lab.base.catalogue import BY_NAME, Service
from lab.base.model_versions import GovernanceTags
from lab.base.runs import STEPS
from lab.governance.ledger import Status
from lab.observe.snapshot import Health
from tests.support.contracts import MODEL_NAME
from tests.support.lab import LiveLab
from tests.support.waiting import eventually

pytestmark = [pytest.mark.compose, pytest.mark.timeout(2400)]

MLOPS_LAB = str(Path(sys.executable).with_name("mlops-lab"))


def test_the_main_job_trains_and_proves_a_model_and_every_service_is_shown_up(
    stack: LiveLab, first_run: dict[str, Any]
) -> None:
    proofs = stack.json("verify-governance")
    stack.healthy()
    shown = stack.command(MLOPS_LAB, "--once")
    snapshot = eventually(lambda: shows_it_up(stack), 180, "a snapshot without a missed probe")

    every_service_is_up(stack)
    the_run_is_complete(stack, first_run)
    assert len(proofs) > 20
    assert not [proof for proof in proofs if not proof["passed"]]
    assert stack.config.name in shown.stdout
    assert snapshot["lab"]["runtime"] == "compose"
    assert snapshot["overall"] == Health.UP


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
