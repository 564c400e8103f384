"""A limit on the memory of one run, so that a run that eats memory fails alone and can say so."""

import os
import re
import resource
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

# What a run may allocate beyond what it begins with, and what the container that it is alone in may use; in megabytes.
LIMIT_VARIABLE, CONTAINER_VARIABLE = "RUN_MEMORY_LIMIT_MB", "RUN_CONTAINER_MEMORY_MB"
# Of the first: half of what the machine has, so that one run, or two, can't take it from the services beside them.
HALF = "auto"
# Where the kernel says what a container may use, which may be less than the machine has; by version of control groups.
_GROUPS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
# Kept back for saying how the run ended: entries of the trail and Dagster's events need memory, too.
_RESERVE = 64 << 20


def limit(environ: Mapping[str, str] = os.environ) -> None:
    """Lets this process allocate no more than the variables say from now on; 0, or nothing, sets no limit.

    Counted is private memory, as the kernel does for RLIMIT_DATA. Elsewhere than on Linux there is no such limit, which
    the log says.
    """
    limits = _limits(environ)
    if not limits:
        return
    if sys.platform != "linux":
        if environ.get(LIMIT_VARIABLE) == HALF:
            return
        print(f"{' and '.join(limits)} works on Linux only: this run has no limit", file=sys.stderr)  # noqa: T201 - its log
        return
    room = [limits[LIMIT_VARIABLE] << 20] if LIMIT_VARIABLE in limits else []
    if CONTAINER_VARIABLE in limits:
        # Python's own refusal must come before the kernel's, which is a kill and leaves nobody to tell of it.
        room.append((limits[CONTAINER_VARIABLE] << 20) - _now("VmRSS") - 2 * _RESERVE)
    soft = _now("VmData") + max(0, min(room))
    resource.setrlimit(resource.RLIMIT_DATA, (soft, soft + _RESERVE))


def private() -> int:
    """Bytes of private memory that this process has by now, as the kernel counts them for the limit; Linux only."""
    return _now("VmData")


def for_another(environ: Mapping[str, str] = os.environ, most_mb: int = 0) -> tuple[int, int]:
    """For a process that this one starts, in bytes: what it may allocate beyond what it begins with, `most_mb`
    megabytes or what the variables say if that is less, and what it may use in all of the container that both are in;
    0: no limit.
    """
    limits = _limits(environ)
    container = (limits[CONTAINER_VARIABLE] << 20) - _now("VmRSS") - 2 * _RESERVE if CONTAINER_VARIABLE in limits else 0
    own = min(filter(None, (limits.get(LIMIT_VARIABLE, 0), most_mb)), default=0)
    return own << 20, max(1, container) if CONTAINER_VARIABLE in limits else 0


def exceeded(environ: Mapping[str, str] = os.environ) -> str:
    """To be called where a MemoryError ends a step: gives the reserve free, and says what happened."""
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (hard, hard))
    limits = " or ".join(_said(name, megabytes, environ) for name, megabytes in _limits(environ).items())
    return f"out of memory: the run needs more than {limits} allows" if limits else "out of memory"


def _said(name: str, megabytes: int, environ: Mapping[str, str]) -> str:
    said = environ[name]
    return f"{name}={said}, {megabytes} MB here," if said == HALF else f"{name}={said}"


def _limits(environ: Mapping[str, str]) -> dict[str, int]:
    found = {name: _megabytes(environ.get(name) or "0") for name in (LIMIT_VARIABLE, CONTAINER_VARIABLE)}
    if found[CONTAINER_VARIABLE] and environ.get(LIMIT_VARIABLE) == HALF:
        # A run that is alone in its container has all of it.
        del found[LIMIT_VARIABLE]
    return {name: megabytes for name, megabytes in found.items() if megabytes}


def _megabytes(said: str) -> int:
    return max(1, _memory() >> 21) if said == HALF else int(said)


def _memory() -> int:
    """Bytes that this machine has, or that the container may use in which all of it runs."""
    known = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")]
    for path in _GROUPS:
        # Where there is no limit, the file isn't there, or says `max`, or more than there is.
        with suppress(OSError, ValueError):
            known.append(int(Path(path).read_text()))
    return min(known)


def _now(what: str) -> int:
    """Bytes of this process, by the kernel's word for them."""
    found = re.search(rf"^{what}:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
    return int(found[1]) << 10 if found else 0
