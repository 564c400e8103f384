"""Blocking calls for an event loop, and making in a thread what must be closed after use."""

import asyncio
import contextlib
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

T = TypeVar("T")


class OneThread:
    """Makes blocking calls one after another, in threads that never keep the process from ending."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._turn = threading.Lock()
        self._closed = False

    def once(self, work: Callable[[], T]) -> Callable[[], Awaitable[T]]:
        """An asynchronous form of `work`: while an earlier call still blocks, that one is waited for instead."""
        running: asyncio.Future[T] | None = None

        async def call() -> T:
            nonlocal running
            if running is None or running.done():
                running = self._begun(work)
                # Whoever waited may have given up; asyncio would print the error of a call that nobody asks about.
                running.add_done_callback(lambda done: None if done.cancelled() else done.exception())
            return await asyncio.shield(running)

        return call

    def close(self) -> None:
        """Starts nothing more; a call under way ends by its own deadline, or with the process."""
        self._closed = True

    def _begun(self, work: Callable[[], T]) -> "asyncio.Future[T]":
        if self._closed:
            raise RuntimeError(f"{self._name} is closed")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()

        def settle(set_it: Callable[[T], None] | Callable[[Exception], None], outcome: object) -> None:
            if not future.done():
                set_it(outcome)  # type: ignore[arg-type] # each setter comes with its own kind of outcome

        def run() -> None:
            with self._turn, contextlib.suppress(RuntimeError):  # raised by a loop that has closed meanwhile
                try:
                    result = work()
                except Exception as err:
                    loop.call_soon_threadsafe(settle, future.set_exception, err)
                else:
                    loop.call_soon_threadsafe(settle, future.set_result, result)

        # A pool's threads would be waited for when the process ends, however long a server keeps them waiting.
        threading.Thread(target=run, name=self._name, daemon=True).start()
        return future


class LeavingThreads(ThreadPoolExecutor):
    """An event loop's pool with a thread for each call: what hangs, as looking up a name, holds up no other call, and
    neither the loop's end nor the process' waits for it. Whoever calls has a deadline of their own.
    """

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> "Future[T]":
        """Begins the call at once."""
        future: Future[T] = Future()

        def run() -> None:
            if not future.set_running_or_notify_cancel():
                return
            # Raised by a loop that has closed meanwhile, when it is told.
            with contextlib.suppress(RuntimeError):
                try:
                    result = fn(*args, **kwargs)
                except BaseException as err:  # the caller is told of whatever it is
                    future.set_exception(err)
                else:
                    future.set_result(result)

        threading.Thread(target=run, name="call", daemon=True).start()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: ARG002 - as every pool
        """Waits for nothing."""
        super().shutdown(wait=False, cancel_futures=cancel_futures)


# An event loop keeps no task alive by itself.
_closing: set[asyncio.Task[None]] = set()


async def made_in_thread(make: Callable[[], T], close: Callable[[T], Awaitable[object]]) -> T:
    """What `make` returns; raises what it raises. What comes after a cancellation is closed."""
    making = asyncio.ensure_future(asyncio.to_thread(make))
    try:
        return await asyncio.shield(making)
    except asyncio.CancelledError:
        closing = asyncio.create_task(_close_late(making, close))
        _closing.add(closing)
        closing.add_done_callback(_closing.discard)
        raise


async def _close_late(making: Awaitable[T], close: Callable[[T], Awaitable[object]]) -> None:
    with contextlib.suppress(Exception):  # nobody is left to hear of it
        await close(await making)
