"""A store whose disk is full answers every HEAD well, and takes nothing any more."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from lab.base.catalogue import Service
from lab.base.errors import ServiceUnavailable
from lab.services.http import Http
from lab.services.s3_reader import READER, Signer, StoreReader, WriteProbe
from tests.support.disks import small_disk
from tests.support.weed import Weed, running_weed

_BYTES = 192 << 20


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "small", _BYTES) as folder:
        yield folder


def client(weed: Weed, identity: str, secret: str) -> Http:
    return Http.to(Service.OBJECT_STORE, weed.config.url(Service.OBJECT_STORE), 20, None, Signer(identity, secret))


async def until_refused(probe: WriteProbe) -> None:
    # The last page of a file may have room for a few more.
    for _ in range(200):
        await probe.write()


async def test_the_probe_of_a_store_sees_that_its_disk_is_full(disk: Path) -> None:
    with running_weed(disk) as weed:
        secrets, bucket = weed.config.secrets, weed.config.data_bucket
        reading, writing = client(weed, READER, secrets.s3_reader), client(weed, "pipeline", secrets.s3_pipeline)
        reader, probe = StoreReader(reading), WriteProbe(writing, bucket)
        before = list(weed.s3("admin").objects(bucket))
        for _ in range(3):
            await probe.write()
        assert list(weed.s3("admin").objects(bucket)) == before
        with (disk / "fill").open("wb") as file, suppress(OSError):
            while True:
                file.write(bytes(1 << 20))
                file.flush()
        with pytest.raises(ServiceUnavailable, match="takes nothing new"):
            await until_refused(probe)
        await reader.head_bucket(bucket)
        await reading.aclose()
        await writing.aclose()
