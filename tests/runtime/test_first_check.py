"""A container's own check is made early by who waits for it, not by the engine."""

import itertools
from dataclasses import replace
from typing import Any

import pytest
from docker.errors import APIError

from lab.runtime.compose.containers import Container, Containers
from lab.runtime.compose.first_check import FirstCheck
from tests.runtime.test_containers import changed

CHECK = ("python", "/lab/health.py", "dagster-code")


class Api:
    """An engine in which the check ends with the next of `codes`; what it was told to run is in `ran`."""

    def __init__(self, *codes: int | None) -> None:
        self.codes, self.ran = list(codes), list[tuple[str, tuple[str, ...]]]()

    def exec_create(self, container: str, command: list[str]) -> dict[str, str]:
        if self.codes[0] is None:
            self.codes.pop(0)
            raise APIError("container is paused")
        self.ran.append((container, tuple(command)))
        return {"Id": "exec"}

    def exec_start(self, _: str) -> bytes:
        return b"said"

    def exec_inspect(self, _: str) -> dict[str, Any]:
        return {"ExitCode": self.codes.pop(0)}


@pytest.fixture
def starting() -> Container:
    """The code server's container while the engine hasn't asked it yet."""
    return changed("dagster-code", Health={"Status": "starting"})


def asking(api: Api) -> FirstCheck:
    """Ten seconds go by from one look at the clock to the next."""
    return FirstCheck(Containers("lab", connect=lambda _: client(api)), itertools.count(0.0, 10.0).__next__)


def client(api: Api) -> Any:
    return type("Client", (), {"api": api})()


def test_it_is_healthy_as_soon_as_its_own_check_passes_and_is_not_asked_again(starting: Container) -> None:
    api = Api(1, None, 0)
    check = asking(api)
    assert [check.health(starting) for _ in range(5)] == ["starting", "starting", "healthy", "healthy", "healthy"]
    assert api.ran == [(starting.id, CHECK)] * 2


def test_one_that_began_anew_is_asked_anew(starting: Container) -> None:
    check = asking(Api(0, 1))
    assert check.health(starting) == "healthy"
    assert check.health(replace(starting, started_at=(starting.started_at or 0) + 60)) == "starting"


@pytest.mark.parametrize("said", ["healthy", "unhealthy", ""])
def test_what_the_engine_found_counts(starting: Container, said: str) -> None:
    check = asking(api := Api(0))
    assert check.health(replace(starting, health=said)) == said
    assert api.ran == []


def test_many_looks_at_once_make_one_check(starting: Container) -> None:
    api = Api(1, 0)
    check = FirstCheck(Containers("lab", connect=lambda _: client(api)), lambda: 7.0)
    assert [check.health(starting) for _ in range(5)] == ["starting"] * 5
    assert len(api.ran) == 1
