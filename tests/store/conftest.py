"""One real object store for the session, and a trail of its own for each test."""

from collections.abc import Iterator

import pytest

from tests.support.weed import RealTrail, Weed, running_weed


@pytest.fixture(scope="session")
def weed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Weed]:
    """SeaweedFS with the lab's buckets and policies."""
    with running_weed(tmp_path_factory.mktemp("weed")) as server:
        yield server


@pytest.fixture
def trail(weed: Weed) -> RealTrail:
    """An empty trail in it."""
    return weed.trail()
