"""An observer over played services, with clocks that a test moves."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import httpx

from lab.base.catalogue import ProcessFact, Service
from lab.base.errors import LabError
from lab.observe.observer import Observer, first_snapshot
from lab.observe.snapshot import Snapshot
from lab.observe.sources import Clocks
from tests.support.played_lab import NOW, Services, config

MLFLOW = ProcessFact("running", 4711, 90.0, 2, 250_000_000)


class Runtime:
    """Knows one process, unless it is told otherwise, or to fail."""

    name = "native"

    def __init__(self) -> None:
        self.broken = False
        self.known: dict[Service, ProcessFact] = {Service.MLFLOW: MLFLOW}

    def facts(self, measured: bool = False) -> Mapping[Service, ProcessFact]:
        if self.broken:
            raise LabError("The supervisor doesn't answer.")
        return dict(self.known)


class ObservedLab:
    """An observer of a lab whose HTTP services are played and whose clocks stand still.

    Deadlines go by the real clock, so they are far away but where something is meant to run into them.
    """

    def __init__(
        self, tmp_path: Path, deadline_s: float = 60.0, patience_s: float = 60.0, root: Path | None = None
    ) -> None:
        """`root` is the project whose models are looked at, by default this one."""
        self.now = NOW
        self.config = config(tmp_path)
        if root:
            self.config = replace(self.config, root=root)
        self.services, self.runtime = Services(self.config), Runtime()
        clocks = Clocks(lambda: self.now, lambda: self.now)
        self.observer = Observer(self.config, self.runtime, self.services.transport, clocks, deadline_s, patience_s)
        self.snapshot = first_snapshot(self.config, "native", self.now)

    def fail(self, service: Service) -> None:
        """From now on the service answers that it is broken."""
        self.services.broken[service] = lambda _request: httpx.Response(500, text="broken")

    async def tick(self, seconds: float = 0.0) -> Snapshot:
        """The snapshot that is complete so many seconds later."""
        self.now += seconds
        self.snapshot = await self.observer.tick(self.snapshot)
        return self.snapshot

    async def news(self) -> Snapshot:
        """The snapshot that comes with whatever settles next."""
        self.snapshot = await self.observer.news(self.snapshot)
        return self.snapshot
