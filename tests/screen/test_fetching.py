"""What a drill-down asks for: deadlines, pauses, laziness, and an end."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from lab.base.errors import NotFound
from lab.observe.snapshot import Slice, SliceState
from lab.screen.screens import fetching
from lab.screen.screens.fetching import Fetcher, Want, pause_after
from tests.screen.detail_sources import Answer, DetailSource


class Told:
    """Keeps what was published, and lets a test wait for it."""

    def __init__(self) -> None:
        self.parts: list[tuple[str, Slice[Any]]] = []
        self._news = asyncio.Event()

    def __call__(self, name: str, part: Slice[Any]) -> None:
        self.parts.append((name, part))
        self._news.set()

    async def until(self, count: int) -> list[tuple[str, Slice[Any]]]:
        while len(self.parts) < count:
            self._news.clear()
            await self._news.wait()
        return self.parts


def fetcher(
    told: Told, details: DetailSource, *wants: Want, opened: Callable[[], DetailSource] | None = None
) -> Fetcher:
    def all_wants(_: Any) -> Sequence[Want]:
        return wants

    return Fetcher(opened or (lambda: details), all_wants, told, lambda: 7.0)


async def ended(task: "asyncio.Task[None]") -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_each_thing_settles_on_its_own() -> None:
    told, details = Told(), DetailSource()
    wants = [Want("slow", "Slow", Answer().next), Want("good", "Good", Answer(1).next)]
    task = asyncio.create_task(fetcher(told, details, *wants).run(["slow", "good"]))
    assert [(name, part.value, part.fetched_at) for name, part in await told.until(1)] == [("good", 1, 7.0)]
    await ended(task)
    assert details.closed.is_set()


async def test_what_takes_too_long_is_given_up_and_asked_again() -> None:
    told = Told()
    calls = 0

    async def slow() -> int:
        nonlocal calls
        calls += 1
        if calls == 1:
            await asyncio.Event().wait()
        return calls

    running = fetcher(told, DetailSource(), Want("it", "The store", slow, deadline_s=0.01))
    task = asyncio.create_task(running.run(["it"]))
    first = (await told.until(1))[0][1]
    assert (first.state, first.error) == (SliceState.FAILED, "The store didn't answer within 0.01 s.")
    running.hurry()
    second = (await told.until(2))[1][1]
    assert (second.state, second.value) == (SliceState.OK, 2)
    await ended(task)


async def test_a_failure_keeps_the_last_good_value() -> None:
    told = Told()

    given: list[object] = [1, NotFound("gone", "Look."), ValueError("odd")]

    async def fetch() -> object:
        found = given.pop(0)
        if isinstance(found, Exception):
            raise found
        return found

    running = fetcher(told, DetailSource(), Want("it", "It", fetch, every_s=3600.0))
    task = asyncio.create_task(running.run(["it"]))
    await told.until(1)
    running.hurry()
    await told.until(2)
    running.hurry()
    parts = [part for _, part in await told.until(3)]
    assert [(part.value, part.error) for part in parts] == [
        (1, ""),
        (1, "gone Look."),
        (1, "It couldn't be read: ValueError: odd."),
    ]
    await ended(task)


async def test_what_is_final_is_not_asked_for_again_but_by_a_person() -> None:
    told, answer = Told(), Answer("going", "done", "asked")
    running = fetcher(
        told, DetailSource(), Want("it", "It", answer.next, every_s=0.001, until=lambda found: found == "done")
    )
    task = asyncio.create_task(running.run(["it"]))
    await told.until(2)
    for _ in range(20):
        await asyncio.sleep(0)
    assert len(answer.given) == 1
    running.hurry()
    assert (await told.until(3))[2][1].value == "asked"
    await ended(task)


async def test_a_lazy_thing_is_asked_for_when_somebody_looks() -> None:
    told, answer = Told(), Answer(1)
    running = fetcher(
        told, DetailSource(), Want("lazy", "It", answer.next, lazy=True), Want("other", "It", Answer(2).next)
    )
    task = asyncio.create_task(running.run(["lazy", "other"]))
    await told.until(1)
    assert answer.given == [1]
    running.look("lazy")
    assert (await told.until(2))[1][0] == "lazy"
    await ended(task)


async def test_nothing_yet_is_no_failure() -> None:
    told = Told()
    running = fetcher(told, DetailSource(), Want("it", "It", Answer(None).next))
    task = asyncio.create_task(running.run(["it"]))
    assert (await told.until(1))[0][1].state is SliceState.WAITING
    await ended(task)


async def test_a_source_that_can_not_be_opened_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "pause_after", lambda *_: 0.0)
    told, failures = Told(), [NotFound("no lab"), OSError("no file")]

    def opened() -> DetailSource:
        if failures:
            raise failures.pop()
        return DetailSource()

    running = fetcher(told, DetailSource(), Want("it", "It", Answer(1).next), opened=opened)
    task = asyncio.create_task(running.run(["it"]))
    parts = [part for _, part in await told.until(3)]
    assert [part.error for part in parts] == ["The drill-down couldn't be read: OSError: no file.", "no lab", ""]
    await ended(task)


def test_pauses_grow_with_failures_up_to_a_limit_and_never_below_the_usual_one() -> None:
    assert [pause_after(n) for n in (0, 1, 2, 3, 4, 5, 6, 9999)] == [0, 1, 2, 4, 8, 15, 15, 15]
    assert pause_after(1, 5.0) == 5.0
    assert pause_after(0, 0.5) == 0.5


async def test_what_nobody_can_see_is_not_asked_for_until_somebody_can() -> None:
    told, calls = Told(), 0

    async def fetch() -> int:
        nonlocal calls
        calls += 1
        return calls

    one = fetcher(told, DetailSource(), Want("often", "Often", fetch, every_s=0.0))
    task = asyncio.create_task(one.run(["often"]))
    await told.until(3)
    one.rest(True)
    # What is under way goes on.
    await turns(50)
    before = calls
    await turns(200)
    assert calls == before
    one.rest(False)
    await told.until(len(told.parts) + 2)
    await ended(task)


async def turns(count: int) -> None:
    """Lets the loop go round."""
    for _ in range(count):
        await asyncio.sleep(0)
