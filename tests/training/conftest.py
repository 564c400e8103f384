"""A trail in memory for the guard."""

import pytest

from tests.support.memory import MemoryEntries


@pytest.fixture
def trail() -> MemoryEntries:
    return MemoryEntries()
