"""Ends the commands that are at work on a lab, and removes it: `python -m tests.support.ending COMMAND…`.

Such a process outlives the test run: it begins when its input ends, which comes with the death of the run, however that
dies. Imports little, because one waits beside every lab.
"""

import os
import subprocess
import sys
from collections.abc import Collection

import psutil

HOME = "LAB_HOME"


def end_commands(home: str, spared: Collection[int] = ()) -> None:
    """Kills what was started for the lab at `home` and has not ended; the services are left to `nuke`.

    A command that waits for the lab's lock would make the lab anew as soon as a `nuke` gives that back.
    """
    found = [process for process in psutil.process_iter() if process.pid not in spared and works_on(process, home)]
    for process in found:
        process.kill()
    psutil.wait_procs(found, timeout=10)


def works_on(process: psutil.Process, home: str) -> bool:
    """Whether a process was started with the lab's settings, as services are not."""
    try:
        return process.environ().get(HOME) == home and process.status() != psutil.STATUS_ZOMBIE
    except (psutil.Error, OSError):
        return False  # it went away, or is somebody else's


def main() -> None:
    """Waits for the end of its input, then cleans up."""
    sys.stdin.read()
    end_commands(os.environ[HOME], spared=[os.getpid()])
    subprocess.run(sys.argv[1:], check=False)


if __name__ == "__main__":
    main()
