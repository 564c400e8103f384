"""One command at a time may change a lab."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lab.base.errors import LabError
from lab.base.file_lock import is_at, taken
from lab.runtime.runtime import Note, wait_until

DEADLINE_S = 240.0


class HomeLock:
    """A lock on a lab's home, held until `release` or the end of the process, however it ends."""

    def __init__(self, path: Path, deadline_s: float = DEADLINE_S) -> None:
        self._path, self._deadline_s = path, deadline_s
        self._descriptor: int | None = None

    @property
    def descriptor(self) -> int | None:
        """For a program that shall hold the lock as well; None while it isn't held."""
        return self._descriptor

    def acquire(self, note: Note) -> None:
        """Waits while another command holds the lock. Raises LabError at the deadline."""
        if self._descriptor is not None or self._try():
            return
        note("another command is at work on this lab; waiting for it")
        message = f"Another command has been at work on this lab for {self._deadline_s:.0f} s."
        wait_until(self._try, self._deadline_s, lambda: LabError(message, f"End it; it holds {self._path}."))

    @contextmanager
    def held(self, note: Note) -> Iterator[None]:
        """Holds the lock for a block; whoever held it before still does afterwards."""
        before = self._descriptor is not None
        self.acquire(note)
        try:
            yield
        finally:
            if not before:
                self.release()

    def release(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _try(self) -> bool:
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            # A removed home takes the file with it.
            if taken(descriptor) and is_at(descriptor, self._path):
                self._descriptor = descriptor
                return True
        finally:
            if self._descriptor is None:
                os.close(descriptor)
        return False
