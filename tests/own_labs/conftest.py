"""The lab that tests hurt, shared by all of them; tests/fresh_labs has those that are begun in another way."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.support.lab import LiveLab
from tests.support.recovery import all_up
from tests.support.screens import steady


@pytest.fixture(autouse=True)
def _steady(monkeypatch: pytest.MonkeyPatch) -> None:
    steady(monkeypatch)


@dataclass(frozen=True)
class Starts:
    """A lab whose first start was asked for twice at once, and how either command ended."""

    lab: LiveLab
    codes: tuple[int, ...]
    said: tuple[str, ...]


@pytest.fixture(scope="session")
def starts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Starts]:
    with LiveLab.prepared(tmp_path_factory.mktemp("spare"), "spare-lab") as lab:
        both = [lab.popen("up") for _ in range(2)]
        said = tuple(process.communicate(timeout=400)[0] for process in both)
        yield Starts(lab, tuple(process.returncode for process in both), said)


@pytest.fixture
def spare(starts: Starts) -> LiveLab:
    """A lab that may be broken in any way; it is up again for each test."""
    if not all_up(starts.lab):
        starts.lab.invoke("up")
    return starts.lab


@pytest.fixture(scope="session")
def _trained(starts: Starts) -> None:
    starts.lab.invoke("up", "demo-run")


@pytest.fixture
def trained(_trained: None, spare: LiveLab) -> LiveLab:
    """The same lab, with something to lose."""
    return spare
