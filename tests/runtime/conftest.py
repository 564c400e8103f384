"""A lab that was never started."""

from pathlib import Path

import pytest

from lab import wiring
from lab.config import LabConfig


@pytest.fixture
def config(tmp_path: Path) -> LabConfig:
    return wiring.load_config(
        {"LAB_NAME": "here", "LAB_HOME": str(tmp_path / "home"), "LAB_ENV_FILE": str(tmp_path / "env")}
    )
