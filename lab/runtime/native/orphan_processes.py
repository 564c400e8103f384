"""Finding and ending a lab's processes that have lost their supervisor."""

import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from lab.runtime.native.command_lines import OWNED_BY

# One is enough, but for what is started while it lasts; what can't be killed must not keep the caller for ever.
_ROUNDS = 5
_BIRTH_S = 1.0


def owned(home: Path) -> Iterator[psutil.Process]:
    """Every living process of the lab at `home`, known by a mark in its environment."""
    return (process for process in psutil.process_iter() if home_of_process(process) == home)


def home_of_process(process: psutil.Process) -> Path | None:
    """The home of the lab that a living process belongs to; None for what is no lab's, or can't be looked into."""
    try:
        home = _environ(process).get(OWNED_BY)
        return Path(home) if home and process.status() != psutil.STATUS_ZOMBIE else None
    except (psutil.Error, OSError):
        return None  # it went away, or is somebody else's


def _environ(process: psutil.Process) -> dict[str, str]:
    end = time.monotonic() + _BIRTH_S
    # A program that has just been started has neither arguments nor environment, longer where it waits for a core.
    # Without an executable it is a kernel's thread; with arguments only, it has written its title over them.
    while not (found := process.environ()) and not process.cmdline() and process.exe() and time.monotonic() < end:
        time.sleep(0.01)
    return found


def end_all(home: Path, grace_s: float = 8.0) -> int:
    """Asks the lab's processes to end, kills what is left after `grace_s` seconds; returns how many there were.

    What they start meanwhile is ended, too: a supervisor may see a program die before it hears of its own end.
    """
    ended: set[psutil.Process] = set()
    for _ in range(_ROUNDS):
        found = list(owned(home))
        if not found:
            break
        ended.update(found)
        _end(found, grace_s)
    return len(ended)


def _end(found: Sequence[psutil.Process], grace_s: float) -> None:
    for process in found:
        with suppress(psutil.Error):
            process.terminate()
    _, left = psutil.wait_procs(found, timeout=grace_s)
    for process in left:
        with suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(left, timeout=5)
