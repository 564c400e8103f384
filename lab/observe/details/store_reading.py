"""The store as drill-downs read it: the audit trail in a thread, small objects directly, without boto3."""

import asyncio
from typing import TYPE_CHECKING

from lab.config import LabConfig
from lab.governance.ledger import EntryStore
from lab.observe.sources import store_reader
from lab.services.s3_reader import EntryReader, StoreReader

if TYPE_CHECKING:
    import httpx

TIMEOUT_S = 5.0


class StoreSource:
    """What a source needs of the store. Made in any thread, used by one event loop."""

    def __init__(self, config: LabConfig, transport: "httpx.AsyncBaseTransport | None" = None) -> None:
        self._config = config
        self._entries: EntryReader | None = None
        self.reader: StoreReader = store_reader(config, TIMEOUT_S, transport)

    def entries(self) -> EntryStore:
        """The audit trail, for a thread that this event loop waits for."""
        if self._entries is None:
            config, loop = self._config, asyncio.get_running_loop()
            self._entries = EntryReader(self.reader, config.audit_bucket, config.audit_prefix, loop, 2 * TIMEOUT_S)
        return self._entries

    async def aclose(self) -> None:
        """Ends a call that is under way, and closes the connections."""
        if self._entries is not None:
            self._entries.close()
        await self.reader.aclose()
