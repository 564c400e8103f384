"""Ending on record what was killed before it could record its own end."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from lab.base.catalogue import Service
from lab.base.errors import LedgerError
from lab.base.runs import RunStatus
from lab.config import LabConfig
from lab.governance.cases.trail import TrailReader, entry_by_actor, ledger
from lab.governance.ledger import Entry, EntryStore, Status
from lab.governance.rules.identities import moment
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
    """The ends that were written, and what stays open."""

    closed: tuple[Entry, ...]
    left: tuple[Left, ...]


class Closer:
    """Writes a failure for each step and command that began, and whose process is gone without one."""

    def __init__(self, config: LabConfig, dagster: Dagster, store: EntryStore) -> None:
        self._config, self._dagster, self._store = config, dagster, store

    @classmethod
    def of_lab(cls, config: LabConfig) -> "Closer":
        """The running lab's."""
        dagster = Dagster(Http.to(Service.DAGSTER, config.url(Service.DAGSTER), timeout_s=15))
        return cls(config, dagster, AuditStore(S3.of_lab(config, PIPELINE), config.audit_bucket, config.audit_prefix))

    async def close(self) -> Closing:
        """Ends what can be ended. Raises LabError, LedgerError for a trail that can't be trusted."""
        begun = await asyncio.to_thread(self._unfinished)
        states = await self._states(begun)
        closed: list[Entry] = []
        left: list[Left] = []
        for entry in begun:
            reason, why_not = _verdict(entry, states)
            if why_not:
                left.append(Left(entry, why_not))
            else:
                closed.append(await asyncio.to_thread(self._end, entry, reason))
        return Closing(tuple(closed), tuple(left))

    async def aclose(self) -> None:
        """Closes the connections."""
        await self._dagster.aclose()

    def _unfinished(self) -> Sequence[Entry]:
        # The journal may hold the very ends that the trail lacks.
        ledger(self._config, self._store).flush_journal()
        found = TrailReader(self._config, self._store).read().verification
        if found.faults:
            first = found.faults[0]
            raise LedgerError(
                f"The audit trail can't be trusted, so nothing is added to it: entry {first.seq}: {first.problem}.",
                "Type `mlops-lab audit verify`.",
            )
        return found.unfinished

    async def _states(self, begun: Sequence[Entry]) -> Mapping[str, RunStatus]:
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


def _verdict(begun: Entry, states: Mapping[str, RunStatus]) -> tuple[str, str]:
    """Why the entry's process is known to be gone, or why it can't be ended."""
    if not begun.run_id:
        began = moment(begun.time)
        # Whoever may append can write any time: one that is none says nothing of a process that goes on.
        if began and (datetime.now(UTC) - began).total_seconds() < COMMAND_S:
            return "", "it began within the last hour, and may go on"
        return "The command ended without recording it.", ""
    status = states.get(begun.run_id)
    if status is None:
        return "The run ended without recording it, and Dagster knows it no more.", ""
    if not status.finished:
        return "", f"its run is {status.lower()}"
    if status is RunStatus.SUCCESS:
        return "", "its run succeeded, which it can't have without recording this end: find out what happened"
    return f"The run ended without recording it; by Dagster it is {status.lower()}.", ""
