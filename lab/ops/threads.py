"""Blocking calls for an event loop."""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


class OneThread:
    """Makes blocking calls one after another in a thread of its own."""

    def __init__(self, name: str) -> None:
        self._executor = ThreadPoolExecutor(1, thread_name_prefix=name)

    def once(self, work: Callable[[], T]) -> Callable[[], Awaitable[T]]:
        """An asynchronous form of `work`: while an earlier call still blocks, that one is waited for instead."""
        running: asyncio.Future[T] | None = None

        async def call() -> T:
            nonlocal running
            if running is None or running.done():
                running = asyncio.get_running_loop().run_in_executor(self._executor, work)
                # Whoever waited may have given up; asyncio would print the error of a call that nobody asks about.
                running.add_done_callback(lambda done: None if done.cancelled() else done.exception())
            return await asyncio.shield(running)

        return call

    def close(self) -> None:
        """Starts nothing more; a call under way ends by its own deadline."""
        self._executor.shutdown(wait=False, cancel_futures=True)
