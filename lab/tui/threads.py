"""Making in a thread what must be closed after use, also when nobody waits for it any more."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")

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
