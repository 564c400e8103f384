"""What every test of the screen needs."""

import pytest

from tests.support.screens import steady


@pytest.fixture(autouse=True)
def _steady(monkeypatch: pytest.MonkeyPatch) -> None:
    steady(monkeypatch)
