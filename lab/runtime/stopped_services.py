"""What a person stopped, and who did, a service or the lab: neither supervisor nor engine tells that from a failure."""

import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path

from lab.base.catalogue import TAKEN_DOWN, ProcessFact, Service

_FILE, _DOWN = "stopped.json", "down.json"


@dataclass(frozen=True)
class Stop:
    """Who stopped a service or the lab, and when (epoch seconds)."""

    by: str
    at: float


def read(home: Path) -> Mapping[Service, Stop]:
    """The services that stay stopped until somebody starts them; none where the file can't be read."""
    try:
        found = json.loads((home / _FILE).read_text())
        return {Service(name): Stop(str(one["by"]), float(one["at"])) for name, one in found.items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return {}


@contextmanager
def kept(home: Path, service: Service, by: str) -> Iterator[None]:
    """Writes down that the service is to stay stopped, before the body stops it; not when that fails."""
    _write(home, {**read(home), service: Stop(by, time.time())})
    try:
        yield
    except BaseException:
        forget(home, service)
        raise


def forget(home: Path, service: Service) -> None:
    """The service is started again."""
    known = read(home)
    if service in known:
        _write(home, {name: stop for name, stop in known.items() if name is not service})


def taken_down(home: Path) -> Stop | None:
    """Who took the whole lab down; None when nobody did, or when the file can't be read."""
    try:
        found = json.loads((home / _DOWN).read_text())
        return Stop(str(found["by"]), float(found["at"]))
    except (OSError, ValueError, TypeError, KeyError):
        return None


@contextmanager
def kept_down(home: Path, by: str) -> Iterator[None]:
    """Writes down that the lab is to be down, before the body stops it; not when that fails. Nobody's wish is none."""
    if not by:
        yield
        return
    _replace(home / _DOWN, asdict(Stop(by, time.time())))
    try:
        yield
    except BaseException:
        forget_down(home)
        raise


def forget_down(home: Path) -> None:
    """The lab is started again."""
    (home / _DOWN).unlink(missing_ok=True)


def explained(fact: ProcessFact, service: Service, stop: Stop | None, down: Stop | None = None) -> ProcessFact:
    """The fact of a service that doesn't run because somebody stopped it, or the whole lab, says so."""
    if fact.state != "stopped" or (stop is None and down is None):
        return fact
    if down is not None:
        return replace(fact, reason=f"{TAKEN_DOWN} {_by(down)}", remedy="Type `invoke up`.", deliberate=True)
    said = f"stopped {_by(stop)}" if stop else ""
    return replace(fact, reason=said, remedy=f"Type `invoke start {service}`.", deliberate=True)


def _by(stop: Stop) -> str:
    at = datetime.fromtimestamp(stop.at).astimezone()
    when = at.strftime("%H:%M" if at.date() == datetime.now().astimezone().date() else "%b %d %H:%M")
    return f"by {stop.by} at {when}"


def _write(home: Path, stops: Mapping[Service, Stop]) -> None:
    path = home / _FILE
    if not stops:
        path.unlink(missing_ok=True)
        return
    _replace(path, {str(name): asdict(stop) for name, stop in stops.items()})


def _replace(path: Path, content: Mapping[str, object]) -> None:
    half = path.with_name(f"{path.name}.{os.getpid()}")
    half.write_text(json.dumps(content, sort_keys=True))
    half.replace(path)
