"""Waiting for a condition instead of for a time."""

import asyncio
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
# Seconds between two looks, and how many times as long as a look took it is, within these.
_OFTEN_S, _SELDOM_S, _TIMES = 0.1, 2.0, 6.0


def eventually(
    condition: Callable[[], T], deadline_s: float = 120.0, what: str = "", ignore: tuple[type[Exception], ...] = ()
) -> T:
    """The first true value of `condition`; fails at the deadline and says what came last.

    Errors of the kinds in `ignore` count as "not yet".
    """
    end = time.monotonic() + deadline_s
    while True:
        last: object
        begin = time.monotonic()
        try:
            if value := condition():
                return value
            last = value
        except ignore as err:
            last = err
        if time.monotonic() > end:
            raise AssertionError(f"{what or 'it'} didn't come true within {deadline_s:.0f} s; last: {last!r}")
        time.sleep(pause_s(time.monotonic() - begin))


def pause_s(asking_s: float) -> float:
    """How long nothing is asked after a condition that took so long, in seconds.

    What asks a lab costs its services as much again: asked all the time, they would come back the later for it.
    """
    return min(_SELDOM_S, max(_OFTEN_S, asking_s * _TIMES))


async def tasks_ended(deadline_s: float = 60.0) -> None:
    """Returns when no other task of the event loop is left.

    A screen is left without waiting for its connections to be closed, which the loop's end would prevent.
    """
    if under_way := asyncio.all_tasks() - {asyncio.current_task()}:
        await asyncio.wait(under_way, timeout=deadline_s)
