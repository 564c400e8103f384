"""Which services a person stopped, and who did: neither a supervisor nor an engine can tell that from a failure."""

import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path

from lab.base.catalogue import ProcessFact, Service

_FILE = "stopped.json"


@dataclass(frozen=True)
class Stop:
    """Who stopped a service, and when (epoch seconds)."""

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


def explained(fact: ProcessFact, service: Service, stop: Stop | None) -> ProcessFact:
    """The fact of a service that doesn't run because somebody stopped it says so."""
    if stop is None or fact.state != "stopped":
        return fact
    at = datetime.fromtimestamp(stop.at).astimezone()
    when = at.strftime("%H:%M" if at.date() == datetime.now().astimezone().date() else "%b %d %H:%M")
    said = f"stopped by {stop.by} at {when}"
    return replace(fact, reason=said, remedy=f"Type `invoke start {service}`.", deliberate=True)


def _write(home: Path, stops: Mapping[Service, Stop]) -> None:
    path = home / _FILE
    if not stops:
        path.unlink(missing_ok=True)
        return
    half = path.with_name(f"{_FILE}.{os.getpid()}")
    half.write_text(json.dumps({str(name): asdict(stop) for name, stop in stops.items()}, sort_keys=True))
    half.replace(path)
