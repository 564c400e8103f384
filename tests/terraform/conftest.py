"""Terraform and its mirror, or a skip with the reason; each environment's life, seen once for all tests."""

import functools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import required
from tests.support.aws.cycle import WANTED, Cycle, Started
from tests.support.aws.terraform import Missing, Workspace, binary, mirror


@pytest.fixture(scope="session")
def terraform() -> None:
    """Skips, unless LAB_REQUIRE names `terraform`, what can't be run here."""
    if missing := _missing():
        if required("terraform"):
            raise missing
        pytest.skip(f"Terraform can't be run here: {missing}")


def _missing() -> Missing | None:
    try:
        binary()
        mirror()
    except Missing as err:
        return err
    return None


@pytest.fixture
def workspace(terraform: None, tmp_path: Path) -> Workspace:
    """A copy of terraform/, without an emulator."""
    return Workspace.copied(tmp_path)


@pytest.fixture(scope="session")
def cycles(terraform: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Cycle]]:
    """The life of each environment that was asked for: all begin at once, and are waited for when they are needed."""
    started = {name: Started.now(name, tmp_path_factory.mktemp(name)) for name in WANTED}
    try:
        yield functools.cache(lambda name: started[name].seen())
    finally:
        for one in started.values():
            one.end()


@pytest.fixture(scope="session", autouse=True)
def begun(request: pytest.FixtureRequest) -> None:
    """Begins the cycles before the first test, if any test needs them and they can be run."""
    if not _missing() and any(_needs_cycle(item) for item in request.session.items):
        request.getfixturevalue("cycles")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What needs a cycle comes last: it goes on meanwhile."""
    items.sort(key=_needs_cycle)


def _needs_cycle(item: pytest.Item) -> bool:
    return "cycles" in getattr(item, "fixturenames", ())


@pytest.fixture(params=WANTED)
def cycle(request: pytest.FixtureRequest, cycles: Callable[[str], Cycle]) -> Cycle:
    """Each environment that was asked for."""
    return cycles(request.param)


@pytest.fixture
def dev(cycles: Callable[[str], Cycle]) -> Cycle:
    return cycles("dev")
