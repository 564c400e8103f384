"""What use cases ask of a runtime, whichever way it runs the services; and waiting with a deadline."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from lab.base.catalogue import ProcessFact, Service

Note = Callable[[str], None]


class Runtime(Protocol):
    """A way to run the lab. Methods raise LabError."""

    name: str

    def services(self) -> Sequence[Service]:
        """The services that can run here, in catalogue order; optional ones only where they are installed."""
        ...

    def changes(self) -> Mapping[Service, Sequence[str]]:
        """The running services that `prepare` would end for a new start, and what differs: names, never values."""
        ...

    def prepare(self, note: Note, only: Sequence[Service] = ()) -> None:
        """Makes folders, configuration and whatever must exist before the first service starts; may be repeated.

        With `only`, nothing changes for any other service.
        """
        ...

    def release(self) -> None:
        """Lets other commands change the lab again, which `prepare` ended."""
        ...

    def start(self, service: Service) -> None:
        """Asks for the service to be started and returns at once; no error if it runs already."""
        ...

    def stop(self, services: Sequence[Service], deadline_s: float) -> None:
        """Stops the services and returns when they are gone."""
        ...

    def halt(self, service: Service, by: str, note: Note) -> None:
        """Stops one service in the name of a person, and returns when it is gone; `facts` tell until it is started."""
        ...

    def down(self, note: Note, by: str = "") -> bool:
        """Stops everything and keeps all data; False when nothing ran. `facts` tell of the person who wants that."""
        ...

    def nuke(self, note: Note) -> None:
        """Stops everything and removes all that this lab made."""
        ...

    def wipe(self, note: Note) -> None:
        """Stops everything and removes all data; what only costs time to make anew, as an image, may stay."""
        ...

    def facts(self, measured: bool = False) -> Mapping[Service, ProcessFact]:
        """What is known of each service's process or container, for every service of the catalogue.

        Memory and processor time cost more than all else together: they are there where they are asked for.
        """
        ...

    def tail(self, service: Service, lines: int, since: datetime | None = None) -> Sequence[str]:
        """The last lines of the service's log; only what is newer than `since`, where that is given."""
        ...

    def follow(
        self, services: Sequence[Service], ended: Callable[[], bool] = lambda: False
    ) -> Iterator[tuple[Service, str]]:
        """New log lines as they come, until the caller stops asking or, asked at least every second, `ended` is true.

        A caller in another thread can't stop asking while nothing comes; it has `ended` for that.
        """
        ...

    def provision(self, deadline_s: float) -> Sequence[str] | None:
        """Has databases, buckets and rights made by the runtime's own means, and returns what was made, in words.

        None where it has none and the caller must do it. The database and the store must have been started.
        """
        ...

    def doomed(self) -> Sequence[str]:
        """What `nuke` would remove besides files, in words."""
        ...

    def execute(self, service: Service, argv: Sequence[str], terminal: bool) -> int:
        """Runs a command where the service runs, and returns its exit code."""
        ...


def wait_until(
    condition: Callable[[], bool], deadline_s: float, error: Callable[[], Exception], interval_s: float = 0.1
) -> None:
    """Returns when `condition` holds; raises `error()` at the deadline."""
    end = time.monotonic() + deadline_s
    while not condition():
        if time.monotonic() > end:
            raise error()
        time.sleep(interval_s)
