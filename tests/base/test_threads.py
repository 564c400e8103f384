"""What is made in a thread is closed, whoever stopped waiting for it."""

import asyncio
import threading

import pytest

from lab.base.threads import LeavingThreads, made_in_thread


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


async def test_calls_that_hang_hold_up_neither_others_nor_the_loops_end() -> None:
    released = threading.Event()
    asyncio.get_running_loop().set_default_executor(LeavingThreads())
    hanging = [asyncio.ensure_future(asyncio.to_thread(released.wait, 60)) for _ in range(100)]
    try:
        assert await asyncio.to_thread(lambda: 7) == 7
        with pytest.raises(ZeroDivisionError):
            await asyncio.to_thread(lambda: 1 // 0)
        await asyncio.wait_for(asyncio.get_running_loop().shutdown_default_executor(), 20)
        assert not any(one.done() for one in hanging)
    finally:
        released.set()
        await asyncio.gather(*hanging)
