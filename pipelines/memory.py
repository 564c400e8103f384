"""A limit on the memory of one run, so that a run that eats memory fails alone and can say so."""

import os
import re
import resource
import sys
from collections.abc import Mapping
from pathlib import Path

LIMIT_VARIABLE = "RUN_MEMORY_LIMIT_MB"
# Kept back for saying how the run ended: entries of the trail and Dagster's events need memory, too.
_RESERVE = 64 << 20


def limit(environ: Mapping[str, str] = os.environ) -> None:
    """Lets this process allocate so many megabytes more than it has now; 0, the default, sets no limit.

    Counted is private memory, as the kernel does for RLIMIT_DATA. Elsewhere than on Linux there is no such limit, which
    the log says.
    """
    megabytes = int(environ.get(LIMIT_VARIABLE) or 0)
    if not megabytes:
        return
    if sys.platform != "linux":
        print(f"{LIMIT_VARIABLE} works on Linux only: this run has no limit", file=sys.stderr)  # noqa: T201 - its log
        return
    soft = _allocated() + (megabytes << 20)
    resource.setrlimit(resource.RLIMIT_DATA, (soft, soft + _RESERVE))


def exceeded(environ: Mapping[str, str] = os.environ) -> str:
    """To be called where a MemoryError ends a step: gives the reserve free, and says what happened."""
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (hard, hard))
    if megabytes := int(environ.get(LIMIT_VARIABLE) or 0):
        return f"out of memory: the run needs more than {LIMIT_VARIABLE}={megabytes} allows"
    return "out of memory"


def _allocated() -> int:
    found = re.search(r"^VmData:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
    return int(found[1]) << 10 if found else 0
