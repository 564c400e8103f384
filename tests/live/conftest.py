"""The labs of the live tests: the session's own, and a spare one for whatever would hurt others."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.lab import LiveLab
from tests.support.screens import steady


@pytest.fixture(autouse=True)
def _steady(monkeypatch: pytest.MonkeyPatch) -> None:
    steady(monkeypatch)


@pytest.fixture(scope="session")
def _spare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveLab]:
    with LiveLab.prepared(tmp_path_factory.mktemp("spare"), "spare-lab") as lab:
        yield lab


@pytest.fixture
def spare(_spare: LiveLab) -> LiveLab:
    """A lab that may be broken in any way; it is brought up again for each test."""
    _spare.invoke("up")
    return _spare


@pytest.fixture
def bad_file(tmp_path: Path) -> Path:
    """Where a test writes a data set of its own."""
    return tmp_path / "applications.csv"
