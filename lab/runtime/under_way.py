"""That a command is bringing the lab up: what doesn't run yet waits for its turn then, and is no failure."""

import json
import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import psutil

from lab.base.catalogue import BEING_STARTED, CATALOGUE, NEVER_STARTED, ProcessFact, Service
from lab.runtime.layout import Layout

_FILE = "starting.json"
# Clocks of processes are told in hundredths of a second.
_SAME_S = 0.1


@dataclass(frozen=True)
class _Command:
    pid: int
    began: float
    services: tuple[Service, ...]


def begin(home: Path, only: Sequence[Service] = ()) -> None:
    """Says that this process starts the lab, or `only` these services."""
    path = home / _FILE
    half = path.with_name(f"{path.name}.{os.getpid()}")
    services = list(only or (spec.name for spec in CATALOGUE))
    own = psutil.Process().create_time()
    half.write_text(json.dumps({"pid": os.getpid(), "began": own, "services": services}))
    half.replace(path)


def end(home: Path) -> None:
    """This process starts nothing any more."""
    command = _read(home)
    if command and command.pid == os.getpid():
        (home / _FILE).unlink(missing_ok=True)


def awaited(home: Path) -> frozenset[Service] | None:
    """What another process is about to start, nothing where that one is gone; None of a lab that never was up."""
    if not Layout(home).marker.exists():
        return None
    command = _read(home)
    # Whoever starts a service judges by itself whether it is up.
    if command is None or command.pid == os.getpid() or not _lives(command):
        return frozenset()
    return frozenset(command.services)


def explained(fact: ProcessFact, service: Service, expected: Collection[Service] | None) -> ProcessFact:
    """The fact of a service that a command is about to start, or waits for, says so; one that fails stays a failure."""
    if expected is None:
        new = fact.state == "stopped" and not fact.deliberate
        return replace(fact, reason=NEVER_STARTED) if new else fact
    if service not in expected or fact.state in {"absent", "failed"} or fact.deliberate:
        return fact
    if fact.state != "stopped":
        return replace(fact, awaited=True)
    return replace(fact, awaited=True, reason=BEING_STARTED, remedy="")


def _lives(command: _Command) -> bool:
    try:
        return abs(psutil.Process(command.pid).create_time() - command.began) < _SAME_S
    except psutil.Error:
        return False


def _read(home: Path) -> _Command | None:
    try:
        found = json.loads((home / _FILE).read_text())
        return _Command(int(found["pid"]), float(found["began"]), tuple(map(Service, found["services"])))
    except (OSError, ValueError, TypeError, KeyError):
        return None
