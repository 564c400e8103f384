"""(b), (c) and (f): the trail verifies and holds every finished run, and the registry says what the trail says.

All of them look at one scan of both.
"""

import asyncio
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from lab.base.errors import LabError
from lab.base.model_id import is_training
from lab.base.model_versions import ModelVersion
from lab.base.runs import Run, RunStatus, Step
from lab.governance.cases.reconcile import read_registry
from lab.governance.cases.trail import published_heads
from lab.governance.cases.unrecorded_steps import unrecorded
from lab.governance.checks.proof import Check, Found, listed
from lab.governance.checks.proof_clients import ProofClients
from lab.governance.ledger import Entry, Status, Verification
from lab.governance.ledger.retention import REMEDY
from lab.governance.ledger.writer import verify_trail
from lab.governance.rules.history import Fold, History
from lab.governance.rules.registry_findings import BLOCKED, Finding, Kind, reconcile
from lab.models.listing import names_in
from lab.services import ssh


@dataclass(frozen=True)
class Scan:
    """`steps` are the actions and states that each run left; `findings` lasted over two looks."""

    verification: Verification
    history: History
    steps: Mapping[str, set[tuple[str, Status]]]
    versions: Sequence[ModelVersion]
    findings: tuple[Finding, ...]


class TrailScanner:
    """One scan of trail and registry for all proofs."""

    def __init__(self, clients: ProofClients) -> None:
        self._clients, self._lock = clients, asyncio.Lock()
        self._found: Scan | LabError | None = None

    async def look(self) -> Scan:
        """Raises LabError, the same one each time."""
        async with self._lock:
            if self._found is None:
                try:
                    self._found = await _scan(self._clients)
                except LabError as err:
                    self._found = err
        if isinstance(self._found, LabError):
            raise self._found
        return self._found


@dataclass
class _Reading:
    """What is kept of the entries as they pass: memory grows with runs and versions."""

    fold: Fold
    steps: dict[str, set[tuple[str, Status]]] = field(default_factory=dict)

    def see(self, entry: Entry) -> None:
        self.fold.see(entry)
        if entry.run_id:
            self.steps.setdefault(entry.run_id, set()).add((entry.action, entry.status))


async def _scan(clients: ProofClients) -> Scan:
    """Raises LabError."""
    registry, governed = await read_registry(clients.mlflow), names_in(clients.config.pipelines)
    verification, reading = await asyncio.to_thread(_read, clients)
    history = reading.fold.history()
    findings = reconcile(registry, history, governed)
    if findings:
        # A registration or a decision in progress differs for a moment.
        again = await read_registry(clients.mlflow)
        history = (await asyncio.to_thread(_read, clients))[1].fold.history()
        lasting = set(reconcile(again, history, governed))
        findings = tuple(one for one in findings if one in lasting)
    known = history.models | governed
    versions = tuple(one for one in registry.versions if one.name in known)
    return Scan(verification, history, reading.steps, versions, findings)


def _read(clients: ProofClients) -> tuple[Verification, _Reading]:
    config = clients.config
    reading = _Reading(Fold(config.name, config.policy, ssh.verify))
    heads, days = published_heads(config).heads(), config.audit_retention_days
    return verify_trail(clients.stored(), config.audit_prefix, heads, reading.see, days), reading


# The newest runs that are compared with the trail.
_RUNS = 100
_UNAUDITABLE = "the audit trail can't be written"
_BROKE_OFF = "no entry of"
_CLOSE = "`mlops-lab audit close` puts on record a step that ended before it began to work, and names one that worked."


class LedgerProofs:
    """What the trail says of itself and of the runs that Dagster knows."""

    def __init__(self, clients: ProofClients, scanner: TrailScanner) -> None:
        self._clients, self._scanner = clients, scanner

    def checks(self) -> Iterator[Check]:
        yield Check("ledger: the chain is intact, up to every published head", self._chain)
        yield Check("ledger: no entry can be deleted before its time", self._locked)
        yield Check("ledger: every finished run has its entries", self._runs)
        yield Check("ledger: steps that never ended are known", self._unfinished)
        yield Check("ledger: every decision counts", self._decisions)

    async def _chain(self) -> Found:
        found = (await self._scanner.look()).verification
        head = f"head {found.head.seq} is {found.head.hash[:12]}" if found.head else "no entry yet"
        return listed(
            (f"entry {fault.seq}: {fault.problem}" for fault in found.faults),
            f"{found.checked} entries, {head}, {found.heads} published heads compared",
        )

    async def _locked(self) -> Found:
        """By the bucket's settings, which hold for entries to come, and by each entry's own lock."""
        found = (await self._scanner.look()).verification
        weak = await asyncio.to_thread(self._clients.weaknesses)
        days = self._clients.config.audit_retention_days
        good = f"versioning, lock, lifecycle and policy are the lab's; {found.checked} entries locked for {days} days"
        passed, evidence = listed([*weak, *(fault.problem for fault in found.exposed)], good)
        return passed, evidence if passed else f"{evidence}. {REMEDY}"

    async def _runs(self) -> Found:
        runs = [run for run in await self._clients.dagster.runs(_RUNS, steps=True) if is_training(run.job)]
        finished = [run for run in runs if run.status.finished]
        gaps = await self._gaps(finished, (await self._scanner.look()).steps)
        if gaps:
            # A run may have ended after the scan: what lacks in a trail that was read after it is lacking.
            gaps = await self._gaps(finished, (await asyncio.to_thread(_read, self._clients))[1].steps)
        succeeded = sum(run.status is RunStatus.SUCCESS for run in finished)
        good = f"{len(finished)} finished runs, {succeeded} of them successful"
        passed, evidence = listed(gaps, good)
        return passed, evidence if passed or _BROKE_OFF not in "".join(gaps) else f"{evidence}. {_CLOSE}"

    async def _gaps(self, finished: Sequence[Run], steps: Mapping[str, set[tuple[str, Status]]]) -> list[str]:
        found = [await self._gap(run, step, steps.get(run.run_id, set())) for run in finished for step in run.steps]
        return [gap for gap in found if gap]

    async def _gap(self, run: Run, step: Step, seen: set[tuple[str, Status]]) -> str:
        """What the trail lacks of one step; empty when nothing is missing."""
        if step.status == "SUCCESS":
            lacking = [one for one in (Status.STARTED, Status.SUCCESS) if (step.name, one) not in seen]
            return f"run {run.run_id[:8]} has no {' and no '.join(lacking)} of {step.name}" if lacking else ""
        if step not in unrecorded(run, {action for action, _ in seen}):
            return ""
        # A step that couldn't be audited doesn't run: that is the rule, not a gap.
        reason = await self._clients.dagster.failure(run.run_id)
        ended = "failed" if step.status == "FAILURE" else "was killed"
        return "" if _UNAUDITABLE in reason else f"run {run.run_id[:8]} has {_BROKE_OFF} {step.name}, which {ended}"

    async def _unfinished(self) -> Found:
        found = (await self._scanner.look()).verification.unfinished
        names = [f"entry {one.seq}: {one.action} of run {one.run_id[:8] or '–'} since {one.time}" for one in found]
        return True, "; ".join(names) or "none"

    async def _decisions(self) -> Found:
        found = await self._scanner.look()
        decisions = sum(len(record.decisions) for record in found.history.every)
        doubts = [f"entry {one.seq}: {one.problem}" for one in found.history.doubts]
        good = f"{decisions} decisions on {len(found.history.every)} versions, by whom they say"
        return listed(
            (f"entry {one.seq}: {one.problem}" for one in found.history.uncounted), "; ".join([good, *doubts[:3]])
        )


_OF_TAGS = (Kind.TAG, Kind.UNAUDITED, Kind.REPLACED)


class RegistryProofs:
    """Tags and aliases against the trail."""

    def __init__(self, scanner: TrailScanner) -> None:
        self._scanner = scanner

    def checks(self) -> Iterator[Check]:
        yield Check("registry: governance tags are complete", self._complete)
        yield Check("registry: tags are those of the audit trail", self._tags)
        yield Check("registry: deployment_blocked follows the truth", self._blocked)
        yield Check("reconcile: nothing was changed behind the lab's back", self._reconciled)

    async def _complete(self) -> Found:
        versions = (await self._scanner.look()).versions
        poor = [f"{one.name} {one.version} lacks {', '.join(one.missing_tags)}" for one in versions if one.missing_tags]
        return listed(poor, f"{len(versions)} versions")

    async def _tags(self) -> Found:
        found = [one for one in await self._findings(_OF_TAGS) if one.subject != BLOCKED]
        return listed(found, "every tag that governance knows")

    async def _blocked(self) -> Found:
        found = [one for one in await self._findings((Kind.TAG,)) if one.subject == BLOCKED]
        versions = (await self._scanner.look()).versions
        free = [f"{one.name} {one.version}" for one in versions if one.tags.get(BLOCKED) == "false"]
        return listed(found, f"deployable: {', '.join(free) or 'none'} of {len(versions)} versions")

    async def _reconciled(self) -> Found:
        history = (await self._scanner.look()).history
        held = sorted(history.holders.items())
        aliases = ", ".join(f"{alias} on version {key.number} of {model}" for (model, alias), key in held)
        return listed(
            await self._findings(tuple(Kind)),
            f"{len(history.every)} audited versions; {aliases or 'no alias'}",
        )

    async def _findings(self, kinds: Collection[Kind]) -> list[Finding]:
        return [one for one in (await self._scanner.look()).findings if one.kind in kinds]
