"""One run in full: its configuration and tags, its event log as it grows, its audit entries."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from lab.base.catalogue import Service
from lab.base.errors import LedgerError, NotFound
from lab.base.runs import Run, RunDetail
from lab.base.threads import OneThread
from lab.config import LabConfig
from lab.governance.ledger import Entry, EntryStore, find_head, key_of, parse
from lab.observe.details.store_reading import TIMEOUT_S, StoreSource
from lab.services.dagster import Dagster
from lab.services.dagster_answers import RunEvent
from lab.services.http import Http

if TYPE_CHECKING:
    import httpx

KEPT_EVENTS = 5_000
# Pages of 500 events taken at one go, so that a long log shows its beginning soon.
_PAGES = 4
# Clocks of the machines that write entries and of Dagster's may differ by this much.
_SKEW = timedelta(seconds=60)
_MOST_ENTRIES = 400
# So many entries in a row that can't be read are passed over in the search.
_UNREADABLE = 8


@dataclass(frozen=True)
class Events:
    """A run's newest events, oldest first; `dropped` older ones are not kept. `complete`: no more were there."""

    events: tuple[RunEvent, ...] = ()
    dropped: int = 0
    complete: bool = False


@dataclass(frozen=True)
class RunEntries:
    """The audit entries of a run, and the numbers between which they were looked for."""

    entries: tuple[Entry, ...]
    first: int
    last: int


class RunSource:
    """Asks about one run. Methods raise LabError."""

    def __init__(self, config: LabConfig, transport: "httpx.AsyncBaseTransport | None" = None) -> None:
        url = config.url(Service.DAGSTER)
        self._dagster = Dagster(Http.to(Service.DAGSTER, url, TIMEOUT_S, transport))
        self._prefix = config.audit_prefix
        self._details = StoreSource(config, transport)
        self._store: EntryStore | None = None
        self._events, self._cursor = Events(), ""
        self._thread = OneThread("run-entries")
        self._search = self._thread.once(self._find)
        self._asked: Run | None = None

    async def run(self, run_id: str) -> RunDetail:
        """The run as it stands. Raises NotFound."""
        return await self._dagster.run_detail(run_id)

    async def events(self, run_id: str) -> Events:
        """The log so far: a call asks only for what is new since the last one. Raises NotFound."""
        found = list(self._events.events)
        dropped, more = self._events.dropped, True
        for _ in range(_PAGES):
            page, self._cursor, more = await self._dagster.events(run_id, self._cursor or None)
            found += page
            if not more:
                break
        surplus = max(0, len(found) - KEPT_EVENTS)
        self._events = Events(tuple(found[surplus:]), dropped + surplus, not more)
        return self._events

    async def entries(self, run: Run) -> RunEntries:
        """The run's audit entries, found by its time. Raises ServiceUnavailable."""
        self._asked, self._store = run, self._details.entries()
        return await self._search()

    async def aclose(self) -> None:
        """Closes the connections."""
        self._thread.close()
        await self._details.aclose()
        await self._dagster.aclose()

    def _find(self) -> RunEntries:
        if self._asked is None or self._store is None:
            return RunEntries((), 0, 0)
        return entries_of(self._store, self._prefix, self._asked)


def entries_of(store: EntryStore, prefix: str, run: Run) -> RunEntries:
    """The entries of `run`: its time is looked up in O(log N) reads, then entries are read until it had ended."""
    head = find_head(store, prefix)
    began = _moment(run.created_at or run.started_at)
    ended = _moment(run.ended_at)
    first = 1 if began is None else _first_at(store, prefix, began - _SKEW, head)
    found: list[Entry] = []
    seq = first
    while seq <= min(head, first + _MOST_ENTRIES - 1):
        entry = _read(store, prefix, seq)
        if entry and ended and (at := _time_of(entry)) and at > ended + _SKEW:
            break
        if entry and entry.run_id == run.run_id:
            found.append(entry)
        seq += 1
    return RunEntries(tuple(found), first, seq - 1)


def _first_at(store: EntryStore, prefix: str, moment: datetime, head: int) -> int:
    """The first number whose entry was written at `moment` or later; for one that can't be read a later one speaks."""
    low, high = 1, head + 1
    while low < high:
        middle = (low + high) // 2
        at, seen = None, middle
        while at is None and seen < min(high, middle + _UNREADABLE):
            entry = _read(store, prefix, seen)
            at, seen = _time_of(entry) if entry else None, seen + 1
        if at is not None and at < moment:
            low = seen
        else:
            high = middle
    return low


def _read(store: EntryStore, prefix: str, seq: int) -> Entry | None:
    try:
        return parse(store.read(key_of(prefix, seq)))
    except (LedgerError, NotFound):
        return None


def _time_of(entry: Entry) -> datetime | None:
    try:
        found = datetime.fromisoformat(entry.time)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _moment(epoch: float | None) -> datetime | None:
    return None if epoch is None else datetime.fromtimestamp(epoch, UTC)
