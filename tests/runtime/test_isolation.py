"""What the compose runtime is told when runs get containers, and who can't have that."""

import socket
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from lab.base.errors import LabError
from lab.config import LabConfig
from lab.runtime import isolation
from lab.wiring import first_config


@pytest.fixture
def config(tmp_path: Path) -> LabConfig:
    given = {"LAB_ENV_FILE": str(tmp_path / "env"), "LAB_HOME": str(tmp_path / "home"), "RUN_ISOLATION": "container"}
    return first_config(given)[0]


@pytest.fixture
def engine_socket(tmp_path: Path) -> Iterator[Path]:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "docker.sock"))
        yield tmp_path / "docker.sock"


def test_isolated_runs_add_a_file_and_the_engines_socket(config: LabConfig, engine_socket: Path) -> None:
    assert [path.name for path in isolation.compose_files(config)] == ["compose.yaml", "compose.isolation.yaml"]
    found = isolation.variables(config, {"DOCKER_HOST": f"unix://{engine_socket}"})
    assert found["ENGINE_SOCKET"] == str(engine_socket)
    assert found["ENGINE_GID"] == str(engine_socket.stat().st_gid)
    assert found["RUN_CONTAINER_MEMORY_MB"] == "2048"


def test_other_labs_have_neither(config: LabConfig) -> None:
    other = replace(config, run_isolation="process")
    assert [path.name for path in isolation.compose_files(other)] == ["compose.yaml"]
    assert isolation.variables(other, {}) == {}
    isolation.refuse(other)


@pytest.mark.parametrize(
    "fails",
    [isolation.refuse, lambda config: isolation.variables(config, {"DOCKER_HOST": "tcp://engine.example.com:2376"})],
    ids=["without containers", "with an engine elsewhere"],
)
def test_a_lab_that_cannot_isolate_runs_says_what_to_do(
    fails: Callable[[LabConfig], object], config: LabConfig
) -> None:
    with pytest.raises(LabError, match="RUN_ISOLATION=container needs") as failure:
        fails(config)
    assert "RUN_ISOLATION=process" in failure.value.remedy
