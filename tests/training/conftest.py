"""Stores in memory, and data sets made from the real one."""

from collections.abc import Callable
from pathlib import Path

import pytest

from lab.base.errors import NotFound
from tests.support.memory import MemoryEntries

SAMPLE = Path(__file__).resolve().parents[2] / "data" / "sample_data.csv"


class MemoryObjects:
    """`lab.training.data_store.Objects` in memory; counts uploads."""

    def __init__(self) -> None:
        self.bodies: dict[tuple[str, str], bytes] = {}
        self.uploads = 0

    def get(self, bucket: str, key: str) -> bytes:
        try:
            return self.bodies[bucket, key]
        except KeyError:
            raise NotFound(f"{bucket}/{key} is not in the object store.") from None

    def put(self, bucket: str, key: str, body: bytes) -> None:
        self.bodies[bucket, key] = body

    def exists(self, bucket: str, key: str) -> bool:
        return (bucket, key) in self.bodies

    def upload(self, bucket: str, key: str, path: Path) -> None:
        self.uploads += 1
        self.bodies[bucket, key] = path.read_bytes()

    def download(self, bucket: str, key: str, path: Path) -> None:
        path.write_bytes(self.get(bucket, key))


@pytest.fixture
def objects() -> MemoryObjects:
    return MemoryObjects()


@pytest.fixture
def trail() -> MemoryEntries:
    return MemoryEntries()


@pytest.fixture
def sample() -> bytes:
    return SAMPLE.read_bytes()


@pytest.fixture
def data_file(tmp_path: Path) -> Callable[[bytes], Path]:
    """Writes a data set and gives its path."""

    def write(body: bytes) -> Path:
        path = tmp_path / "data.csv"
        path.write_bytes(body)
        return path

    return write
