"""A project to which models are proposed."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from lab.models.proposal.proposing import Proposal, propose
from tests.models.proposals import Propose


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    (root / "pipelines").mkdir(parents=True)
    return root


@pytest.fixture
def proposed(project: Path, tmp_path: Path) -> Propose:
    """Proposes a model of a frame, or of the bytes of a file."""

    def make(data: "pd.DataFrame | bytes", target: str, name: str = "Model1", **options: Any) -> Proposal:
        path = tmp_path / "given.csv"
        if isinstance(data, bytes):
            path.write_bytes(data)
        else:
            data.to_csv(path, index=False)
        return propose(project, name, path, target, **options)

    return make
