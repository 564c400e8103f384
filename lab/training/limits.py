"""What a contract allows its model's code while it is fitted, within what the lab allows a run."""

import resource
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from types import FrameType

from lab.base.errors import RunFailed
from lab.dagster_host import memory_limit
from lab.models.contract import Resources

# Somebody's code may catch whatever is raised in it, so that it is raised again.
_AGAIN_S = 1.0


class _Late(BaseException):
    """Not an Exception, of which somebody's code may catch any."""


@contextmanager
def limited(allowed: Resources) -> Iterator[None]:
    """Raises RunFailed in the body for more memory or time than is allowed; 0: what the lab allows.

    Time is looked at between two steps of Python: a library that computes for long is ended when it is done.
    """
    with ExitStack() as both:
        if allowed.memory_mb:
            both.enter_context(_memory(allowed.memory_mb))
        if allowed.seconds:
            both.enter_context(_time(allowed.seconds))
        yield


@contextmanager
def _memory(megabytes: int) -> Iterator[None]:
    if sys.platform != "linux":
        raise RunFailed("resources.memory_mb can be kept on Linux only.", "Leave it out of the contract here.")
    before = resource.getrlimit(resource.RLIMIT_DATA)
    ours = memory_limit.private() + (megabytes << 20)
    narrower = before[0] == resource.RLIM_INFINITY or ours < before[0]
    if narrower:
        resource.setrlimit(resource.RLIMIT_DATA, (ours, before[1]))
    try:
        yield
    except MemoryError as err:
        if not narrower:
            raise
        resource.setrlimit(resource.RLIMIT_DATA, before)
        raise RunFailed(
            f"out of memory: the model's code needs more than the contract's resources.memory_mb: {megabytes} allows.",
            "Raise it there, or train on fewer rows.",
        ) from err
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, before)


@contextmanager
def _time(seconds: int) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        raise RunFailed("resources.seconds can be kept in a run's main thread only.", "Leave it out of the contract.")

    def late(_: int, __: FrameType | None) -> None:
        raise _Late

    handler = signal.signal(signal.SIGALRM, late)
    timer = signal.setitimer(signal.ITIMER_REAL, seconds, _AGAIN_S)
    try:
        yield
    except _Late:
        raise RunFailed(
            f"The model's code wasn't done within the {seconds} s that the contract's resources.seconds allows.",
            "Raise it there, or train on fewer rows.",
        ) from None
    finally:
        signal.setitimer(signal.ITIMER_REAL, *timer)
        signal.signal(signal.SIGALRM, handler)
