"""(b) The trail verifies, every finished run is in it, and what never ended is named."""

import asyncio
from collections.abc import Iterator

from lab.core.ledger import Status
from lab.core.retention import REMEDY
from lab.core.runs import JOB, Run, RunStatus, Step
from lab.ops.governance.bench import Bench
from lab.ops.governance.proof import Check, Found, listed
from lab.ops.governance.survey import Surveyor

# The newest runs that are compared with the trail.
_RUNS = 100
_UNAUDITABLE = "the audit trail can't be written"


class LedgerProofs:
    """What the trail says of itself and of the runs that Dagster knows."""

    def __init__(self, bench: Bench, surveyor: Surveyor) -> None:
        self._bench, self._surveyor = bench, surveyor

    def checks(self) -> Iterator[Check]:
        yield Check("ledger: the chain is intact, up to every published head", self._chain)
        yield Check("ledger: no entry can be deleted before its time", self._locked)
        yield Check("ledger: every finished run has its entries", self._runs)
        yield Check("ledger: steps that never ended are known", self._unfinished)
        yield Check("ledger: every decision counts", self._decisions)

    async def _chain(self) -> Found:
        found = (await self._surveyor.look()).verification
        head = f"head {found.head.seq} is {found.head.hash[:12]}" if found.head else "no entry yet"
        return listed(
            (f"entry {fault.seq}: {fault.problem}" for fault in found.faults),
            f"{found.checked} entries, {head}, {found.heads} published heads compared",
        )

    async def _locked(self) -> Found:
        """By the bucket's settings, which hold for entries to come, and by each entry's own lock."""
        found = (await self._surveyor.look()).verification
        weak = await asyncio.to_thread(self._bench.weaknesses)
        days = self._bench.config.audit_retention_days
        good = f"versioning, lock, lifecycle and policy are the lab's; {found.checked} entries locked for {days} days"
        passed, evidence = listed([*weak, *(fault.problem for fault in found.exposed)], good)
        return passed, evidence if passed else f"{evidence}. {REMEDY}"

    async def _runs(self) -> Found:
        runs = [run for run in await self._bench.dagster.runs(_RUNS, steps=True) if run.job == JOB]
        finished = [run for run in runs if run.status.finished]
        steps = (await self._surveyor.look()).steps
        gaps = [await self._gap(run, step, steps.get(run.run_id, set())) for run in finished for step in run.steps]
        succeeded = sum(run.status is RunStatus.SUCCESS for run in finished)
        return listed(filter(None, gaps), f"{len(finished)} finished runs, {succeeded} of them successful")

    async def _gap(self, run: Run, step: Step, seen: set[tuple[str, Status]]) -> str:
        """What the trail lacks of one step; empty when nothing is missing."""
        if step.status == "SUCCESS":
            lacking = [one for one in (Status.STARTED, Status.SUCCESS) if (step.name, one) not in seen]
            return f"run {run.run_id[:8]} has no {' and no '.join(lacking)} of {step.name}" if lacking else ""
        if step.status != "FAILURE" or any(action == step.name for action, _ in seen):
            return ""
        # A step that couldn't be audited doesn't run: that is the rule, not a gap.
        reason = await self._bench.dagster.failure(run.run_id)
        return "" if _UNAUDITABLE in reason else f"run {run.run_id[:8]} has no entry of {step.name}, which failed"

    async def _unfinished(self) -> Found:
        found = (await self._surveyor.look()).verification.unfinished
        names = [f"entry {one.seq}: {one.action} of run {one.run_id[:8] or '–'} since {one.time}" for one in found]
        return True, "; ".join(names) or "none"

    async def _decisions(self) -> Found:
        found = await self._surveyor.look()
        decisions = sum(len(record.decisions) for record in found.history.every)
        doubts = [f"entry {one.seq}: {one.problem}" for one in found.history.doubts]
        good = f"{decisions} decisions on {len(found.history.every)} versions, by whom they say"
        return listed(
            (f"entry {one.seq}: {one.problem}" for one in found.history.uncounted), "; ".join([good, *doubts[:3]])
        )
