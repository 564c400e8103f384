"""Stops a run that goes on: the policy decides, the audit trail says who asked, Dagster ends it."""

import asyncio
import time
from dataclasses import dataclass

from lab.base.catalogue import Service
from lab.base.errors import LabError, NotFound, PolicyDenied, RunFailed
from lab.base.progress import Progress, Report
from lab.base.runs import Run, RunStatus
from lab.config import LabConfig
from lab.governance.cases.trail import entry_by_actor, ledger
from lab.governance.ledger import Entry, EntryStore, Status
from lab.governance.rules.policy import Action
from lab.services.dagster import Dagster
from lab.services.http import Http
from lab.services.s3 import PIPELINE, S3, AuditStore

CANCEL = "cancel"
_ANSWER_S = 20.0
_POLL_SECONDS = 0.25
# A step is given 30 s to end before Dagster kills it.
_ENDED_S = 60.0
_LISTED = 100
_LEAST_ID = 4
_ONCE = "can be stopped once it has begun"
# Dagster refuses to stop a run before its process says that it is at work.
_BEGINNING = {RunStatus.NOT_STARTED, RunStatus.STARTING}


@dataclass(frozen=True)
class Cancelled:
    """The run as it ended, and the entry that says who asked for that."""

    run: Run
    entry: Entry


class RunCanceller:
    """Stops one run. Methods raise LabError."""

    def __init__(
        self, config: LabConfig, report: Report, dagster: Dagster | None = None, store: EntryStore | None = None
    ) -> None:
        self._config, self._report = config, report
        self._dagster = dagster or Dagster(Http.to(Service.DAGSTER, config.url(Service.DAGSTER), _ANSWER_S))
        self._store = store or AuditStore(S3.of_lab(config, PIPELINE), config.audit_bucket, config.audit_prefix)

    async def cancel(self, run_id: str, deadline_s: float = _ENDED_S) -> Cancelled:
        """Of the run with this id, or whose id alone begins so.

        Raises PolicyDenied when the policy doesn't let the actor run anything, NotFound, LabError when it has ended,
        RunFailed when it doesn't begin or end in time.
        """
        try:
            run = await self._find(run_id)
            await asyncio.to_thread(self._guard, run)
            run = await self._begun(run, deadline_s)
            if run.status.finished:
                raise LabError(f"Run {run.run_id} has ended already: {run.status.lower()}.")
            # Before it is done: what isn't on record isn't done.
            entry = await asyncio.to_thread(self._note, Status.REQUESTED, run, {})
            if run.status is not RunStatus.CANCELING:
                await self._dagster.terminate(run.run_id)
            return Cancelled(await self._follow(run, deadline_s), entry)
        finally:
            await self._dagster.aclose()

    async def _find(self, run_id: str) -> Run:
        try:
            return await self._dagster.run(run_id)
        except NotFound:
            listed = await self._dagster.runs(_LISTED) if len(run_id) >= _LEAST_ID else ()
            found = [run for run in listed if run.run_id.startswith(run_id)]
            if len(found) == 1:
                return found[0]
            if found:
                raise NotFound(f"{len(found)} runs begin with {run_id}.", "Give more of the id.") from None
            raise

    def _guard(self, run: Run) -> None:
        """Who may not start a run may not end one."""
        decision = self._config.policy.decide(self._config.actor, Action.RUN)
        if not decision.allowed:
            written = self._note(Status.BLOCKED, run, {"rule": decision.rule})
            raise PolicyDenied(
                f"Run {run.run_id} goes on: {decision}. Audit entry {written.seq} says so.",
                "Ask as a role that the policy allows to run (RUN_ROLE), or in another ENVIRONMENT.",
            )

    def _note(self, status: Status, run: Run, details: dict[str, str]) -> Entry:
        about = {"run": run.run_id, "job": run.job, "of": run.owner, **details}
        about |= {"model": run.model} if run.model else {}
        return ledger(self._config, self._store).append(entry_by_actor(self._config, CANCEL, status, about))

    async def _begun(self, run: Run, deadline_s: float) -> Run:
        """The run once it can be stopped, or has ended."""
        end, tell = time.monotonic() + deadline_s, self._teller()
        while run.status in _BEGINNING:
            if time.monotonic() > end:
                raise RunFailed(
                    f"Run {run.run_id} is still {_said(run)} after {deadline_s:.0f} s, and {_ONCE}.",
                    "Type `invoke logs dagster-daemon`: it says what keeps the run, or try again.",
                )
            tell(Progress("run", _said(run), f"{run.run_id} {_ONCE}"))
            await asyncio.sleep(_POLL_SECONDS)
            run = await self._dagster.run(run.run_id)
        return run

    async def _follow(self, run: Run, deadline_s: float) -> Run:
        end, tell = time.monotonic() + deadline_s, self._teller()
        while not (run := await self._dagster.run(run.run_id)).status.finished:
            if time.monotonic() > end:
                raise RunFailed(
                    f"Run {run.run_id} was asked to stop and is {run.status.lower()} after {deadline_s:.0f} s.",
                    "Dagster goes on stopping it; look at its event log.",
                )
            tell(Progress("run", _said(run), run.run_id))
            await asyncio.sleep(_POLL_SECONDS)
        return run

    def _teller(self) -> Report:
        """Reports each step once, however often it is seen."""
        told: set[Progress] = set()

        def tell(step: Progress) -> None:
            if step not in told:
                told.add(step)
                self._report(step)

        return tell


def _said(run: Run) -> str:
    return run.status.lower().replace("_", " ")
