"""The tests' own wait for a screen that has done its work."""

import asyncio
import time

from tests.support.screens import nothing_left


async def test_work_that_gets_no_core_is_waited_for() -> None:
    loop, done = asyncio.get_running_loop(), []

    def step(left: int) -> None:
        # Wall time without processor time, as in a process that has to wait for a core.
        time.sleep(0.03)
        if left:
            loop.call_soon(step, left - 1)
        else:
            done.append(True)

    loop.call_soon(step, 40)
    await nothing_left()
    assert done


async def test_work_without_an_end_is_not_waited_for() -> None:
    loop, going = asyncio.get_running_loop(), True

    def step() -> None:
        if going:
            loop.call_soon(step)

    step()
    await nothing_left()
    going = False
