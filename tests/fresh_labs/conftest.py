"""Labs that are begun in another way than most: from a copy of the project, by another user, for AWS."""

from collections.abc import Iterator

import pytest

from tests.support.lab import LiveLab
from tests.support.project import committed


@pytest.fixture(scope="session")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveLab]:
    """A lab that has trained once, from a committed copy of the project: its pipeline and its policy may be edited."""
    folder = tmp_path_factory.mktemp("copied")
    root = committed(folder / "project")
    variables = {"POLICY_PATH": str(root / "stack" / "governance" / "policy.yaml"), "RUN_MEMORY_LIMIT_MB": "400"}
    with LiveLab.prepared(folder, "copied-lab", root, **variables) as lab:
        lab.invoke("up", "demo-run")
        yield lab
