"""What keeps containers from starting is found beforehand, with its remedy."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lab.base.errors import LabError
from lab.operations.doctor.doctor import examine
from lab.operations.doctor.doctor_compose import NEEDED_MEMORY, _compose, _memory, _readable, _rights
from lab.operations.doctor.finding import Verdict
from lab.runtime.binaries import Resolver
from lab.runtime.compose import engine
from tests.support.played_lab import config


def test_without_an_engine_that_is_what_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nobody.sock")
    lab = config(tmp_path, RUNTIME="compose")

    found = {finding.name: finding for finding in examine(lab, Resolver(cache=tmp_path / "cache"))}
    assert found["engine"].verdict is Verdict.FAIL
    assert "RUNTIME=native" in found["engine"].remedy
    assert "postgres" not in found
    assert "disk" in found


def test_compose_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> tuple[str, ...]:
        raise LabError("Docker Compose is missing.", "Install it.")

    monkeypatch.setattr(engine, "compose_command", missing)
    assert (_compose().verdict, _compose().remedy) == (Verdict.FAIL, "Install it.")


@pytest.mark.parametrize(("total", "verdict"), [(NEEDED_MEMORY, Verdict.OK), (NEEDED_MEMORY - 1, Verdict.FAIL)])
def test_an_engine_with_too_little_memory_is_refused(total: int, verdict: Verdict) -> None:
    assert _memory(total).verdict is verdict


@pytest.mark.parametrize(("options", "refused"), [
    (["name=seccomp,profile=default"], False),
    (["name=seccomp,profile=default", "name=rootless"], True),
    (["name=userns"], True),
])  # fmt: skip
def test_an_engine_that_maps_users_cannot_read_our_secrets(options: list[str], refused: bool) -> None:
    assert any(finding.verdict is Verdict.FAIL for finding in _rights(options)) is refused


@pytest.mark.skipif(os.getuid() != 0, reason="an ordinary user's containers read what the user may")
def test_roots_files_that_containers_could_not_read_are_named(tmp_path: Path) -> None:
    data = tmp_path / "closed" / "data.csv"
    data.parent.mkdir()
    data.write_text("a\n")
    lab = config(tmp_path, DATA_PATH=str(data))
    data.chmod(0o644)
    assert [finding for finding in _readable(lab) if str(data) in finding.detail] == []

    data.chmod(0o600)
    assert [finding.verdict for finding in _readable(lab) if str(data) in finding.detail] == [Verdict.FAIL]


def test_the_native_runtime_does_not_load_the_engines_client(tmp_path: Path) -> None:
    code = "import sys; from lab import wiring; wiring.runtime(wiring.load_config()); print('docker' in sys.modules)"
    environ = {**os.environ, "LAB_HOME": str(tmp_path), "LAB_ENV_FILE": str(tmp_path / "env"), "RUNTIME": "native"}
    done = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
