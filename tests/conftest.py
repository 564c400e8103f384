"""What every test may use: skips that CI turns into failures, and one live lab for the session."""

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest

from lab.base.errors import LabError
from tests.support.lab import LiveLab, leftovers

if TYPE_CHECKING:
    from docker import DockerClient


def pytest_configure() -> None:
    # A terminated test run must clean up as an interrupted one does, also where a script started it in the background,
    # with SIGINT ignored, which every process of a test would inherit.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    # How long an example takes says how busy the machine is, nothing about the code.
    # In CI the same examples come every time: what a change has nothing to do with mustn't hold it up.
    hypothesis.settings.register_profile("lab", deadline=None, derandomize=bool(os.environ.get("CI")))
    hypothesis.settings.load_profile("lab")


# A lab that stands by takes a sixth of a core, one in containers a third.
_LABS_OF_THE_SESSION = {"live", "starts", "copied", "stack"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that need no lab of the session come first: there is none yet that stands by meanwhile."""
    items.sort(key=lambda item: not _LABS_OF_THE_SESSION.isdisjoint(getattr(item, "fixturenames", ())))


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """No lab of this test run may outlive it. Session fixtures are gone by now, also after an interruption."""
    if left := leftovers():
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        sys.stderr.write("\nleft behind by the tests' labs: " + ", ".join(left) + "\n")


def required(name: str) -> bool:
    """Whether LAB_REQUIRE turns the skip of tests marked `name` into a failure."""
    return name in os.environ.get("LAB_REQUIRE", "").split(",")


@pytest.fixture(scope="session")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveLab]:
    """A native lab that is up, seeded and has run once; shared by the session's tests."""
    with LiveLab.started(tmp_path_factory.mktemp("lab"), "test-lab") as lab:
        yield lab


@pytest.fixture(scope="session")
def engine() -> Iterator["DockerClient"]:
    """The container engine; without one the test is skipped, unless LAB_REQUIRE names `compose`."""
    from lab.runtime.compose import engine as engines

    try:
        client = engines.engine()
        engines.compose_command()
    except LabError as err:
        if required("compose"):
            raise
        pytest.skip(f"no container engine: {err.message}")
    yield client
    client.close()


@pytest.fixture
def new_lab(tmp_path: Path) -> Iterator[LiveLab]:
    """A lab of the test's own, not started yet, and removed after it."""
    with LiveLab.prepared(tmp_path, "own-lab") as lab:
        yield lab
