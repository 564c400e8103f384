"""Dagster through the GraphQL of its webserver: fetching here, reading of the answers in `dagster_answers`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from lab.base.errors import RunFailed
from lab.base.model_id import ModelId
from lab.base.runs import (
    ENVIRONMENT_TAG,
    INGEST,
    OWNER_TAG,
    ROLE_TAG,
    SCHEDULE,
    TRIGGER_TAG,
    Run,
    RunDetail,
    RunStatus,
    ScheduleState,
)
from lab.governance.rules.policy import Actor
from lab.services import dagster_answers as read
from lab.services.dagster_answers import DaemonStatus, RunEvent
from lab.services.http import BadStatus, Http, Incomplete, NotReady
from lab.services.json_reading import mapping, understanding

LOCATION = "pipelines"
REPOSITORY = "__repository__"
# A launch waits for the code server and, without a queue, for the run's process to start: 2-3 s when quiet.
LAUNCH_TIMEOUT_S = 30.0
_EVENT_PAGE = 500
_EVENT_PAGES = 20
_GOING = [str(status) for status in RunStatus if not status.finished]
_SELECTOR = {"repositoryLocationName": LOCATION, "repositoryName": REPOSITORY}


class JobUnknown(RunFailed):
    """The code location has no such job, or not yet."""


@dataclass(frozen=True)
class Dashboard:
    """What one poll of Dagster gives; `runs` newest first and without steps."""

    runs: tuple[Run, ...]
    schedule: ScheduleState | None
    daemons: tuple[DaemonStatus, ...]


@dataclass(frozen=True)
class NewestRuns:
    """What a screen asks of Dagster again and again: ids, newest first, and the runs that go on, without steps."""

    run_ids: tuple[str, ...]
    going: tuple[Run, ...]
    schedule: ScheduleState | None


class Dagster:
    """One Dagster instance. Methods raise ServiceUnavailable, and NotFound where a run is named."""

    def __init__(self, http: Http) -> None:
        self._http = http

    @property
    def title(self) -> str:
        return self._http.title

    async def ping(self) -> None:
        """Returns when the code location is loaded.

        Raises NotReady while it loads, Incomplete with its own error when it can't be loaded.
        """
        data = await self._ask("location", {"name": LOCATION})
        with understanding(self.title, self._http.remedy):
            problem, loading = read.location_problem(data, LOCATION), read.location_loading(data)
        if problem:
            kind = NotReady if loading else Incomplete
            raise kind(f"{self.title} {problem}", "Type `invoke logs dagster-code`.")

    async def daemons(self) -> tuple[DaemonStatus, ...]:
        """The daemons that this instance needs, with the time of their last heartbeat."""
        data = await self._ask("daemons", {})
        with understanding(self.title, self._http.remedy):
            return read.daemons(data)

    async def schedule(self) -> ScheduleState | None:
        """The training schedule; None while the code location doesn't define it."""
        data = await self._ask("schedule", {"selector": {**_SELECTOR, "scheduleName": SCHEDULE}})
        with understanding(self.title, self._http.remedy):
            return read.schedule(data)

    async def last_tick(self) -> float:
        """When the training schedule last ticked (epoch seconds); 0: never, or it isn't defined."""
        data = await self._ask("ticks", {"selector": {**_SELECTOR, "scheduleName": SCHEDULE}})
        with understanding(self.title, self._http.remedy):
            return read.last_tick(data)

    async def dashboard(self, limit: int = 25) -> Dashboard:
        """Runs, schedule and daemons in one request, for polling."""
        selector = {**_SELECTOR, "scheduleName": SCHEDULE}
        data = await self._ask("dashboard", {"limit": limit, "selector": selector})
        with understanding(self.title, self._http.remedy):
            return Dashboard(read.runs(data), read.schedule(data), read.daemons(data))

    async def newest_runs(self, limit: int = 25) -> NewestRuns:
        """The newest runs and the schedule in one request, small however many runs have finished."""
        selector = {**_SELECTOR, "scheduleName": SCHEDULE}
        data = await self._ask("newest_runs", {"limit": limit, "going": {"statuses": _GOING}, "selector": selector})
        with understanding(self.title, self._http.remedy):
            return NewestRuns(read.run_ids(data), read.runs(data, "going"), read.schedule(data))

    async def runs(
        self,
        limit: int = 25,
        cursor: str | None = None,
        updated_after: float | None = None,
        run_ids: tuple[str, ...] = (),
        steps: bool = False,
        statuses: Sequence[RunStatus] = (),
    ) -> tuple[Run, ...]:
        """Newest runs first; `cursor` is the last run id of the page before, `updated_after` epoch seconds.

        `run_ids` and `statuses`, where given, choose among them.

        With `steps` each run carries its steps, which costs an event-log query a run.
        """
        chosen: dict[str, Any] = {} if updated_after is None else {"updatedAfter": updated_after}
        if run_ids:
            chosen["runIds"] = list(run_ids)
        if statuses:
            chosen["statuses"] = [str(status) for status in statuses]
        query = "runs_with_steps" if steps else "runs"
        data = await self._ask(query, {"filter": chosen, "cursor": cursor, "limit": limit})
        with understanding(self.title, self._http.remedy):
            return read.runs(data)

    async def run(self, run_id: str) -> Run:
        """One run with its steps. Raises NotFound."""
        data = await self._ask("run", {"id": run_id})
        with understanding(self.title, self._http.remedy):
            return read.run_or_error(data)

    async def run_status(self, run_id: str) -> RunStatus:
        """The state of a run, which costs much less than its steps. Raises NotFound."""
        data = await self._ask("run_status", {"id": run_id})
        with understanding(self.title, self._http.remedy):
            return read.run_status(data)

    async def launched_on(self, run_id: str) -> tuple[str, str | None]:
        """The job of a run, and the path of the data that it was given; None: DATA_PATH. Raises NotFound."""
        data = await self._ask("run_config", {"id": run_id})
        with understanding(self.title, self._http.remedy):
            return read.launched_on(data)

    async def run_detail(self, run_id: str) -> RunDetail:
        """One run with its steps, configuration and tags. Raises NotFound."""
        data = await self._ask("run_detail", {"id": run_id})
        with understanding(self.title, self._http.remedy):
            return read.run_detail(data)

    async def events(self, run_id: str, cursor: str | None = None) -> tuple[tuple[RunEvent, ...], str, bool]:
        """Events after `cursor`, the cursor to go on from, and whether more are there already. Raises NotFound."""
        data = await self._ask("events", {"id": run_id, "cursor": cursor, "limit": _EVENT_PAGE})
        with understanding(self.title, self._http.remedy):
            return read.events(data)

    async def all_events(self, run_id: str) -> tuple[RunEvent, ...]:
        """The events of a run, up to 10,000. Raises NotFound."""
        found: list[RunEvent] = []
        cursor: str | None = None
        for _ in range(_EVENT_PAGES):
            page, cursor, more = await self.events(run_id, cursor)
            found.extend(page)
            if not more:
                break
        return tuple(found)

    async def failure(self, run_id: str) -> str:
        """Why a run failed, in words for a person; empty when nothing in it did. Raises NotFound."""
        return read.failure_reason(await self.all_events(run_id))

    async def launch(
        self,
        actor: Actor,
        model: ModelId,
        trigger: str,
        data_path: str | None = None,
        extra_tags: Mapping[str, str] | None = None,
    ) -> str:
        """Starts a model's training job for `actor`; gives its run id. Raises RunFailed when Dagster refuses it."""
        data = await self._ask(
            "launch", {"params": _params(actor, model, trigger, data_path, extra_tags or {})}, LAUNCH_TIMEOUT_S
        )
        with understanding(self.title, self._http.remedy):
            run_id, problem = read.launched(data)
            unknown = read.job_unknown(data)
        if unknown:
            raise JobUnknown(
                f"Dagster doesn't know the job {model.job} of {model.name}.",
                "Type `invoke doctor`, then `invoke logs dagster-code`.",
            )
        if problem:
            raise RunFailed(f"Dagster didn't start the run: {problem}.", "Type `invoke logs dagster-code`.")
        return run_id

    async def terminate(self, run_id: str) -> None:
        """Asks a run to stop. Raises NotFound, or RunFailed when it can't be stopped."""
        data = await self._ask("terminate", {"id": run_id}, LAUNCH_TIMEOUT_S)
        with understanding(self.title, self._http.remedy):
            problem = read.termination_problem(data)
        if problem:
            raise RunFailed(f"Dagster didn't stop run {run_id}: {problem}.", "Type `invoke status`.")

    async def aclose(self) -> None:
        await self._http.aclose()

    async def _ask(self, name: str, variables: Mapping[str, Any], timeout_s: float | None = None) -> Mapping[str, Any]:
        try:
            answer = await self._http.post_json("/graphql", {"query": query(name), "variables": variables}, timeout_s)
        except BadStatus as err:
            if said := read.error_in(err.body):
                raise self._http.unavailable(f"refused the query {name!r}: {said}.") from None
            raise
        with understanding(self.title, self._http.remedy):
            if said := read.errors(answer):
                raise self._http.unavailable(f"couldn't answer the query {name!r}: {said}.")
            return mapping(mapping(answer)["data"])


@cache
def query(name: str) -> str:
    """The text of one of the `queries/*.graphql` files."""
    return resources.files("lab.services").joinpath("queries", f"{name}.graphql").read_text()


def _params(
    actor: Actor, model: ModelId, trigger: str, data_path: str | None, extra_tags: Mapping[str, str]
) -> dict[str, Any]:
    governance = {"owner": actor.owner, "role": actor.role.value, "environment": actor.environment.value}
    config: dict[str, Any] = {"resources": {"governance": {"config": governance}}}
    if data_path is not None:
        config["ops"] = {model.op(INGEST): {"config": {"data_path": data_path}}}
    tags = {**extra_tags, OWNER_TAG: governance["owner"], ROLE_TAG: governance["role"]}
    tags |= {ENVIRONMENT_TAG: governance["environment"], TRIGGER_TAG: trigger}
    return {
        "selector": {**_SELECTOR, "jobName": model.job},
        "runConfigData": config,
        "executionMetadata": {"tags": [{"key": key, "value": value} for key, value in tags.items()]},
    }
