"""A lab under governance."""

from pathlib import Path

import pytest

from tests.support.governed_lab import GovernedLab


@pytest.fixture
def governed(tmp_path: Path) -> GovernedLab:
    """With people, their keys and a baseline; tests that begin earlier have one of their own."""
    return GovernedLab(tmp_path).staffed()
