"""The one lock between processes: on an open file, and gone with it or with its process, however that ends."""

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from errno import EBUSY
from pathlib import Path
from typing import Protocol

from lab.base.account import belong_to_folder

_POLL_S = 0.05


class HasDescriptor(Protocol):
    """An open file."""

    def fileno(self) -> int:
        """Its descriptor."""
        ...


def taken(file: HasDescriptor | int) -> bool:
    """Takes the lock on an open file, or says that somebody else has it; waits for nobody."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def take(file: HasDescriptor | int, deadline_s: float, late: Callable[[], Exception] | None = None) -> None:
    """Takes the lock on an open file, for which it waits up to `deadline_s` seconds.

    Then it raises what `late` makes, or TimeoutError, which is an OSError.
    """
    end = time.monotonic() + deadline_s
    while not taken(file):
        if time.monotonic() > end:
            raise late() if late else TimeoutError(EBUSY, f"another process has had it for {deadline_s:g} s")
        time.sleep(_POLL_S)


def is_taken(path: Path) -> bool:
    """Whether some process has the lock on the file there; nobody has it where there is none. Raises OSError."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        return not taken(descriptor)
    finally:
        os.close(descriptor)


def is_at(file: HasDescriptor | int, path: Path) -> bool:
    """Whether the open file is still the one at `path`: a lock on a file that was replaced or removed holds nobody."""
    try:
        return os.path.samestat(os.fstat(file if isinstance(file, int) else file.fileno()), path.stat())
    except FileNotFoundError:
        return False


@contextmanager
def held(path: Path, deadline_s: float, late: Callable[[], Exception] | None = None) -> Iterator[None]:
    """Holds a file that is there for the lock only, and is made if need be. Raises as `take`, and OSError."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        belong_to_folder(path)
        take(descriptor, deadline_s, late)
        yield
    finally:
        os.close(descriptor)
