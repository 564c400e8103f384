"""Stacks whose files are written, and how Compose reads them."""

import pytest

from lab.runtime.compose import compose_files
from lab.runtime.compose.compose_files import Stack
from lab.runtime.compose.container_set import make_stack
from lab.wiring import first_config
from tests.stack.stacks import Make, Model, resolved


@pytest.fixture(scope="module")
def make(tmp_path_factory: pytest.TempPathFactory) -> Make:
    """A stack whose files are written."""

    def made(**environ: str) -> Stack:
        folder = tmp_path_factory.mktemp("lab")
        given = {"LAB_ENV_FILE": str(folder / "env"), "LAB_HOME": str(folder / "home"), "RUNTIME": "compose", **environ}
        config, _ = first_config(given)
        stack = make_stack(config)
        compose_files.write_all(stack)
        return stack

    return made


@pytest.fixture(scope="module")
def minio(make: Make) -> Stack:
    return make(OBJECT_STORE="minio", PORT_OFFSET="70", LAB_NAME="static")


@pytest.fixture(scope="module")
def seaweed(make: Make) -> Stack:
    return make(OBJECT_STORE="seaweedfs", PORT_OFFSET="70", LAB_NAME="static")


@pytest.fixture(scope="module")
def model(minio: Stack) -> Model:
    return resolved(minio)


@pytest.fixture(scope="module")
def models(minio: Stack, seaweed: Stack, model: Model) -> list[Model]:
    return [model, resolved(seaweed)]
