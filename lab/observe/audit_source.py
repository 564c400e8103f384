"""The audit trail for a snapshot: followed from a window before its head, and judged by whoever reads all of it."""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from lab.base.catalogue import Service
from lab.base.errors import LabError
from lab.base.threads import OneThread
from lab.config import LabConfig
from lab.governance.ledger import AuditView
from lab.governance.ledger.reader import Trail
from lab.governance.rules.entry_validity import JUDGED, OVERTAKEN_ENTRY, UNCOUNTED_ENTRY, EntryValidity, is_claim
from lab.observe.sources import PATIENCE_S, store_reader
from lab.services.exposition import chosen, read_entry_validity
from lab.services.http import Http
from lab.services.json_reading import understanding
from lab.services.s3_reader import EntryReader, StoreReader

if TYPE_CHECKING:
    import httpx

# Entries read in one go: with more than these behind it, a follower catches up over several ticks.
ENTRIES_AT_ONCE = 200
# How often verdicts are asked for while some are missing, and while there are all: the policy may change.
_HURRY_S, _CALM_S = 5.0, 60.0


class AuditSource:
    """The audit trail, at the cost of what is new."""

    def __init__(
        self,
        config: LabConfig,
        timeout_s: float,
        clock: Callable[[], float],
        transport: "httpx.AsyncBaseTransport | None" = None,
        patience_s: float = PATIENCE_S,
    ) -> None:
        """`clock` gives seconds that never jump; the verdicts on entries are waited for `patience_s`."""
        self._config, self._timeout_s, self._transport = config, timeout_s, transport
        self._verdicts = VerdictsReader(config.url(Service.GOVERNANCE_METRICS), timeout_s, clock, transport, patience_s)
        self._thread = OneThread("audit")
        self._reader: StoreReader | None = None
        self._entries: EntryReader | None = None
        self._trail: Trail | None = None
        self._refreshed = self._thread.once(self._refresh)

    async def prepare(self) -> None:
        """Makes the client: loading what signs requests says nothing about the store."""
        if self._trail is None:
            config = self._config
            self._reader = await asyncio.to_thread(store_reader, config, self._timeout_s, self._transport)
            loop, guard_s = asyncio.get_running_loop(), 2 * self._timeout_s
            self._entries = EntryReader(self._reader, config.audit_bucket, config.audit_prefix, loop, guard_s)
            self._trail = Trail(self._entries, config.audit_prefix)

    async def fetch(self) -> AuditView:
        """The newest entries. Raises LabError."""
        return await self._verdicts.marked(await self._refreshed())

    async def aclose(self) -> None:
        if self._entries and self._reader:
            self._entries.close()
            await self._reader.aclose()
        self._thread.close()
        await self._verdicts.aclose()

    def _refresh(self) -> AuditView:
        if self._trail is None:
            raise LabError("No client of the object store was made.")
        return self._trail.refresh(ENTRIES_AT_ONCE)


class VerdictsReader:
    """What the governance exporter says of the entries; nobody waits long for it."""

    def __init__(
        self,
        url: str,
        timeout_s: float,
        clock: Callable[[], float],
        transport: "httpx.AsyncBaseTransport | None",
        patience_s: float,
    ) -> None:
        self._http = Http.to(Service.GOVERNANCE_METRICS, url, timeout_s, transport)
        self._clock, self._patience_s = clock, patience_s
        self._known = EntryValidity()
        self._asked_at = float("-inf")
        self._asking: asyncio.Task[None] | None = None

    async def marked(self, view: AuditView) -> AuditView:
        """The view with the verdicts; without those that don't come in a moment, which a later view will have."""
        pause_s = _CALM_S if self._known.all_of(view) else _HURRY_S
        due = self._clock() - self._asked_at >= pause_s and any(map(is_claim, view.entries))
        if due and (self._asking is None or self._asking.done()):
            self._asked_at = self._clock()
            self._asking = asyncio.create_task(self._ask())
            await asyncio.wait([self._asking], timeout=self._patience_s)
        return self._known.marked(view)

    async def aclose(self) -> None:
        if self._asking:
            self._asking.cancel()
            await asyncio.gather(self._asking, return_exceptions=True)
        await self._http.aclose()

    async def _ask(self) -> None:
        http = self._http
        try:
            exposition = await http.get_text("/metrics", chosen(JUDGED, UNCOUNTED_ENTRY, OVERTAKEN_ENTRY))
            with understanding(http.title, http.remedy):
                self._known = read_entry_validity(exposition) or self._known
        except LabError:
            return  # the exporter's own line on the screen says what is wrong with it
