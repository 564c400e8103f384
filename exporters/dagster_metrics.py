"""Dagster's health, runs, daemons and schedule as metrics, asked for at every scrape."""

import asyncio
import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from prometheus_client.metrics_core import Metric

from exporters.exporter_config import ExporterConfig
from exporters.machine_metrics import MachineCollector
from exporters.poller import Poller
from exporters.postgres_metrics import INTERVAL_S, PostgresCollector, PostgresWatch
from exporters.run_metrics import RunWatch, oldest
from exporters.schedule_metrics import ScheduleWatch
from exporters.serve import Exporter, LabCollector, gauge, gauges, main, series
from exporters.watched import EventLoopThread
from lab.base.catalogue import Service
from lab.base.errors import LabError
from lab.base.runs import Run, RunStatus
from lab.governance.rules.approval_states import PROBE
from lab.services.dagster import Dagster, Dashboard
from lab.services.http import Http

# Together below Prometheus' scrape timeout of 5 s: a hanging webserver shows as down, not as a failed scrape.
PING_TIMEOUT_S = 2.0
QUERY_TIMEOUT_S = 2.0
DEADLINE_S = 4.5
# What is asked for beyond that comes later when the look was slow.
QUICK_S, MORE_DEADLINE_S = 1.0, 1.0
# Scrapes that come within this time of each other share one answer.
REUSE_S = 1.0
WINDOW = 50

log = logging.getLogger("exporter.dagster")


@dataclass(frozen=True)
class DagsterStatus:
    """One look at Dagster: `response_s` is the time of the webserver's answer; errors say why something is missing."""

    up: bool = False
    response_s: float = 0.0
    location_loaded: bool = False
    dashboard: Dashboard | None = None
    errors: tuple[str, ...] = ()


async def look(http: Http, clock: Callable[[], float] = time.perf_counter) -> DagsterStatus:
    """Asks the webserver whether it lives, then for everything else at once. Never raises a LabError."""
    began = clock()
    try:
        await _ping(http)
    except LabError as err:
        return DagsterStatus(response_s=clock() - began, errors=(err.message,))
    taken = clock() - began
    client = Dagster(http)
    location, dashboard = await asyncio.gather(client.ping(), client.dashboard(WINDOW), return_exceptions=True)
    failures = [found for found in (location, dashboard) if isinstance(found, BaseException)]
    for failure in failures:
        if not isinstance(failure, LabError):
            raise failure
    return DagsterStatus(
        up=True,
        response_s=taken,
        location_loaded=not isinstance(location, BaseException),
        dashboard=None if isinstance(dashboard, BaseException) else dashboard,
        errors=tuple(failure.message for failure in failures if isinstance(failure, LabError)),
    )


async def _ping(http: Http) -> None:
    answer = await http.get_json("/server_info", timeout_s=PING_TIMEOUT_S)
    if not isinstance(answer, Mapping) or "dagster_webserver_version" not in answer:
        raise http.unavailable("isn't what listens there.")


class DagsterProbe:
    """The newest look at Dagster; scrapes at the same time share one. `seen` is told of each."""

    def __init__(
        self,
        ask: Callable[[], DagsterStatus],
        monotonic: Callable[[], float] = time.monotonic,
        seen: Callable[[Dashboard, float], None] = lambda _dashboard, _seconds: None,
    ) -> None:
        self._ask, self._monotonic, self._seen = ask, monotonic, seen
        self._lock = threading.Lock()
        self._taken_at = float("-inf")
        self._status = DagsterStatus()

    def status(self) -> DagsterStatus:
        """What Dagster looks like now."""
        with self._lock:
            if self._monotonic() - self._taken_at > REUSE_S:
                began = self._monotonic()
                status = self._ask()
                if status.dashboard:
                    self._seen(status.dashboard, self._monotonic() - began)
                if status.errors != self._status.errors:
                    log.log(logging.WARNING if status.errors else logging.INFO, "event=looked errors=%r", status.errors)
                self._status, self._taken_at = status, self._monotonic()
            return self._status


class Asker:
    """Asks the Dagster at `url`; its client is made at the first call, because importing it takes time."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._made: tuple[EventLoopThread, Http] | None = None

    def look(self) -> DagsterStatus:
        """One look. Never raises a LabError."""
        loop, http = self._client()
        try:
            return loop.call(look(http), DEADLINE_S)
        except LabError as err:
            return DagsterStatus(response_s=DEADLINE_S, errors=(err.message,))

    def steps(self, run_ids: tuple[str, ...]) -> Sequence[Run]:
        """These runs with their steps. Raises LabError."""
        loop, http = self._client()
        return loop.call(Dagster(http).runs(len(run_ids), run_ids=run_ids, steps=True), MORE_DEADLINE_S)

    def last_tick(self) -> float:
        """When the schedule last ticked (epoch seconds); 0: never. Raises LabError."""
        loop, http = self._client()
        return loop.call(Dagster(http).last_tick(), MORE_DEADLINE_S)

    def _client(self) -> tuple[EventLoopThread, Http]:
        if self._made is None:
            self._made = EventLoopThread(), Http.to(Service.DAGSTER, self._url, QUERY_TIMEOUT_S)
        return self._made


class DashboardWatch:
    """What follows from looks that follow one another: how long runs took, and whether ticks came when due."""

    def __init__(self, runs: RunWatch, schedule: ScheduleWatch) -> None:
        self.runs, self.schedule = runs, schedule

    def see(self, dashboard: Dashboard, seconds: float) -> None:
        """Takes a look that took that long, and asks for more where the scrape has time left for it."""
        self.runs.note(dashboard.runs)
        if dashboard.schedule:
            self.schedule.note(dashboard.schedule)
        if seconds < QUICK_S:
            self.runs.ask_for_steps()
            if dashboard.schedule:
                self.schedule.ask_for_ticks()


class DagsterCollector(LabCollector):
    """A look at Dagster as metrics; what isn't known is left out, except that a time of 0 means never."""

    def __init__(self, status: Callable[[], DagsterStatus], watch: DashboardWatch | None = None) -> None:
        super().__init__()
        self._current, self._watch = status, watch

    def families(self) -> Iterable[Metric]:
        status = self._current()
        seconds, loaded = status.response_s, status.location_loaded
        yield gauge("dagster_webserver_up", "1 when the webserver answers.", status.up)
        yield gauge("dagster_webserver_response_seconds", "Time the webserver's answer took.", seconds)
        yield gauge("dagster_webserver_response_ms", "As dagster_webserver_response_seconds, in ms.", seconds * 1000)
        yield gauge("dagster_code_location_loaded", "1 when the pipeline's definitions are loaded.", loaded)
        yield gauge("dagster_graphql_up", "1 when runs and daemons could be asked for.", status.dashboard is not None)
        if status.dashboard:
            yield from _runs(status.dashboard.runs)
            yield _model_ends(status.dashboard.runs)
            yield from _daemons(status.dashboard)
            yield from _schedule(status.dashboard)
            yield oldest(status.dashboard.runs)
            if self._watch and status.dashboard.schedule:
                yield from self._watch.schedule.families(status.dashboard.schedule)
        if self._watch:
            yield from self._watch.runs.families()


def _runs(runs: tuple[Run, ...]) -> Iterable[Metric]:
    by_status = Counter(run.status for run in runs)
    counts = {status.value: float(by_status[status]) for status in RunStatus}
    yield gauges("dagster_recent_runs", f"The newest {WINDOW} runs by status.", "status", counts)
    ends = {status.value: 0.0 for status in RunStatus if status.finished}
    seconds: dict[str, float] = {}
    for run in sorted(runs, key=lambda run: run.ended_at or 0.0):
        # A probe's run must be refused: that is no failed training.
        if run.status.finished and run.ended_at is not None and run.owner != PROBE:
            ends[run.status.value] = run.ended_at
            if run.seconds is not None:
                seconds[run.status.value] = run.seconds
    name = "dagster_last_run_"
    yield gauges(name + "end_timestamp_seconds", "Unix time at which the last such run ended.", "status", ends)
    yield gauges(name + "duration_seconds", "Wall time of the last such run.", "status", seconds)


def _model_ends(runs: tuple[Run, ...]) -> Metric:
    """By model, so that a success of one doesn't hide another's failure; no more models than the window has runs."""
    ends: dict[tuple[str, str], float] = {}
    for run in runs:
        if run.status.finished and run.ended_at is not None and run.owner != PROBE:
            # A run that carries no model's name has its job's, which belongs to one model.
            model = run.model or run.job
            for status in (status for status in RunStatus if status.finished):
                at = run.ended_at if status is run.status else 0.0
                ends[model, status.value] = max(at, ends.get((model, status.value), 0.0))
    name = "dagster_model_last_run_end_timestamp_seconds"
    return series(name, "Unix time at which the model's last such run ended.", ["model", "status"], ends.items())


def _daemons(dashboard: Dashboard) -> Iterable[Metric]:
    beats = {daemon.type: daemon.last_heartbeat or 0.0 for daemon in dashboard.daemons}
    errors = {daemon.type: float(len(daemon.current_errors())) for daemon in dashboard.daemons}
    name = "dagster_daemon_"
    yield gauges(name + "last_heartbeat_timestamp_seconds", "Unix time of the last heartbeat.", "daemon", beats)
    yield gauges(name + "heartbeat_errors", "Errors that the daemon still meets.", "daemon", errors)


def _schedule(dashboard: Dashboard) -> Iterable[Metric]:
    if schedule := dashboard.schedule:
        running, tick = {schedule.name: float(schedule.status == "RUNNING")}, {schedule.name: schedule.next_tick or 0.0}
        yield gauges("dagster_schedule_running", "1 when the schedule is turned on.", "schedule", running)
        yield gauges("dagster_schedule_next_tick_timestamp_seconds", "Unix time of the next tick.", "schedule", tick)


def build(config: ExporterConfig) -> Exporter:
    """The exporter of the Dagster that `config` names; ready at once, since every scrape asks anew."""
    asker = Asker(config.dagster_url)
    watch = DashboardWatch(RunWatch(asker.steps), ScheduleWatch(config.schedule_expected, asker.last_tick))
    probe = DagsterProbe(asker.look, seen=watch.see)
    collectors: list[LabCollector] = [DagsterCollector(probe.status, watch)]
    pollers: list[Poller] = []
    if config.postgres:
        database = PostgresWatch(*config.postgres)
        collectors.append(PostgresCollector(database))
        pollers.append(Poller("postgres", INTERVAL_S, database.refresh))
    if config.disk:
        collectors.append(MachineCollector(config.disk))
    return Exporter("dagster-metrics", collectors, pollers, lambda: True)


if __name__ == "__main__":
    main(build)
