"""One governed training run, from the policy's decision to a registered version and its audited trace."""

import asyncio
import time
from collections.abc import Awaitable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from lab.base.catalogue import Service
from lab.base.errors import ClaimRefused, Interrupted, LabError, NotFound, PolicyDenied, RunFailed, ServiceUnavailable
from lab.base.model_id import ModelId, is_training, slug_of
from lab.base.model_versions import ModelVersion
from lab.base.progress import Progress, Report, pause_s
from lab.base.runs import Run, RunStatus
from lab.config import LabConfig
from lab.governance.cases.trail import entry_by_actor, entry_by_claim, ledger
from lab.governance.ledger import Entry, EntryStore, Status, find_head
from lab.governance.ledger.writer import entries_of_run
from lab.governance.rules.policy import Action, Claim
from lab.models.model_folder import models_in
from lab.runtime.data_mount import visible
from lab.services.dagster import Dagster, JobUnknown
from lab.services.http import Http
from lab.services.mlflow import Mlflow
from lab.services.s3 import PIPELINE, S3, AuditStore

T = TypeVar("T")
DEADLINE_S = 900.0
DEMO_RUN = "demo-run"
RELAUNCH = "relaunch"
# Changed code is loaded within seconds.
_LOADED_S = 45.0
# Nobody is served by a run that is given up because the machine is busy.
_ANSWER_S = 20.0
# How long a webserver that doesn't answer is asked again while a run goes on.
_PATIENCE_S = 60.0
_STOPPED = "It was stopped from outside before its end."


@dataclass(frozen=True)
class DemoRun:
    """What a run left behind; `links` by what they show, `faults` of its audit entries (none is right).

    `unread` says what of it couldn't be read; how the run ended is known all the same.
    """

    run: Run
    version: ModelVersion | None
    entries: tuple[Entry, ...]
    links: dict[str, str]
    faults: tuple[str, ...] = ()
    reason: str = ""
    unread: tuple[str, ...] = ()

    @property
    def succeeded(self) -> bool:
        left = self.version is not None and not self.faults and not self.unread
        return self.run.status is RunStatus.SUCCESS and left


def refuse(config: LabConfig, claim: Claim, why: ClaimRefused, store: EntryStore | None = None) -> PolicyDenied:
    """Puts on record that nobody runs as `claim`, and says so. Raises LabError when that can't be written."""
    details = {"reason": why.message, "trigger": DEMO_RUN}
    entry = entry_by_claim(config, claim.shown(), "launch", Status.BLOCKED, details)
    return _blocked(config, store or _store(config), entry, why.message.rstrip("."), why.remedy)


def _blocked(config: LabConfig, store: EntryStore, entry: Entry, why: str, remedy: str) -> PolicyDenied:
    try:
        written = ledger(config, store).append(entry)
    except LabError as err:
        raise LabError(
            f"Blocked before anything started: {why}. No audit entry says so: {err.message}", remedy
        ) from None
    return PolicyDenied(f"Blocked before anything started: {why}. Audit entry {written.seq} says so.", remedy)


def _store(config: LabConfig) -> AuditStore:
    return AuditStore(S3.of_lab(config, PIPELINE), config.audit_bucket, config.audit_prefix)


class DemoRunner:
    """Launches and follows one run of a model's training job."""

    def __init__(self, config: LabConfig, report: Report) -> None:
        self._config, self._report = config, report
        self._models = models_in(config.pipelines)
        self._dagster = Dagster(Http.to(Service.DAGSTER, config.url(Service.DAGSTER), _ANSWER_S))
        self._mlflow = Mlflow(Http.to(Service.MLFLOW, config.url(Service.MLFLOW), _ANSWER_S))
        self._store = _store(config)

    async def run(
        self, data: Path | None = None, deadline_s: float = DEADLINE_S, model: str = "", trigger: str = DEMO_RUN
    ) -> DemoRun:
        """Of the model that is named, or the default one.

        Raises PolicyDenied before anything starts, RunFailed when the run isn't done in time, LabError otherwise.
        """
        try:
            chosen = self._models.find(model)
            await asyncio.to_thread(self._guard, trigger)
            path = None if data is None else str(visible(self._config, readable(data)))
            return await self._launch(chosen.id, trigger, path, {}, deadline_s)
        finally:
            await self._aclose()

    async def again(self, run_id: str, deadline_s: float = DEADLINE_S) -> DemoRun:
        """A new run on the data of run `run_id`; it belongs to whoever asks now, whoever had the first.

        Raises NotFound, and as `run` does.
        """
        try:
            await asyncio.to_thread(self._guard, RELAUNCH)
            job, path = await self._dagster.launched_on(run_id)
            if not is_training(job):
                raise LabError(
                    f"Run {run_id} is of the job {job}, which trains no model of the lab.",
                    "Launch that job in Dagster; `invoke train NAME` trains a model.",
                )
            tags = {"dagster/parent_run_id": run_id, "dagster/root_run_id": run_id}
            return await self._launch(self._models.find(slug_of(job)).id, RELAUNCH, path, tags, deadline_s)
        finally:
            await self._aclose()

    async def _launch(
        self, model: ModelId, trigger: str, path: str | None, tags: dict[str, str], deadline_s: float
    ) -> DemoRun:
        known = await asyncio.to_thread(self._head)
        run_id = await self._launched(model, trigger, path, tags)
        self._report(Progress("run", "launched", run_id))
        try:
            return await self._summarise(model, await self._follow(run_id, deadline_s), known)
        except asyncio.CancelledError:
            raise Interrupted(
                f"{trigger} was interrupted: run {run_id} goes on, and nobody follows it here.",
                f"See and stop it at {self._link(run_id)}.",
            ) from None

    async def _launched(self, model: ModelId, trigger: str, path: str | None, tags: dict[str, str]) -> str:
        """A model that was added just now is known once Dagster has loaded its code anew."""
        began, told = time.monotonic(), False
        while True:
            try:
                return await self._dagster.launch(self._config.actor, model, trigger, path, tags)
            except JobUnknown:
                if time.monotonic() - began > _LOADED_S:
                    raise
            if not told:
                self._report(Progress("run", "waiting", f"until Dagster has loaded {model.name}"))
                told = True
            await asyncio.sleep(pause_s(time.monotonic() - began))

    async def _aclose(self) -> None:
        await self._dagster.aclose()
        await self._mlflow.aclose()

    def _guard(self, trigger: str) -> None:
        actor = self._config.actor
        decision = self._config.policy.decide(actor, Action.RUN)
        if decision.allowed:
            return
        details = {"rule": decision.rule, "trigger": trigger}
        entry = entry_by_actor(self._config, "launch", Status.BLOCKED, details)
        remedy = "Run as a role that the policy allows (RUN_ROLE), or in another ENVIRONMENT."
        raise _blocked(self._config, self._store, entry, str(decision), remedy)

    async def _follow(self, run_id: str, deadline_s: float) -> Run:
        began = answered = time.monotonic()
        seen: dict[str, str] = {}
        while True:
            try:
                run = await self._dagster.run(run_id)
                answered = time.monotonic()
            except ServiceUnavailable as err:
                # The run goes on without anybody who looks: a busy webserver is no reason to give up at once.
                if (silent_s := time.monotonic() - answered) > _PATIENCE_S:
                    raise ServiceUnavailable(
                        f"Run {run_id} goes on, and can't be followed for {silent_s:.0f} s: {err.message}",
                        f"See how it ends at {self._link(run_id)}. {err.remedy}",
                    ) from None
                await asyncio.sleep(pause_s(silent_s))
                continue
            self._tell(run, seen)
            if run.status.finished:
                return run
            if time.monotonic() - began > deadline_s:
                raise RunFailed(
                    f"Run {run_id} is still {run.status} after {deadline_s:.0f} s.",
                    f"Look at {self._link(run_id)}, or type `invoke logs dagster-daemon`.",
                )
            await asyncio.sleep(pause_s(time.monotonic() - began))

    def _tell(self, run: Run, seen: dict[str, str]) -> None:
        """Reports the steps that are in another state than they were."""
        for step in run.steps:
            if seen.get(step.name) != step.status:
                seen[step.name] = step.status
                self._report(Progress(step.name, step.status.lower(), seconds=step.seconds))

    async def _summarise(self, model: ModelId, run: Run, known: int | None) -> DemoRun:
        """Never raises a LabError: how the run ended must be told, whatever hangs by now."""
        unread: list[str] = []
        reading = asyncio.to_thread(self._entries, run.run_id, known)
        entries = await self._read(reading, "its audit entries", unread) or ()
        faults = tuple(
            f"entry {entry.seq}: its content doesn't match its hash"
            for entry in entries
            if entry.digest() != entry.hash
        )
        links = {"run": self._link(run.run_id)}
        version, reason = None, ""
        if run.status is RunStatus.SUCCESS:
            version = await self._read(self._version(model, entries), "its version in MLflow", unread)
        elif run.status is RunStatus.CANCELED:
            # What the interrupted step raised is no reason, and nothing to mend.
            reason = _STOPPED
        else:
            reason = await self._read(self._dagster.failure(run.run_id), "the reason in Dagster", unread) or ""
        if version:
            links["model"] = f"{self._config.url(Service.MLFLOW)}/#/models/{model.name}/versions/{version.version}"
        return DemoRun(run, version, entries, links, faults, reason, tuple(unread))

    async def _read(self, asked: Awaitable[T], what: str, unread: list[str]) -> T | None:
        try:
            return await asked
        except LabError as err:
            unread.append(f"{what}: {err}")
            return None

    def _head(self) -> int | None:
        """The trail's last entry before the run; None while it can't be read, which is the run's own affair."""
        with suppress(LabError):
            return find_head(self._store, self._config.audit_prefix)
        return None

    def _entries(self, run_id: str, known: int | None) -> tuple[Entry, ...]:
        return entries_of_run(self._store, self._config.audit_prefix, run_id, known)

    async def _version(self, model: ModelId, entries: tuple[Entry, ...]) -> ModelVersion | None:
        entry = next((one for one in reversed(entries) if one.model_version), None)
        try:
            found = await self._mlflow.version(model.name, entry.model_version) if entry else None
        except NotFound:
            return None
        # Its number may be another version's, once somebody deleted the model.
        return found if entry and found and entry.details.get("mlflow_run_id", found.run_id) == found.run_id else None

    def _link(self, run_id: str) -> str:
        return f"{self._config.url(Service.DAGSTER)}/runs/{run_id}"


def readable(path: Path) -> Path:
    """The whole path of a file to train on. Raises LabError where there is none."""
    path = path.expanduser().absolute()
    if not path.is_file():
        raise LabError(f"There is no file {path}.", "Give --data the path of a CSV or Parquet file.")
    return path
