"""One snapshot after another: every source settles on its own, and none can hold up or spoil another."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from lab.base.catalogue import BY_NAME, ProcessFact, Service
from lab.base.errors import LabError
from lab.config import LabConfig
from lab.governance.rules.policy import Action, Actor, Environment, Role
from lab.observe.audit_source import AuditSource
from lab.observe.drift_reports import DriftReports
from lab.observe.model_infos import model_infos
from lab.observe.probing import ServicesSource
from lab.observe.snapshot import NEEDS, Health, LabInfo, ModelInfo, Slice, Snapshot
from lab.observe.sources import PATIENCE_S, Clocks, RunsSource, Source
from lab.services.dagster import Dagster
from lab.services.http import Http
from lab.services.mlflow import Mlflow
from lab.services.prometheus import Prometheus

if TYPE_CHECKING:
    import httpx

T = TypeVar("T")

# A service that takes 5 s is slow, and its data are worth waiting for: nothing else waits with them.
DEADLINE_S = 6.0
PROBE_DEADLINE_S = 2.5
VERSIONS = 25
# What settles this soon after something else comes into the same snapshot: one paint instead of six.
TOGETHER_S = 0.15
# Requests have deadlines of their own, which name the culprit; this one bounds a source that makes several.
_SOURCE_DEADLINES = 2.5
# Each probe has its own deadline; this one only guards against a mistake in them.
_SERVICES_DEADLINE_S = 20.0
# A snapshot comes without them when files of the models can't be read this long.
_JUDGING_S = 6.0
_DECIDED_IN = (Environment.STAGING, Environment.PROD)


class ProcessFacts(Protocol):
    """What the observer needs of a runtime."""

    @property
    def name(self) -> str: ...

    def facts(self, measured: bool = False) -> Mapping[Service, ProcessFact]:
        """What is known of each service's process, where asked its memory too; may block. Raises LabError."""
        ...


class Observer:
    """Takes snapshots of one lab. One instance belongs to one event loop; nothing is asked twice at once."""

    def __init__(
        self,
        config: LabConfig,
        runtime: ProcessFacts,
        transport: "httpx.AsyncBaseTransport | None" = None,
        clocks: Clocks | None = None,
        deadline_s: float = DEADLINE_S,
        patience_s: float = PATIENCE_S,
        started: Callable[[], bool] = lambda: True,
        once: bool = False,
    ) -> None:
        """`patience_s`: how long a snapshot waits for what a later one could bring, too; with `once` none comes.

        As long as the lab was never `started`, what answers at its ports is another lab's, and isn't shown as its own.
        """
        self._started = started
        self._clocks = clocks or Clocks()
        self._pipelines, self._lab = config.pipelines, lab_info(config, runtime.name)
        probe_s = min(deadline_s, PROBE_DEADLINE_S)
        self._prober = ServicesSource(
            config,
            partial(runtime.facts, measured=True),
            self._clocks,
            probe_s,
            transport,
            contained=runtime.name == "compose",
            patience_s=patience_s,
            once=once,
        )
        self._trail = AuditSource(config, deadline_s, self._clocks.steady, transport, patience_s)
        self._http = {
            name: Http.to(name, config.url(name), deadline_s, transport)
            for name in NEEDS.values()
            if name is not Service.OBJECT_STORE
        }
        self._sources = self._made(deadline_s * _SOURCE_DEADLINES)
        self._under_way: dict[str, asyncio.Task[Slice[Any]]] = {}
        # What is said of the models, found out in a thread: of many it takes longer than a picture may.
        self._judging: asyncio.Task[tuple[ModelInfo, ...]] | None = None
        self._settled = asyncio.Event()

    def _made(self, deadline_s: float) -> dict[str, Source[Any]]:
        mlflow = Mlflow(self._http[Service.MLFLOW])
        runs = RunsSource(Dagster(self._http[Service.DAGSTER]))

        def source(part: str, fetch: Callable[[], Awaitable[object]]) -> Source[Any]:
            return Source(BY_NAME[NEEDS[part]].title, self._own(fetch), self._clocks, deadline_s)

        trail = self._own(self._trail.fetch)
        return {
            "services": Source("The services", self._prober.fetch, self._clocks, _SERVICES_DEADLINE_S),
            "runs": source("runs", runs.fetch),
            "models": source("models", lambda: mlflow.versions(VERSIONS)),
            "audit": Source("The audit trail", trail, self._clocks, deadline_s, self._trail.prepare),
            "drift": source("drift", DriftReports(self._http[Service.DRIFT_MONITOR]).fetch),
            "alerts": source("alerts", Prometheus(self._http[Service.PROMETHEUS]).alerts),
        }

    def _own(self, fetch: Callable[[], Awaitable[T]]) -> Callable[[], Awaitable[T]]:
        async def fetched() -> T:
            if not self._started():
                raise LabError(f"The lab {self._lab.name} was never started.", "Type `invoke up`.")
            return await fetch()

        return fetched

    def ask(self, before: Snapshot, at_once: bool = False) -> None:
        """Begins to ask every source that isn't being asked; one that failed lately only when `at_once`.

        `before` is the newest snapshot; what the sources say comes with `news`.
        """
        if at_once:
            self._prober.hurry()
        # A model's folder may come and go while the screen is open.
        if self._judging is None or self._judging.done():
            self._judging = asyncio.create_task(asyncio.to_thread(model_infos, self._pipelines, judged=True))
            self._judging.add_done_callback(self._judged)
        for part, source in self._sources.items():
            if part not in self._under_way and (at_once or not source.backoff.waiting):
                task = self._under_way[part] = asyncio.create_task(source.settle(getattr(before, part)))
                task.add_done_callback(self._note)

    async def news(self, before: Snapshot) -> Snapshot:
        """The snapshot after `before`, as soon as a source has settled, with others that do so about then.

        Never raises unless cancelled, and then nothing is lost.
        """
        await self._settled.wait()
        if running := [task for task in self._under_way.values() if not task.done()]:
            await asyncio.wait(running, timeout=TOGETHER_S)
        return self._merged(before)

    async def tick(self, previous: Snapshot) -> Snapshot:
        """The snapshot in which every source has been asked that is due. Never raises unless cancelled."""
        self.ask(previous)
        if self._under_way:
            await asyncio.wait(self._under_way.values())
        if self._judging:
            await asyncio.wait([self._judging], timeout=_JUDGING_S)
        return self._merged(previous)

    async def aclose(self) -> None:
        """Ends what is under way and closes every connection."""
        running: list[asyncio.Task[Any]] = [*self._under_way.values(), *([self._judging] if self._judging else [])]
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        await asyncio.gather(
            self._prober.aclose(), self._trail.aclose(), *(http.aclose() for http in self._http.values())
        )

    def _note(self, task: asyncio.Task[Slice[Any]]) -> None:
        # One that has been taken already, by a tick that came just now, is no news.
        if task in self._under_way.values():
            self._settled.set()

    def _judged(self, task: "asyncio.Task[tuple[ModelInfo, ...]]") -> None:
        if not task.cancelled() and task.result() != self._lab.models:
            self._lab = replace(self._lab, models=task.result())
            self._settled.set()

    def _merged(self, before: Snapshot) -> Snapshot:
        self._settled.clear()
        done = {part: task for part, task in self._under_way.items() if task.done()}
        for part in done:
            del self._under_way[part]
        slices = {part: task.result() for part, task in done.items() if not task.cancelled()}
        after = replace(before, taken_at=self._clocks.wall(), lab=self._lab, **slices)
        self._draw_conclusions(before, after)
        return after

    def _draw_conclusions(self, before: Snapshot, after: Snapshot) -> None:
        """What one source tells about another: data that failed call for a probe, a recovery for the data."""
        failed = [
            service
            for part, service in NEEDS.items()
            if getattr(after, part) is not getattr(before, part) and getattr(after, part).error
        ]
        self._prober.suspect(failed)
        if after.services is before.services:
            return
        up = {state.name for state in after.services.value or () if state.health is Health.UP}
        was_up = {state.name for state in before.services.value or () if state.health is Health.UP}
        for part, service in NEEDS.items():
            if service in up - was_up:
                self._sources[part].backoff.hurry()


def lab_info(config: LabConfig, runtime: str) -> LabInfo:
    """Whose lab it is; `runtime` is the one in use, which `auto` in the settings doesn't tell."""
    actor, policy = config.actor, config.policy
    deciding = [(action, place) for action in (Action.APPROVE, Action.PROMOTE) for place in _DECIDED_IN]
    may = {
        f"{action} {place}": tuple(
            str(role) for role in Role if policy.decide(Actor(actor.owner, role, place), action).allowed
        )
        for action, place in deciding
    }
    models = model_infos(config.pipelines)
    return LabInfo(config.name, actor.environment, actor.role, actor.owner, runtime, models, may)


def first_snapshot(config: LabConfig, runtime: str, now: float) -> Snapshot:
    """A snapshot in which everything is still waiting; `now` is epoch seconds."""
    return Snapshot(now, lab_info(config, runtime))
