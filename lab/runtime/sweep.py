"""Finding and ending a lab's processes that have lost their supervisor."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil

from lab.runtime.commands import OWNED_BY


def owned(home: Path) -> Iterator[psutil.Process]:
    """Every living process of the lab at `home`, known by a mark in its environment."""
    for process in psutil.process_iter():
        try:
            if process.environ().get(OWNED_BY) == str(home) and process.status() != psutil.STATUS_ZOMBIE:
                yield process
        except (psutil.Error, OSError):
            continue  # it went away, or is somebody else's


def end_all(home: Path, grace_s: float = 8.0) -> int:
    """Asks the lab's processes to end, kills what is left after `grace_s`; returns how many there were."""
    found = list(owned(home))
    for process in found:
        with suppress(psutil.Error):
            process.terminate()
    _, left = psutil.wait_procs(found, timeout=grace_s)
    for process in left:
        with suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(left, timeout=5)
    return len(found)
