"""Ending on record what was killed before it could record its own end, or its beginning."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from lab.base.catalogue import Service
from lab.base.errors import LedgerError
from lab.base.file_lock import is_taken
from lab.base.runs import Run, RunStatus, Step
from lab.config import LabConfig
from lab.governance.cases.deploy_approval import deployment_lock
from lab.governance.cases.trail import entry_by_actor, ledger, published_heads
from lab.governance.cases.unrecorded_steps import Unaudited, broken_off, how, unrecorded
from lab.governance.ledger import Entry, EntryStore, Status, Verification
from lab.governance.ledger.writer import verify_trail
from lab.governance.rules.deployments import APPLY
from lab.governance.rules.identities import moment
from lab.governance.rules.policy import Action, Environment
from lab.services.dagster import Dagster
from lab.services.http import Http
from lab.services.s3 import PIPELINE, S3, AuditStore

# A command of a person's ends within minutes: one that began an hour ago has no process any more.
COMMAND_S = 3600.0
_ASKED = 100


@dataclass(frozen=True)
class Left:
    """A beginning that stays open, and why."""

    begun: Entry
    reason: str


@dataclass(frozen=True)
class Closing:
    """The ends that were written, what stays open, and what can't be recorded because it did something unaudited."""

    closed: tuple[Entry, ...]
    left: tuple[Left, ...]
    unaudited: tuple[Unaudited, ...] = ()


class Closer:
    """Writes a failure for each step and command whose process is gone without one."""

    def __init__(self, config: LabConfig, dagster: Dagster, store: EntryStore) -> None:
        self._config, self._dagster, self._store = config, dagster, store

    @classmethod
    def of_lab(cls, config: LabConfig) -> "Closer":
        """The running lab's."""
        dagster = Dagster(Http.to(Service.DAGSTER, config.url(Service.DAGSTER), timeout_s=15))
        return cls(config, dagster, AuditStore(S3.of_lab(config, PIPELINE), config.audit_bucket, config.audit_prefix))

    async def close(self, run_ids: tuple[str, ...] = ()) -> Closing:
        """Ends what can be ended, of these runs if any are given.

        Raises LabError, LedgerError for a trail that can't be trusted.
        """
        # Asked before the trail is read: a run that is over then has no entry still to come.
        over = await broken_off(self._dagster, run_ids)
        begun, recorded = await asyncio.to_thread(self._read)
        found = await self._end_begun([entry for entry in begun if not run_ids or entry.run_id in run_ids])
        closed, unaudited = list(found.closed), []
        for run in over:
            for step in unrecorded(run, recorded.get(run.run_id, ())):
                reason, why_not = how(run, step, await self._dagster.all_events(run.run_id))
                if why_not:
                    unaudited.append(Unaudited(run.run_id, step.name, why_not))
                else:
                    closed.append(await asyncio.to_thread(self._record, run, step, reason))
        return Closing(tuple(closed), found.left, tuple(unaudited))

    async def _end_begun(self, begun: list[Entry]) -> Closing:
        states = await self._states(begun)
        verdict = Verdict(self._config.home, states)
        gone: list[tuple[Entry, str]] = []
        left: list[Left] = []
        for entry in begun:
            reason, why_not = verdict.of(entry)
            if why_not:
                left.append(Left(entry, why_not))
            else:
                gone.append((entry, reason))
        # Read once more: what ended by itself while Dagster was asked must not get a second end.
        still = {entry.seq for entry in (await asyncio.to_thread(self._read))[0]} if gone else set()
        closed = [await asyncio.to_thread(self._end, entry, reason) for entry, reason in gone if entry.seq in still]
        return Closing(tuple(closed), tuple(left))

    async def aclose(self) -> None:
        """Closes the connections."""
        await self._dagster.aclose()

    def _read(self) -> tuple[tuple[Entry, ...], Mapping[str, set[str]]]:
        """The beginnings without an end, and the actions on record by run."""
        # The journal may hold the very ends that the trail lacks.
        ledger(self._config, self._store).flush_journal()
        recorded: dict[str, set[str]] = {}

        def see(entry: Entry) -> None:
            if entry.run_id:
                recorded.setdefault(entry.run_id, set()).add(entry.action)

        heads = published_heads(self._config).heads()
        return _trusted(verify_trail(self._store, self._config.audit_prefix, heads, see)).unfinished, recorded

    async def _states(self, begun: list[Entry]) -> Mapping[str, RunStatus]:
        """The state of each run that Dagster knows."""
        wanted = sorted({entry.run_id for entry in begun if entry.run_id})
        found: dict[str, RunStatus] = {}
        for first in range(0, len(wanted), _ASKED):
            some = tuple(wanted[first : first + _ASKED])
            found |= {run.run_id: run.status for run in await self._dagster.runs(limit=len(some), run_ids=some)}
        return found

    def _end(self, begun: Entry, reason: str) -> Entry:
        details = {"reason": reason, "closes": begun.seq, "begun_by": begun.owner}
        end = entry_by_actor(self._config, begun.action, Status.FAILURE, details)
        return ledger(self._config, self._store).append(
            replace(end, run_id=begun.run_id, model_version=begun.model_version)
        )

    def _record(self, run: Run, step: Step, reason: str) -> Entry:
        """The only entry of a step that never had one: it has no beginning to close."""
        end = entry_by_actor(self._config, step.name, Status.FAILURE, {"reason": reason, "begun_by": run.owner})
        return ledger(self._config, self._store).append(replace(end, run_id=run.run_id))


def _trusted(found: Verification) -> Verification:
    if found.faults:
        first = found.faults[0]
        raise LedgerError(
            f"The audit trail can't be trusted, so nothing is added to it: entry {first.seq}: {first.problem}.",
            "Type `mlops-lab audit verify`.",
        )
    return found


@dataclass(frozen=True)
class Verdict:
    """Why a beginning's process is known to be gone, or why it can't be ended."""

    home: Path
    states: Mapping[str, RunStatus]

    def of(self, begun: Entry) -> tuple[str, str]:
        """The reason for its end, or else that for leaving it open."""
        if begun.run_id:
            return self._of_run(begun.run_id)
        if begun.action == Action.DEPLOY and begun.environment in set(Environment):
            return self._of_deployment(begun)
        began = moment(begun.time)
        # Whoever may append can write any time: one that is none says nothing of a process that goes on.
        if began and (datetime.now(UTC) - began).total_seconds() < COMMAND_S:
            return "", "it began within the last hour, and may go on"
        return "The command ended without recording it.", ""

    def _of_deployment(self, begun: Entry) -> tuple[str, str]:
        """Its lock knows better than any hour: an apply may take longer, and Terraform outlives who typed it."""
        if is_taken(deployment_lock(self.home, begun.environment)):
            return "", f"a deployment to {begun.environment} is at work"
        known = (
            "what it did by then is in Terraform's state" if begun.details.get("stage") == APPLY else "it planned only"
        )
        return f"The command ended without recording it; {known}.", ""

    def _of_run(self, run_id: str) -> tuple[str, str]:
        status = self.states.get(run_id)
        if status is None:
            return "The run ended without recording it, and Dagster knows it no more.", ""
        if not status.finished:
            return "", f"its run is {status.lower()}"
        if status is RunStatus.SUCCESS:
            return "", "its run succeeded, which it can't have without recording this end: find out what happened"
        return f"The run ended without recording it; by Dagster it is {status.lower()}.", ""
