"""One lab in containers for the session, on the engine that DOCKER_HOST names; its images come without a registry.

As long as its images are there, those of any other lab come from the engine's cache.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from docker import DockerClient

from tests.support import containers
from tests.support.lab import LiveLab
from tests.support.project import committed


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What needs the lab's images only comes when nobody needs the lab any more."""
    items.sort(key=lambda item: item.path.stem == "test_moving")


@pytest.fixture(scope="session")
def stack(engine: DockerClient, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveLab]:
    """A lab in containers that is up, from a committed copy of the project. Nothing of it is left in the engine."""
    assert containers.everything(engine, containers.STACK) == [], "an earlier test run left this"
    folder = tmp_path_factory.mktemp("stack")
    with LiveLab.prepared(folder, containers.STACK, committed(folder / "project"), **containers.variables()) as lab:
        lab.invoke("build", "--airgap", timeout=1800)
        lab.invoke("up")
        yield lab
    assert containers.everything(engine, containers.STACK) == []


@pytest.fixture(scope="session")
def first_run(stack: LiveLab) -> dict[str, Any]:
    """What `demo-run --json` says of the first run of that lab."""
    done: dict[str, Any] = stack.json("demo-run")
    return done
