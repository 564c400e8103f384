"""What tests share that look at the session's lab and train in it."""

from pathlib import Path

import pytest

from tests.support.screens import steady


@pytest.fixture(autouse=True)
def _steady(monkeypatch: pytest.MonkeyPatch) -> None:
    steady(monkeypatch)


@pytest.fixture
def bad_file(tmp_path: Path) -> Path:
    """Where a test writes a data set of its own."""
    return tmp_path / "applications.csv"
