"""What is made in a thread is closed, whoever stopped waiting for it."""

import asyncio
import threading

import pytest

from lab.base.threads import made_in_thread


class Made:
    def __init__(self) -> None:
        self.closed = asyncio.Event()

    async def close(self) -> None:
        self.closed.set()


async def test_what_is_made_is_given() -> None:
    made = Made()
    assert await made_in_thread(lambda: made, Made.close) is made
    assert not made.closed.is_set()


async def test_what_comes_too_late_is_closed() -> None:
    made, begun, goes_on = Made(), threading.Event(), threading.Event()

    def make() -> Made:
        begun.set()
        goes_on.wait(60)
        return made

    waiting = asyncio.create_task(made_in_thread(make, Made.close))
    while not begun.is_set():
        await asyncio.sleep(0.01)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert not made.closed.is_set()
    goes_on.set()
    await made.closed.wait()


async def test_what_cannot_be_made_is_raised() -> None:
    def refuse() -> Made:
        raise OSError("no")

    with pytest.raises(OSError, match="no"):
        await made_in_thread(refuse, Made.close)
