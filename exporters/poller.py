"""Periodic work in a thread of its own, which says whether it still goes on."""

import logging
import threading
import time
from collections.abc import Callable

# A round on a busy machine, with a store whose every answer comes at its deadline.
ROUND_PATIENCE_S = 90.0

log = logging.getLogger("exporter")


class Poller:
    """Does `work` at once and then every `interval_s`, in a thread of its own; two rounds never overlap.

    A round that takes longer than `patience_s` hangs. `clock` gives epoch seconds. `succeeded` says after a round
    whether it got what it asked for: one that came to its end may have met a source that doesn't answer.
    """

    def __init__(
        self,
        name: str,
        interval_s: float,
        work: Callable[[], None],
        patience_s: float = ROUND_PATIENCE_S,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        succeeded: Callable[[], bool] = lambda: True,
    ) -> None:
        self._succeeded = succeeded
        self.name, self._interval, self._work = name, interval_s, work
        self._patience, self._clock, self._monotonic = patience_s, clock, monotonic
        self._thread: threading.Thread | None = None
        self._moved_at = monotonic()
        self._failure = ""
        self._last_success = 0.0
        self._going_on = threading.Lock()

    @property
    def last_success(self) -> float:
        """When a round last got what it asked for, in epoch seconds; 0: never."""
        return self._last_success

    @property
    def trouble(self) -> str:
        """Why what the rounds found is no longer to be relied on; empty while they go on."""
        if self._failure:
            return self._failure
        if self._thread and not self._thread.is_alive():
            return "its thread has ended"
        idle = self._monotonic() - self._moved_at
        return f"no round has ended for {idle:.0f} s" if idle > self._interval + self._patience else ""

    def start(self, stop: threading.Event) -> None:
        """Begins, and ends with the process or soon after `stop` is set."""
        self._moved_at = self._monotonic()
        thread = threading.Thread(target=self._run, args=(stop,), name=self.name, daemon=True)
        thread.start()
        # Only now: a thread that hasn't begun yet looks as one that has ended.
        self._thread = thread

    def _run(self, stop: threading.Event) -> None:
        while not stop.is_set():
            began = self._monotonic()
            with self._going_on:
                self._round()
            stop.wait(max(0.0, self._interval - (self._moved_at - began)))

    def once_more(self) -> bool:
        """Does a round now, in the caller's thread; whether it did, for one may be going on already."""
        if not self._going_on.acquire(blocking=False):
            return False
        try:
            self._round()
        finally:
            self._going_on.release()
        return True

    def _round(self) -> None:
        try:
            self._work()
        except Exception as err:  # a poller that ends would leave its metrics frozen without a word
            self._failure = f"its newest round failed: {type(err).__name__}"
            log.exception("event=poll-failed poller=%s", self.name)
        else:
            self._failure = ""
            if self._succeeded():
                self._last_success = self._clock()
        self._moved_at = self._monotonic()
