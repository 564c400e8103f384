"""Deep probes: does a service do what it is there for? A port that accepts connections proves nothing."""

import asyncio
import shutil
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from lab.base.catalogue import BY_NAME, CATALOGUE, LOOPBACK, Service
from lab.base.errors import LabError, NotFound, told
from lab.base.threads import OneThread
from lab.config import LabConfig
from lab.observe.snapshot import TARGETS_DOWN, Health
from lab.services.dagster import Dagster
from lab.services.exposition import CHECKS, POLLER_UP, Sample, chosen, drift_among, samples, stalled_pollers
from lab.services.grpc_health import check_serving
from lab.services.http import BadStatus, Http, Incomplete, Login, NotReady
from lab.services.json_reading import mapping, text, understanding
from lab.services.mlflow import Mlflow
from lab.services.postgres import check_database
from lab.services.prometheus import Prometheus
from lab.services.s3_reader import PIPELINE, READER, Signer, StoreReader, WriteProbe

if TYPE_CHECKING:
    import httpx

DEADLINE_S = 3.0
# Daemons report every 30 s; Dagster's own judgement waits for half an hour.
HEARTBEAT_LIMIT_S = 120.0
DASHBOARD_UID = "mlops-observability"
# Services write about this much within minutes of training.
LOW_DISK = 128 << 20
# Of a container whose engine hasn't answered yet.
UNKNOWN = "unknown"
_CHECKS_MISSED = 3
# A process's start is known to about this many seconds.
_CLOCK_SLACK_S = 1.0
_WRITERS = {Service.POSTGRES, Service.OBJECT_STORE}
_KNOWN_METRIC = {
    Service.DAGSTER_METRICS: "dagster_webserver_up",
    Service.GOVERNANCE_METRICS: "governance_ledger_entries",
}


@dataclass(frozen=True)
class ProbeResult:
    """What one probe found, at `at` (epoch seconds); `latency_s` is how long that took, in seconds.

    `reason` is empty when the service is up; `waits_for_person` when no time that passes will change it; `overdue` when
    it ran out of time.
    """

    service: Service
    health: Health
    reason: str = ""
    remedy: str = ""
    latency_s: float = 0.0
    at: float | None = None
    waits_for_person: bool = False
    overdue: bool = False


class Unseeded(Incomplete):
    """The lab's data have no baseline; only a person can give them one."""


class Probes:
    """Asks every service of one lab; owns its clients. One instance belongs to one event loop."""

    def __init__(
        self,
        config: LabConfig,
        transport: "httpx.AsyncBaseTransport | None" = None,
        deadline_s: float = DEADLINE_S,
        clock: Callable[[], float] = time.time,
        started_at: Callable[[Service], float | None] = lambda _: None,
        health_of: Callable[[Service], str] = lambda _: "",
    ) -> None:
        """`started_at` gives the epoch second at which a service's process began: older heartbeats aren't its own.

        `health_of` gives what a container's own check says, for services that aren't published; empty elsewhere.
        """
        self._health_of = health_of
        self._config, self.deadline_s, self._clock, self._started_at = config, deadline_s, clock, started_at
        self._threads = [OneThread(f"probe-{name}") for name in ("dagster", "mlflow")]
        # A little less than the probe's own deadline, so that the reason names the database.
        ask = partial(check_database, LOOPBACK, config.port(Service.POSTGRES), timeout_s=deadline_s * 0.9)
        passwords = {"dagster": config.secrets.dagster_db, "mlflow": config.secrets.mlflow_db}
        self._databases = [
            thread.once(partial(ask, name, password))
            for thread, (name, password) in zip(self._threads, passwords.items(), strict=True)
        ]
        self._http: dict[Service, Http] = {
            spec.name: self._client(spec.name, transport)
            for spec in CATALOGUE
            if config.url(spec.name).startswith(("http:", "https:"))
        }
        self._store = StoreReader(self._http[Service.OBJECT_STORE])
        self._writing = None if config.endpoints else self._write_probe(transport)
        self._dagster = Dagster(self._http[Service.DAGSTER])
        self._mlflow = Mlflow(self._http[Service.MLFLOW])
        self._prometheus = Prometheus(self._http[Service.PROMETHEUS])
        self._checks = self._made()

    def _made(self) -> Mapping[Service, Callable[[], Awaitable[None]]]:
        """What is asked of each service."""
        return {
            Service.POSTGRES: self._postgres,
            Service.OBJECT_STORE: self._buckets,
            Service.MLFLOW: self._mlflow.ping,
            Service.DAGSTER_CODE: self._dagster_code,
            Service.DAGSTER: self._dagster_webserver,
            Service.DAGSTER_DAEMON: self._dagster_daemon,
            Service.DRIFT_MONITOR: self._drift_monitor,
            Service.DAGSTER_METRICS: partial(self._exporter, Service.DAGSTER_METRICS),
            Service.GOVERNANCE_METRICS: partial(self._exporter, Service.GOVERNANCE_METRICS),
            Service.PROMETHEUS: self._check_prometheus,
            Service.ALERTMANAGER: self._alertmanager,
            Service.GRAFANA: self._grafana,
        }

    async def check(self, service: Service) -> ProbeResult:
        """Asks one service; never raises except when cancelled."""
        health, reason, remedy, waits, overdue = Health.UP, "", "", False, False
        began = time.monotonic()
        try:
            async with asyncio.timeout(self.deadline_s):
                await self._checks[service]()
        except LabError as err:
            health, reason, remedy, waits = _health(err), err.message, err.remedy, isinstance(err, Unseeded)
            if service in _WRITERS and health is Health.DOWN and (left := _left_on_disk(self._config.home)):
                reason, remedy = f"{left}: {reason}", f"Free some, then type `invoke restart {service}`."
        except TimeoutError:
            health, overdue = Health.DOWN, True
            reason = f"{BY_NAME[service].title} didn't answer within {self.deadline_s:g} s."
            remedy = f"Type `invoke logs {service}`."
        except Exception as err:  # a probe's own mistake must not take the other services off the screen
            health, reason = Health.DOWN, f"The probe of {BY_NAME[service].title} failed: {told(err)}."
        return ProbeResult(service, health, reason, remedy, time.monotonic() - began, self._clock(), waits, overdue)

    async def aclose(self) -> None:
        """Closes the clients; a thread that still waits ends by its own deadline."""
        writers = [self._writing.http] if self._writing else []
        await asyncio.gather(*(http.aclose() for http in (*self._http.values(), *writers)))
        for thread in self._threads:
            thread.close()

    def _client(self, service: Service, transport: "httpx.AsyncBaseTransport | None") -> Http:
        return Http.to(service, self._config.url(service), self.deadline_s, transport, self._login(service))

    def _login(self, service: Service) -> Login | None:
        secrets = self._config.secrets
        if service is Service.OBJECT_STORE:
            return Signer(READER, secrets.s3_reader)
        passwords = {Service.GRAFANA: secrets.grafana_admin, Service.ALERTMANAGER: secrets.alertmanager}
        return ("admin", passwords[service]) if service in passwords else None

    def _write_probe(self, transport: "httpx.AsyncBaseTransport | None") -> WriteProbe:
        service = Service.OBJECT_STORE
        login = Signer(PIPELINE, self._config.secrets.s3_pipeline)
        http = Http.to(service, self._config.url(service), self.deadline_s, transport, login)
        return WriteProbe(http, self._config.data_bucket)

    async def _postgres(self) -> None:
        # Both are waited for, so that no call is left behind when the first one fails.
        for outcome in await asyncio.gather(*(ask() for ask in self._databases), return_exceptions=True):
            if outcome is not None:
                raise outcome

    async def _buckets(self) -> None:
        for bucket in self._config.buckets:
            try:
                await self._store.head_bucket(bucket)
            except NotFound:
                raise Incomplete(f"Bucket {bucket!r} doesn't exist.", "Type `invoke up`.") from None
        # A lab elsewhere is looked at only.
        if self._writing:
            await self._writing.write()
            if left := _left_on_disk(self._config.home):
                raise Incomplete(f"{left}.", "Free some.")

    async def _dagster_webserver(self) -> None:
        await self._dagster.ping()
        # One run that can't be shown may keep all of them from being listed.
        await self._dagster.runs()

    async def _dagster_code(self) -> None:
        spec, port = BY_NAME[Service.DAGSTER_CODE], self._config.port(Service.DAGSTER_CODE)
        remedy = f"Type `invoke logs {spec.name}`."
        if said := self._health_of(Service.DAGSTER_CODE):
            if said == UNKNOWN:
                raise NotReady(f"The container engine hasn't said yet how {spec.title} is.", "Type `docker info`.")
            if said == "starting":
                raise NotReady(f"{spec.title} is starting.", remedy)
            if said != "healthy":
                raise LabError(f"{spec.title} is {said} by its own check.", remedy)
            return
        await check_serving(LOOPBACK, port, "DagsterApi", spec.title, remedy, self.deadline_s)

    async def _dagster_daemon(self) -> None:
        try:
            daemons = await self._dagster.daemons()
        except LabError as err:
            raise LabError(f"Heartbeats can't be read: {err.message}", err.remedy) from None
        remedy = f"Type `invoke logs {Service.DAGSTER_DAEMON}`."
        started = (self._started_at(Service.DAGSTER_DAEMON) or 0.0) - _CLOCK_SLACK_S
        now = self._clock()
        if not daemons or any(one.last_heartbeat is None or one.last_heartbeat < started for one in daemons):
            raise NotReady("Not every daemon has reported yet.", remedy)
        late = [
            f"{one.type} {now - (one.last_heartbeat or 0):.0f} s ago"
            for one in daemons
            if _late(one.last_heartbeat, now)
        ]
        if late:
            raise LabError(f"Last heartbeat: {', '.join(late)}.", remedy)
        # A heartbeat goes on telling of an outage that is over: what began since is what counts.
        since = max(self._started_at(needed) or 0.0 for needed in BY_NAME[Service.DAGSTER_DAEMON].needs)
        failing = [f"{one.type}: {met[0]}" for one in daemons if (met := one.current_errors(since))]
        if failing:
            raise Incomplete(f"Daemons report errors: {'; '.join(failing)}.", remedy)

    async def _drift_monitor(self) -> None:
        http = self._http[Service.DRIFT_MONITOR]
        # Not what was found of each feature: with many models that is a hundred times as much.
        looked = list(samples(await http.get_text("/metrics", chosen(POLLER_UP, *CHECKS))))
        with understanding(http.title, http.remedy):
            found = drift_among(looked)
        _refuse_stalled(http, looked)
        if not any(one.seeded for one in found.values()):
            raise Unseeded("There is no baseline to compare the data with.", "Type `invoke seed`.")
        # A model that has no data yet, or whose data can't be read, keeps no other one's from being checked.
        checked = [one.report.checked_at for one in found.values() if one.report]
        if not checked:
            failing = any(one.failing for one in found.values())
            kind = Incomplete if failing else NotReady
            said = "No check of the data has succeeded yet." if failing else "The first check is under way."
            raise kind(said, http.remedy)
        age = self._clock() - max(checked)
        if age > _CHECKS_MISSED * self._config.drift_interval_s:
            raise Incomplete(f"The last successful check was {age:.0f} s ago.", http.remedy)

    async def _exporter(self, service: Service) -> None:
        http = self._http[service]
        looked = list(samples(await http.get_text("/metrics", chosen(POLLER_UP, _KNOWN_METRIC[service]))))
        names = {sample.name for sample in looked}
        if not names:
            raise http.unavailable("answers /metrics with something that isn't metrics.")
        if _KNOWN_METRIC[service] not in names:
            raise Incomplete(f"{http.title} publishes no {_KNOWN_METRIC[service]}.", http.remedy)
        _refuse_stalled(http, looked)

    async def _check_prometheus(self) -> None:
        await self._prometheus.ready()
        targets = await self._prometheus.targets()
        down = [target.job for target in targets if target.health == "down"]
        if down:
            raise Incomplete(f"{TARGETS_DOWN}{', '.join(down)}.", "Type `invoke status`.")
        if not targets or any(target.health != "up" for target in targets):
            raise NotReady("Not every target has been scraped yet.")

    async def _alertmanager(self) -> None:
        http = self._http[Service.ALERTMANAGER]
        try:
            await http.get_text("/-/ready")
        except BadStatus as err:
            if err.status == 503:
                raise NotReady(f"{http.title} is starting.", http.remedy) from None
            raise

    async def _grafana(self) -> None:
        http = self._http[Service.GRAFANA]
        health = await http.get_json("/api/health")
        with understanding(http.title, http.remedy):
            database = text(mapping(health)["database"])
        if database != "ok":
            raise Incomplete(f"{http.title} says that its database is {database!r}.", http.remedy)
        try:
            await http.get_json(f"/api/dashboards/uid/{DASHBOARD_UID}")
        except BadStatus as err:
            if err.status == 404:
                raise Incomplete(f"{http.title} has no dashboard {DASHBOARD_UID!r}.", http.remedy) from None
            raise


def _health(err: LabError) -> Health:
    if isinstance(err, NotReady):
        return Health.STARTING
    return Health.DEGRADED if isinstance(err, Incomplete) else Health.DOWN


def _left_on_disk(home: Path) -> str:
    """How little room is left where the lab writes; empty while there is enough for some time."""
    place = next(folder for folder in (home, *home.parents) if folder.exists())
    free = shutil.disk_usage(place).free
    return f"Only {free >> 20} MB are left on the disk of {place}" if free < LOW_DISK else ""


def _refuse_stalled(http: Http, looked: Iterable[Sample]) -> None:
    """Raises Incomplete when what the exporter says of its sources is what it knew some time ago."""
    if stalled := stalled_pollers(looked):
        names = ", ".join(stalled)
        raise Incomplete(f"{http.title} no longer looks at {names}.", http.remedy)


def _late(heartbeat: float | None, now: float) -> bool:
    return heartbeat is None or now - heartbeat > HEARTBEAT_LIMIT_S
