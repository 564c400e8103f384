"""Port offsets for tests: no two of them share a port, and two test runs never get the same one."""

import os
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path

from lab.base.catalogue import LOOPBACK, ports_at
from lab.operations.doctor.doctor_ports import is_taken

# Linux hands out ports from 32768 up to clients: a lab there could find one of its ports taken at any time.
_HIGHEST = 32_000
# Free in the catalogue; whoever holds it under an offset holds the offset.
_CLAIM = 9_019
# For labs that are never started: below what clients are given, one of which could even connect to itself.
NEVER_STARTED = 12_000


def never_started(folder: Path) -> dict[str, str]:
    """The environment of a lab that was never started, on ports of its own."""
    own = {
        "LAB_NAME": "nowhere",
        "LAB_HOME": str(folder / "home"),
        "LAB_ENV_FILE": str(folder / ".env"),
        "PORT_OFFSET": str(NEVER_STARTED),
        "RUNTIME": "native",
    }
    return {k: v for k, v in os.environ.items() if k not in {"ENVIRONMENT", "RUN_ROLE"}} | own


@cache
def offsets() -> tuple[int, ...]:
    """Offsets that can be used at the same time."""
    found: list[int] = []
    # Some tests look for these being free, and a user's own lab is most likely there.
    used = set[int]().union(*map(ports_at, (0, 1000, 2000, NEVER_STARTED)))
    for offset in range(130, _HIGHEST, 10):
        ports = {*ports_at(offset), _CLAIM + offset}
        if max(ports) < _HIGHEST and not ports & used:
            found.append(offset)
            used |= ports
    return tuple(found)


@contextmanager
def reserved_offset() -> Iterator[int]:
    """An offset with every port free, kept from other test runs until the end."""
    for offset in offsets():
        with closing(socket.socket()) as claim:
            try:
                claim.bind((LOOPBACK, _CLAIM + offset))
            except OSError:
                continue
            if not any(is_taken(port) for port in ports_at(offset)):
                yield offset
                return
    raise RuntimeError(f"none of {len(offsets())} port offsets is free")


@contextmanager
def reserved_port() -> Iterator[int]:
    """A port for one server that has yet to start: nobody is given it meanwhile."""
    with reserved_offset() as offset:
        yield min(ports_at(offset))
