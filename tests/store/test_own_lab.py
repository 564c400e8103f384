"""Whose lab is at the ports: asked of a real store, from homes that share name, ports and secrets."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lab.base.catalogue import ProcessFact, Service
from lab.base.errors import LabError
from lab.commands.dispatch.action_process import PROCESSES
from lab.config import LabConfig
from lab.operations.own_lab import KEY, require, settle
from lab.runtime.lab_marker import NATIVE, SEAWEEDFS, lab_id, write_mark
from lab.services.s3 import ADMIN
from tests.support import forked
from tests.support.keys import make_key
from tests.support.lab import INVOKE, ROOT
from tests.support.weed import Weed


class Processes:
    """A runtime in which everything is in one state."""

    def __init__(self, state: str) -> None:
        self.state = state

    def facts(self, measured: bool = False) -> dict[Service, ProcessFact]:
        return dict.fromkeys(Service, ProcessFact(self.state))


def runtime(state: str) -> Callable[[], Any]:
    return lambda: Processes(state)


def never() -> Any:
    pytest.fail("the store's answer is enough")


@pytest.fixture
def lab(weed: Weed) -> Iterator[LabConfig]:
    """The lab whose store it is, and is again afterwards."""
    settle(weed.config)
    yield weed.config
    settle(weed.config)


def test_the_lab_that_is_up_is_known_by_one_request(lab: LabConfig) -> None:
    require(lab, never)
    settle(lab)


def test_a_home_that_was_never_started_acts_on_no_other_lab(lab: LabConfig, tmp_path: Path) -> None:
    second = replace(lab, home=tmp_path / "second")
    with pytest.raises(LabError, match=f"at {second.home} isn't up; at its ports is the lab of {lab.home}") as caught:
        require(second, never)
    assert "PORT_OFFSET=" in caught.value.remedy
    assert not second.home.exists()


def acting(tmp_path: Path) -> dict[str, list[str]]:
    """Every command that launches, writes or removes something in a lab, or reads it to judge it."""
    key, actions = str(make_key(tmp_path, "ed25519", "somebody")), ("approve", "reject", "promote", "archive")
    tasks = {name: ["--version", "1", "--reason", "x", "--key", key] for name in actions} | {
        "approve-deploy": ["--env", "staging", "--reason", "x", "--key", key],
        "alert-test": [],
        "criteria": [],
        "set-criteria": ["--reason", "x", "--key", key],
        "cancel": ["11111111"],
        "compare": ["1", "2"],
        "backup": ["--output", str(tmp_path / "backup")],
        "demo-run": [],
        "train": ["CreditRiskModel"],
        "deploy": ["--env", "dev"],
        "evidence": ["--version", "1", "--output", str(tmp_path / "evidence")],
        "identity-add": ["eve@example.com", "--key", f"{key}.pub", "--role", "platform-admin"],
        "identity-list": [],
        "identity-remove": ["eve@example.com"],
        "nuke": ["--yes", "--keep-audit", str(tmp_path / "kept")],
        "reconcile": ["--repair"],
        "restart": [],
        "seed": [],
        "start": ["mlflow"],
        "stop": ["mlflow"],
        "upgrade": ["--output", str(tmp_path / "upgrade")],
        "verify-governance": [],
    }
    audit = {name: [] for name in ("verify", "export", "deliver", "close")}
    made = {f"invoke {name}": [INVOKE, name, *words] for name, words in tasks.items()}
    made |= {f"audit {name}": [sys.executable, "-m", "lab.cli", "audit", name, *words] for name, words in audit.items()}
    arguments = {"reason": "x", "labels": "{}", "key": key}
    for name in sorted({*PROCESSES} - {"up"}):
        target = {"target": "mlflow" if name in {"restart", "start", "stop"} else "1"}
        made[f"action {name}"] = [
            sys.executable,
            "-m",
            "lab.commands.dispatch.action_process",
            name,
            json.dumps(arguments | target),
        ]
    return made


@pytest.mark.timeout(600)
def test_no_command_acts_on_a_lab_at_the_ports_of_one_that_was_never_started(
    weed: Weed, lab: LabConfig, tmp_path: Path
) -> None:
    home, settings = tmp_path / "home", tmp_path / "env"
    settings.write_bytes(lab.env_file.read_bytes())
    own = {"LAB_NAME": lab.name, "LAB_HOME": str(home), "LAB_ENV_FILE": str(settings), "RUNTIME": "native"}
    environ = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    environ |= own | {"PORT_OFFSET": str(lab.port_offset)}
    before = [list(weed.s3(ADMIN).objects(bucket)) for bucket in lab.buckets]

    def said(argv: list[str]) -> str:
        done = forked.run(argv, environ, 200)
        return f"{done.returncode} {done.stdout}{done.stderr}"

    commands = acting(tmp_path)
    with ThreadPoolExecutor(max_workers=3) as pool:
        answers = dict(zip(commands, pool.map(said, commands.values()), strict=True))

    for name, answer in answers.items():
        refused = (
            "was never started"
            if name.split()[-1] in {"restart", "start", "stop", "upgrade"}
            else f"isn't up; at its ports is the lab of {lab.home}"
        )
        assert answer.startswith("1 "), f"{name}: {answer}"
        assert refused in answer, f"{name}: {answer}"
        assert "Traceback" not in answer, f"{name}: {answer}"
    assert [list(weed.s3(ADMIN).objects(bucket)) for bucket in lab.buckets] == before
    assert not home.exists()
    assert settings.exists()
    assert {path.name for path in tmp_path.iterdir()} <= {"env", "somebody", "somebody.pub"}


def test_every_task_either_acts_and_is_tried_or_acts_on_no_other_lab(tmp_path: Path) -> None:
    listed = subprocess.run([INVOKE, "--list"], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True).stdout
    tasks = {line.split()[0] for line in listed.splitlines() if line[:2] == "  " and line[2:3].strip()}
    looking = {"doctor", "exec", "logs", "models", "open", "status"}  # at this home's own processes or containers
    making = {
        "build",
        "bundle",
        "check",
        "down",
        "new-model",
        "restore",
        "test",
        "tf-test",
        "up",
    }  # this home's own, or nothing of a lab
    tried = {name.removeprefix("invoke ") for name in acting(tmp_path) if name.startswith("invoke ")}
    assert tasks == looking | making | tried


def test_neither_does_one_that_has_the_same_secrets(lab: LabConfig, tmp_path: Path) -> None:
    second = replace(lab, home=tmp_path / "second")
    write_mark(second, NATIVE, SEAWEEDFS)
    for act in (lambda: require(second, never), lambda: settle(second)):
        with pytest.raises(LabError, match=f"at its ports is the lab of {lab.home}"):
            act()
    require(lab, never)


def test_neither_does_one_with_other_secrets(lab: LabConfig, tmp_path: Path) -> None:
    second = replace(lab, home=tmp_path / "second", secrets=replace(lab.secrets, s3_reader="another"))
    write_mark(second, NATIVE, SEAWEEDFS)
    with pytest.raises(LabError, match=f"at its ports is the lab of {lab.home}"):
        require(second, never)


def test_neither_does_a_copy_of_its_home(lab: LabConfig, tmp_path: Path) -> None:
    copy = replace(lab, home=tmp_path / "copy")
    copy.home.mkdir()
    (copy.home / "lab.json").write_bytes((lab.home / "lab.json").read_bytes())
    with pytest.raises(LabError, match=f"{copy.home} is a copy of the lab at {lab.home}"):
        require(copy, never)


def test_secrets_that_were_changed_are_told_from_another_lab(lab: LabConfig) -> None:
    changed = replace(lab, secrets=replace(lab.secrets, s3_reader="another"))
    with pytest.raises(LabError, match="doesn't accept this lab's secrets") as caught:
        require(changed, never)
    assert "invoke up" in caught.value.remedy


def test_a_lab_from_before_labs_had_ids_is_up_when_its_processes_are(weed: Weed, lab: LabConfig) -> None:
    weed.s3(ADMIN).client.delete_object(Bucket=lab.data_bucket, Key=KEY)
    require(lab, runtime("running"))
    with pytest.raises(LabError, match=f"at {lab.home} isn't up"):
        require(lab, runtime("stopped"))


def test_an_outage_of_the_store_is_no_lab_that_is_down(lab: LabConfig) -> None:
    away = replace(lab, endpoints={Service.OBJECT_STORE: "http://127.0.0.1:9"})
    require(away, runtime("running"))
    with pytest.raises(LabError, match="isn't up"):
        require(away, runtime("stopped"))


def test_a_record_that_lost_its_id_is_still_that_of_this_home(lab: LabConfig) -> None:
    before = lab_id(lab.home)
    (lab.home / "lab.json").unlink()
    write_mark(lab, NATIVE, SEAWEEDFS)
    assert lab_id(lab.home) != before
    require(lab, never)
    settle(lab)
    require(lab, never)


def test_an_identity_that_cannot_be_read_is_not_overwritten(weed: Weed, lab: LabConfig) -> None:
    for body in (b"[]", b"[" * 200_000):
        weed.s3(ADMIN).put(lab.data_bucket, KEY, body)
        for act in (lambda: require(lab, never), lambda: settle(lab)):
            with pytest.raises(LabError, match="doesn't say whose store this is"):
                act()
    weed.s3(ADMIN).client.delete_object(Bucket=lab.data_bucket, Key=KEY)
