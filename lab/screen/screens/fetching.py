"""What a drill-down asks for while it is open: each thing with a deadline, with pauses after failures, on its own."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from lab.base.errors import LabError, told
from lab.base.threads import made_in_thread
from lab.observe.details import DetailSource
from lab.observe.snapshot import Slice

SourceT = TypeVar("SourceT", bound=DetailSource)

RETRY_MOST_S = 15.0
# Reading the settings and importing a client: what takes longer than this has gone wrong.
OPEN_DEADLINE_S = 30.0
NOT_RECORDED = "This isn't part of a recording, which holds only what the main screen shows."


@dataclass(frozen=True)
class Want:
    """One thing to ask for; its value's type is known where it is shown.

    `title` begins the sentence that says it didn't come in `deadline_s`. It is asked for every `every_s` seconds (None:
    once) until `until` says that it won't change any more; a `lazy` one first when somebody looks at it.
    """

    name: str
    title: str
    fetch: Callable[[], Awaitable[Any]]
    deadline_s: float = 5.0
    every_s: float | None = None
    until: Callable[[Any], bool] = lambda _: False
    lazy: bool = False


class Fetcher(Generic[SourceT]):
    """Asks for everything that is wanted until it is cancelled; `publish` gets each answer and each failure."""

    def __init__(
        self,
        open_details: Callable[[], SourceT],
        wants: Callable[[SourceT], Sequence[Want]],
        publish: Callable[[str, Slice[Any]], object],
        clock: Callable[[], float],
    ) -> None:
        self._open, self._wants, self._publish, self._clock = open_details, wants, publish, clock
        self._looked: dict[str, asyncio.Event] = {}
        self._hurried: dict[str, asyncio.Event] = {}
        self._asking: dict[str, asyncio.Task[Slice[Any]]] = {}
        self._changed: set[str] = set()
        self._seen = asyncio.Event()
        self._seen.set()

    def rest(self, resting: bool) -> None:
        """Asks nothing more while nobody can see it; what is under way goes on."""
        if resting:
            self._seen.clear()
        else:
            self._seen.set()

    def look(self, name: str) -> None:
        """Somebody looks at what `name` gives: a lazy one begins."""
        self._looked.setdefault(name, asyncio.Event()).set()

    def hurry(self) -> None:
        """Asks again for everything, at once."""
        for event in self._hurried.values():
            event.set()

    def anew(self, name: str) -> None:
        """What is being asked for has changed: its answer isn't waited for, and it is asked for again, at once."""
        if name in self._asking:
            self._changed.add(name)
            self._asking[name].cancel()
            self._hurried[name].set()

    async def run(self, names: Sequence[str]) -> None:
        """Publishes until cancelled; `names` are told when there is nowhere to ask."""
        failures = 0
        while True:
            try:
                async with asyncio.timeout(OPEN_DEADLINE_S):
                    # In a thread: it imports what talks to the services.
                    details = await made_in_thread(self._open, lambda late: late.aclose())
                break
            except Exception as err:  # whatever it is, the screen goes on and says so
                failed = Slice[Any]().failed(said(err, "The drill-down", OPEN_DEADLINE_S), self._clock())
                for name in names:
                    self._publish(name, failed)
                failures += 1
                await asyncio.sleep(pause_after(failures))
        try:
            await asyncio.gather(*(self._keep(want) for want in self._wants(details)))
        finally:
            with contextlib.suppress(Exception):
                await details.aclose()

    async def _keep(self, want: Want) -> None:
        found: Slice[Any] = Slice()
        hurried = self._hurried.setdefault(want.name, asyncio.Event())
        if want.lazy:
            await self._looked.setdefault(want.name, asyncio.Event()).wait()
        failures = 0
        while True:
            await self._seen.wait()
            self._changed.discard(want.name)
            asking = self._asking[want.name] = asyncio.ensure_future(self._settle(want, found))
            await asyncio.gather(asking, return_exceptions=True)
            if want.name in self._changed:
                hurried.clear()
                continue
            found = asking.result()
            self._publish(want.name, found)
            failures = failures + 1 if found.error else 0
            ended = not found.error and (want.every_s is None or want.until(found.value))
            pause = None if ended else pause_after(failures, want.every_s or 0.0)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await hurried.wait()
            hurried.clear()

    async def _settle(self, want: Want, before: Slice[Any]) -> Slice[Any]:
        try:
            async with asyncio.timeout(want.deadline_s):
                value = await want.fetch()
        except Exception as err:  # one source's mistake must not end the others
            return before.failed(said(err, want.title, want.deadline_s), self._clock())
        if value is None:
            return replace(before, error="", attempted_at=self._clock())
        return before.succeeded(value, self._clock())


def pause_after(failures: int, every_s: float = 0.0) -> float:
    """Seconds until the next attempt: `every_s` after a success, 1, 2, 4 … 15 s after failures."""
    return max(every_s, min(2.0 ** min(failures - 1, 10), RETRY_MOST_S)) if failures else every_s


def said(err: Exception, title: str, deadline_s: float) -> str:
    """One line for a person."""
    if isinstance(err, LabError):
        return str(err)
    if isinstance(err, TimeoutError):
        return f"{title} didn't answer within {deadline_s:g} s."
    return f"{title} couldn't be read: {told(err)}."
