"""One snapshot after another: every source is asked at once, and none can hold up or spoil another."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Protocol, TypeVar

from lab.clients.dagster import Dagster
from lab.clients.http import Http
from lab.clients.metrics import read_drift
from lab.clients.mlflow import Mlflow
from lab.clients.prometheus import Prometheus
from lab.clients.shape import understanding
from lab.core.config import LabConfig
from lab.core.drift import DriftReport
from lab.core.models import ModelVersion
from lab.core.processes import ProcessFact
from lab.core.services import BY_NAME, Service
from lab.core.snapshot import AuditView, LabInfo, RunsView, ServiceState, Snapshot
from lab.ops.sources import AuditSource, Clocks, RunsSource, ServicesSource, Source

if TYPE_CHECKING:
    import httpx

T = TypeVar("T")

DEADLINE_S = 2.5
VERSIONS = 25
# Each probe has its own deadline; this one only guards against a mistake in them.
_SERVICES_DEADLINE_S = 20.0


class ProcessFacts(Protocol):
    """What the observer needs of a runtime."""

    @property
    def name(self) -> str: ...

    def facts(self) -> Mapping[Service, ProcessFact]:
        """What is known of each service's process; may block. Raises LabError."""
        ...


class Observer:
    """Takes snapshots of one lab. One instance belongs to one event loop; ticks must not overlap."""

    def __init__(
        self,
        config: LabConfig,
        runtime: ProcessFacts,
        transport: "httpx.AsyncBaseTransport | None" = None,
        clocks: Clocks | None = None,
        deadline_s: float = DEADLINE_S,
    ) -> None:
        self._clocks = clocks or Clocks()
        self._lab = lab_info(config, runtime.name)
        self._trail = AuditSource(config, deadline_s)
        self._prober = ServicesSource(config, runtime.facts, self._clocks, deadline_s, transport)
        self._http = {
            name: Http.to(name, config.url(name), deadline_s, transport)
            for name in (Service.DAGSTER, Service.MLFLOW, Service.PROMETHEUS, Service.DRIFT_MONITOR)
        }
        mlflow, prometheus = Mlflow(self._http[Service.MLFLOW]), Prometheus(self._http[Service.PROMETHEUS])

        def source(name: Service, fetch: Callable[[], Awaitable[T | None]]) -> Source[T]:
            return Source(BY_NAME[name].title, fetch, self._clocks, deadline_s)

        self._services: Source[tuple[ServiceState, ...]] = Source(
            "The services", self._prober.fetch, self._clocks, _SERVICES_DEADLINE_S
        )
        self._runs: Source[RunsView] = source(Service.DAGSTER, RunsSource(Dagster(self._http[Service.DAGSTER])).fetch)
        self._models: Source[tuple[ModelVersion, ...]] = source(Service.MLFLOW, lambda: mlflow.versions(VERSIONS))
        self._audit: Source[AuditView] = Source(
            "The audit trail", self._trail.fetch, self._clocks, deadline_s, self._trail.prepare
        )
        self._drift: Source[DriftReport] = source(Service.DRIFT_MONITOR, self._fetch_drift)
        self._alerts = source(Service.PROMETHEUS, prometheus.alerts)

    async def tick(self, previous: Snapshot) -> Snapshot:
        """The next snapshot; a source that doesn't answer keeps its last good value. Never raises unless cancelled."""
        services, runs, models, audit, drift, alerts = await asyncio.gather(
            self._services.settle(previous.services),
            self._runs.settle(previous.runs),
            self._models.settle(previous.models),
            self._audit.settle(previous.audit),
            self._drift.settle(previous.drift),
            self._alerts.settle(previous.alerts),
        )
        return Snapshot(self._clocks.wall(), self._lab, services, runs, models, audit, drift, alerts)

    async def aclose(self) -> None:
        """Closes every connection."""
        await asyncio.gather(self._prober.aclose(), *(http.aclose() for http in self._http.values()))
        self._trail.close()

    async def _fetch_drift(self) -> DriftReport | None:
        http = self._http[Service.DRIFT_MONITOR]
        exposition = await http.get_text("/metrics")
        with understanding(http.title, http.remedy):
            found = read_drift(exposition)
        if found.report is None and found.failing:
            raise http.unavailable("has not managed a check of the data yet.")
        return found.report


def lab_info(config: LabConfig, runtime: str) -> LabInfo:
    """Whose lab it is; `runtime` is the one in use, which `auto` in the settings doesn't tell."""
    actor = config.actor
    return LabInfo(config.name, actor.environment, actor.role, actor.owner, runtime)


def first_snapshot(config: LabConfig, runtime: str, now: float) -> Snapshot:
    """A snapshot in which everything is still waiting; `now` is epoch seconds."""
    return Snapshot(now, lab_info(config, runtime))
