"""One lab in containers for the session, on the engine that DOCKER_HOST names; its images come without a registry."""

from collections.abc import Iterator

import pytest
from docker import DockerClient

from tests.support import containers
from tests.support.lab import LiveLab

NAME = "test-stack"


@pytest.fixture(scope="session")
def stack(engine: DockerClient, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveLab]:
    """A lab in containers that is up and has trained once; nothing of it is left in the engine afterwards."""
    assert containers.everything(engine, NAME) == [], "an earlier test run left this"
    with LiveLab.prepared(tmp_path_factory.mktemp("stack"), NAME, **containers.variables()) as lab:
        lab.invoke("build", "--airgap", timeout=1800)
        lab.invoke("up", "demo-run")
        yield lab
    assert containers.everything(engine, NAME) == []
