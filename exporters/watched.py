"""How exporters reach what they watch: a bucket, the audit trail, asynchronous clients from a plain thread."""

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from typing import Any, TypeVar

from lab.base.errors import ServiceUnavailable
from lab.governance.ledger.retention import BucketSettings
from lab.services.bucket_lock import read_settings
from lab.services.s3 import S3, AuditStore

T = TypeVar("T")


class Bucket:
    """One bucket; its client is made at first use, because loading boto3 must not delay the start."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._s3: S3 | None = None

    def get(self, key: str) -> bytes:
        """The object's bytes. Raises NotFound and ServiceUnavailable."""
        return self._client().get(self._name, key)

    def lines(self, key: str) -> Iterator[str]:
        """The object's text by line, streamed. Raises NotFound and ServiceUnavailable."""
        return self._client().lines(self._name, key)

    def trail(self, prefix: str) -> AuditStore:
        """The audit trail under `prefix`."""
        return AuditStore(self._client(), self._name, prefix)

    def settings(self) -> BucketSettings:
        """The bucket's own settings. Raises LabError."""
        return read_settings(self._client(), self._name)

    def _client(self) -> S3:
        self._s3 = self._s3 or S3.from_environment()
        return self._s3


class EventLoopThread:
    """Runs coroutines for threads that have no event loop; one loop for all, so that connections are reused."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, name="event-loop", daemon=True).start()

    def call(self, coroutine: Coroutine[Any, Any, T], deadline_s: float) -> T:
        """The coroutine's result. Raises what it raises, and ServiceUnavailable when it takes too long."""
        future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        try:
            return future.result(deadline_s)
        except TimeoutError:
            future.cancel()
            raise ServiceUnavailable(f"No answer within {deadline_s:g} s.") from None
