"""The logs of one service, or of all, as a screen reads them: the newest lines, then each one as it comes."""

import asyncio
import re
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from lab.base.catalogue import Service, find
from lab.base.errors import UsageError
from lab.base.log_lines import Level, level_of, written_at
from lab.runtime.runtime import Runtime

# Of one service alone, and of each when all are shown.
_LINES, _LINES_EACH = 2_000, 300
_KEPT = 5_000
# How long a call waits for news; then it answers with nothing.
_PATIENCE_S = 2.0
# After the first line of a burst, so that the rest of it comes along.
_GATHER_S = 0.15
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-_])")


@dataclass(frozen=True)
class LogLine:
    """One line; one that names no level has that of the line before it."""

    service: str
    text: str
    level: Level


@dataclass(frozen=True)
class LogBatch:
    """Lines in order. `source` is the service asked for, empty for all.

    `reading` counts how often reading began anew, `number` the batches since then: the first has the lines of before.
    """

    source: str
    number: int
    lines: tuple[LogLine, ...]
    dropped: int = 0
    reading: int = 0


class LogSource:
    """Follows logs for one screen, in a thread. `runtime` is made in that thread; methods raise LabError."""

    def __init__(self, runtime: Callable[[], Runtime]) -> None:
        self._make = runtime
        self._reader: _Reader | None = None
        self._number, self._reading = 0, 0

    async def more(self, source: str) -> LogBatch:
        """What came since the last call, soon after it came; nothing when nothing did for a while.

        Another `source` than the last time begins anew, with the lines of before. Raises LabError.
        """
        reader = self._reader
        if reader is None or reader.source != source or reader.failed:
            await self.aclose()
            reader = self._reader = _Reader(self._make, source, asyncio.get_running_loop())
            self._number, self._reading = 0, self._reading + 1
        lines, dropped = await reader.take()
        batch = LogBatch(source, self._number, lines, dropped, self._reading)
        self._number += 1
        return batch

    async def aclose(self) -> None:
        """Ends following; the thread ends by itself within a second."""
        if self._reader is not None:
            self._reader.end()
            self._reader = None


class _Reader:
    """A thread that reads one source until it is told to end."""

    def __init__(self, make: Callable[[], Runtime], source: str, loop: asyncio.AbstractEventLoop) -> None:
        self.source = source
        self._make, self._loop = make, loop
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._lines: deque[LogLine] = deque()
        self._dropped = 0
        self._error: Exception | None = None
        self._news = asyncio.Event()
        threading.Thread(target=self._run, name=f"logs-{source or 'all'}", daemon=True).start()

    @property
    def failed(self) -> bool:
        return self._error is not None

    def end(self) -> None:
        self._ended.set()

    async def take(self) -> tuple[tuple[LogLine, ...], int]:
        """What came; raises what ended the thread."""
        try:
            async with asyncio.timeout(_PATIENCE_S):
                await self._news.wait()
            await asyncio.sleep(_GATHER_S)
        except TimeoutError:
            return (), 0
        self._news.clear()
        with self._lock:
            lines, self._lines = tuple(self._lines), deque()
            dropped, self._dropped = self._dropped, 0
        if not lines and self._error:
            raise self._error
        return lines, dropped

    def _run(self) -> None:
        try:
            runtime = self._make()
            services = chosen(runtime, self.source)
            levels: dict[str, Level] = {}
            self._add(before(runtime, services, levels))
            for service, text in runtime.follow(services, self._ended.is_set):
                if self._ended.is_set():
                    return
                self._add([_line(service, text, levels)])
        except Exception as err:  # told to whoever asks next
            self._error = err
            self._tell()

    def _add(self, lines: Iterable[LogLine]) -> None:
        with self._lock:
            self._lines.extend(lines)
            while len(self._lines) > _KEPT:
                self._lines.popleft()
                self._dropped += 1
        self._tell()

    def _tell(self) -> None:
        if not self._ended.is_set() and not self._loop.is_closed():
            try:
                self._loop.call_soon_threadsafe(self._news.set)
            except RuntimeError:  # the loop was closed in between: nobody listens any more
                self._ended.set()


def chosen(runtime: Runtime, source: str) -> Sequence[Service]:
    """The service called `source`, or all that run here. Raises UsageError."""
    if not source:
        return list(runtime.services())
    try:
        return [find(source).name]
    except KeyError as err:
        said, _, known = err.args[0].partition(". ")
        raise UsageError(f"{said}.", known) from None


def before(runtime: Runtime, services: Sequence[Service], levels: dict[str, Level]) -> Sequence[LogLine]:
    """The newest lines of each service, merged by time. Raises LabError."""
    now = datetime.now(UTC)
    count = _LINES if len(services) == 1 else _LINES_EACH
    found: list[tuple[datetime, LogLine]] = []
    for service in services:
        found += _dated(service, runtime.tail(service, count), levels, now)
    if len(services) > 1:
        found.sort(key=lambda pair: pair[0])
    return [line for _, line in found]


def _dated(
    service: Service, texts: Iterable[str], levels: dict[str, Level], now: datetime
) -> Iterator[tuple[datetime, LogLine]]:
    """Each line with its time; one without goes with the line before it."""
    at = datetime.min.replace(tzinfo=UTC)
    for text in texts:
        line = _line(service, text, levels)
        at = written_at(line.text, now) or at
        yield at, line


def _line(service: Service, text: str, levels: dict[str, Level]) -> LogLine:
    plain = _ESCAPES.sub("", text)
    level = levels[service] = level_of(plain) or levels.get(service, Level.INFO)
    return LogLine(service, plain, level)
