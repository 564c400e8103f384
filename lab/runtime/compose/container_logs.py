"""Reading containers' logs from the engine."""

import queue
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from lab.base.catalogue import Service
from lab.runtime.compose.containers import understood

if TYPE_CHECKING:
    from docker import DockerClient

_DAYS_S = 30 * 24 * 3600.0
_LOOK_UP_S = 0.5


def tail(client: "DockerClient", container: str, lines: int, since: datetime | None = None) -> Sequence[str]:
    """The last `lines` lines, only those newer than `since` where that is given. Raises LabError."""
    with understood("reading a log"):
        # Whole seconds are all that the engine takes.
        raw = client.api.logs(container, tail=lines, since=int(since.timestamp()) if since else None)
    return [line.decode(errors="replace") for line in raw.splitlines()]


def follow(
    connect: Callable[[float], "DockerClient"],
    containers: Mapping[Service, str],
    ended: Callable[[], bool] = lambda: False,
) -> Iterator[tuple[Service, str]]:
    """Lines that are written from now on, until every container has ended or `ended` says so."""
    lines: queue.Queue[tuple[Service, str] | None] = queue.Queue(maxsize=1000)

    def read(service: Service, container: str) -> None:
        try:
            # A quiet service may say nothing for days.
            stream = connect(_DAYS_S).api.logs(container, stream=True, follow=True, tail=0)
            rest = b""
            for piece in stream:
                *whole, rest = (rest + piece).split(b"\n")
                for line in whole:
                    lines.put((service, line.decode(errors="replace")))
        finally:
            lines.put(None)

    for service, container in containers.items():
        threading.Thread(target=read, args=(service, container), name=f"log-{service}", daemon=True).start()
    open_ones = len(containers)
    while open_ones and not ended():
        try:
            found = lines.get(timeout=_LOOK_UP_S)
        except queue.Empty:
            continue
        if found is None:
            open_ones -= 1
        else:
            yield found
