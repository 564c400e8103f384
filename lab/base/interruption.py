"""How a command meets the signals that end it: the first lets it tidy up, a second one ends it where it stands.

State belongs to the process, as signals do. Without `watched`, all of this leaves Python's own behaviour as it is.
"""

import asyncio
import os
import signal
import sys
import threading
import time
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from types import FrameType
from typing import Any, NoReturn, TypeVar

T = TypeVar("T")

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
PIPE_CLOSED = 128 + signal.SIGPIPE
# A terminal and a program that passes signals on may both send the one that a person meant.
_SAME_S = 0.5
_WORDS = {signal.SIGINT: "Ctrl-C", signal.SIGTERM: "SIGTERM", signal.SIGHUP: "SIGHUP"}
_SHOW_CURSOR = "\x1b[?25h"


@dataclass
class _State:
    """`caught` is the first signal's number; `held` how many blocks are being finished before it counts."""

    caught: int = 0
    caught_at: float = 0.0
    held: int = 0
    to_the_end: bool = False
    others: bool = False
    loop: asyncio.AbstractEventLoop | None = None
    task: "asyncio.Task[Any] | None" = None
    lock: threading.Lock = field(default_factory=threading.Lock)


_state = _State()


def exit_code(ended: bool) -> int:
    """What a shell calls the end by the signal that came; 0 without one, or when the work was `ended` all the same."""
    return 128 + _state.caught if _state.caught and (not ended or _state.to_the_end) else 0


@contextmanager
def watched() -> Iterator[None]:
    """Turns the first signal into KeyboardInterrupt, in this block of the main thread; nested, it changes nothing.

    A signal that whoever started this process ignores, as `nohup` does, stays ignored.
    """
    global _state
    own = [one for one in ENDING if signal.getsignal(one) in (signal.SIG_DFL, signal.default_int_handler)]
    if threading.current_thread() is not threading.main_thread() or signal.SIGTERM not in own:
        yield
        return
    _state = _State()
    before = {one: signal.signal(one, _caught) for one in own}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def run(main: Coroutine[Any, Any, T]) -> T:
    """As `asyncio.run`; a signal cancels `main`, and KeyboardInterrupt comes out when it has tidied up."""

    async def body() -> T:
        _state.loop, _state.task = asyncio.get_running_loop(), asyncio.current_task()
        try:
            return await main
        finally:
            _state.loop = _state.task = None

    try:
        return asyncio.run(body())
    except asyncio.CancelledError:
        if _state.caught:
            raise KeyboardInterrupt from None
        raise


@contextmanager
def finished_first() -> Iterator[None]:
    """What this block began is finished before a signal counts."""
    state = _state
    with state.lock:
        state.held += 1
    try:
        yield
    finally:
        with state.lock:
            state.held -= 1
        if state.caught and not state.held and not state.to_the_end:
            _interrupt(state)


def finish() -> None:
    """From here on the command goes on to its end: what it has begun can't be left half done."""
    _state.to_the_end = True


@contextmanager
def blocking() -> Iterator[None]:
    """For a block of a coroutine that keeps the event loop waiting: a signal interrupts it where it stands."""
    loop, task = _state.loop, _state.task
    _state.loop = _state.task = None
    try:
        yield
    finally:
        _state.loop, _state.task = loop, task


@contextmanager
def passed_on() -> Iterator[None]:
    """For a block that waits for a program on this terminal: Ctrl-C is that program's, which got it as well."""
    state = _state
    state.others = True
    try:
        yield
    finally:
        state.others = False


def _caught(number: int, _frame: FrameType | None) -> None:
    state, now = _state, time.monotonic()
    if state.others and number == signal.SIGINT:
        return
    if state.caught:
        if now - state.caught_at > _SAME_S:
            _end_at_once(number)
        return
    state.caught, state.caught_at = number, now
    word = _WORDS[signal.Signals(number)]
    if state.held or state.to_the_end:
        _say(f"\n{word}: finishing what can't be left half done; once more ends this at once\n")
        return
    if state.task:
        _say(f"\n{word}: tidying up; once more ends this at once\n")
    _interrupt(state)


def _interrupt(state: _State) -> None:
    loop, task = state.loop, state.task
    if loop and task:
        # In a thread, too, in which a block may have been finished.
        loop.call_soon_threadsafe(task.cancel)
    elif threading.current_thread() is threading.main_thread():
        raise KeyboardInterrupt


def _end_at_once(number: int) -> NoReturn:
    _say("\nended at once; what was being tidied up stays as it is\n")
    if sys.stdout.isatty():
        with suppress(OSError):
            os.write(1, _SHOW_CURSOR.encode())
    os._exit(128 + number)


def _say(text: str) -> None:
    # Not through Python's stream, which a signal may have interrupted in mid-write.
    with suppress(OSError):
        os.write(2, text.encode())
