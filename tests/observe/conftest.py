"""A lab that is observed, with its services played."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.observed_lab import ObservedLab


@pytest.fixture
async def observed(tmp_path: Path) -> AsyncIterator[ObservedLab]:
    made = ObservedLab(tmp_path)
    yield made
    await made.observer.aclose()
