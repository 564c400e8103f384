"""Lets forked processes notice the end of the process that forked them, however it went."""

import os
import signal
import threading
import time

# How long what was forked has to end.
GRACE_S = 15.0


class ParentWatch:
    """A pipe whose writing end only its maker keeps: it closes when that process is gone."""

    def __init__(self) -> None:
        self._read, self._write = os.pipe()

    def hold(self) -> None:
        """To be called by a forked process: it gets SIGTERM when the maker is gone, and a while to end."""
        os.close(self._write)
        threading.Thread(target=_die_with, args=(self._read,), name="parent-watch", daemon=True).start()


def _die_with(life: int) -> None:
    os.read(life, 1)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE_S)
    os._exit(1)
