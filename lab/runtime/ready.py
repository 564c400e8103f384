"""Waiting with a deadline."""

import time
from collections.abc import Callable


def wait_until(
    condition: Callable[[], bool], deadline_s: float, error: Callable[[], Exception], interval_s: float = 0.1
) -> None:
    """Returns when `condition` holds; raises `error()` at the deadline."""
    end = time.monotonic() + deadline_s
    while not condition():
        if time.monotonic() > end:
            raise error()
        time.sleep(interval_s)
