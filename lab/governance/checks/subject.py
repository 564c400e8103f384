"""The runs and the version that the guardrails are tried on. Their owner is nobody's name, and they are put away."""

import asyncio
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from lab.base.dataset import DatasetRef, hash_file, read_rows
from lab.base.errors import LabError, RunFailed
from lab.base.model_versions import ApprovalState
from lab.base.progress import pause_s
from lab.base.runs import Run, RunStatus
from lab.governance.cases.approve import Approver, Outcome, Tools
from lab.governance.cases.model_smoke_test import SmokeTest
from lab.governance.cases.orphans import Closer
from lab.governance.cases.signing import Signing
from lab.governance.cases.trail import TrailReader
from lab.governance.checks.proof_clients import ProofClients
from lab.governance.ledger import Entry, Status, find_head
from lab.governance.ledger.writer import entries_of_run
from lab.governance.rules.approval_states import PROBE
from lab.governance.rules.history import Record
from lab.governance.rules.policy import Action, Actor, Environment, Role
from lab.models.drift_simulation import worse_times
from lab.models.model_folder import Model, models_in

RUN_TAG, VERSION_TAG = "lab/probe", "probe"
RUN_DEADLINE_S = 120.0
# How long a run may take to end that was asked to.
_STOPPING_S = 30.0


@dataclass(frozen=True)
class Launched:
    """A run that ended, and its audit entries, oldest first."""

    run: Run
    entries: tuple[Entry, ...]

    @property
    def seen(self) -> list[tuple[str, Status]]:
        return [(entry.action, entry.status) for entry in self.entries]


class Probe:
    """Launches runs as somebody who may, or may not. One version at most is trained, when it is first asked for."""

    def __init__(self, clients: ProofClients) -> None:
        self._clients, self._lock = clients, asyncio.Lock()
        self._trained: Launched | None = None
        self._known: int | None = None
        # Launches whose run isn't known to be over; one that was asked for starts a run, whoever waits for the answer.
        self._under_way: set[asyncio.Task[str]] = set()
        # Nobody's keys: the attempts must never sign with those of whoever verifies.
        self._home = tempfile.TemporaryDirectory(prefix="lab-probe-")

    @property
    def left(self) -> bool:
        """Whether a version may have been made that isn't put away."""
        return self._trained is not None

    @property
    def clients(self) -> ProofClients:
        """The lab's services."""
        return self._clients

    @cached_property
    def model(self) -> Model:
        """What is trained: the default model, else the first one. Raises SettingsError, UsageError."""
        found = models_in(self._clients.config.pipelines)
        return found.default or (found.sound[0] if found.sound else found.find())

    @property
    def home(self) -> Path:
        """An empty folder for throw-away keys."""
        return Path(self._home.name)

    async def admitted(self, role: Role, environment: Environment) -> Launched:
        """A run of `role` in `environment` that has nothing to ingest: let in by the guard, it ends just there."""
        nothing = f"s3://{self._clients.config.data_bucket}/probes/nothing.csv"
        return await self._launched(Actor(PROBE, role, environment), nothing)

    async def trained(self) -> Launched:
        """A run that may, on data that drifted; with the version that it registered, if it did."""
        async with self._lock:
            if self._trained is None:
                data = await asyncio.to_thread(self._drifted_data)
                self._trained = await self._launched(self.actor(), data)
                if version := _version(self._trained):
                    await self._clients.mlflow.set_version_tag(self.model.contract.name, version, VERSION_TAG, PROBE)
            return self._trained

    def actor(self) -> Actor:
        """Somebody who may run here: the lab's own actor's role, or the first that may."""
        config = self._clients.config
        environment = config.actor.environment
        for role in (config.actor.role, *Role):
            actor = Actor(PROBE, role, environment)
            if config.policy.decide(actor, Action.RUN).allowed:
                return actor
        raise LabError(f"The policy lets nobody run in {environment}.", "Look at POLICY_PATH.")

    async def version(self) -> str:
        """The version to try things on. Raises LabError when there is none."""
        launched = await self.trained()
        if not (version := _version(launched)):
            raise RunFailed(f"Run {launched.run.run_id} registered no version to try this on.", "Type `invoke status`.")
        return version

    async def act(
        self, action: Action, model: str, version: str, actor: Actor, signing: Signing | None = None
    ) -> Outcome:
        """A real attempt to act on a version of a model, by default without any key."""
        clients = self._clients
        config = replace(clients.config, actor=actor, signing_key=None)
        # The costly gates come last: nothing that must be refused gets there.
        tools = Tools(clients.mlflow, clients.trail, lambda _: "", lambda *_: SmokeTest(False, "not tried"))
        attempt = Approver(config, signing or Signing(home=self.home), tools)
        return await attempt.act(action, model, version, f"{PROBE} tries whether this is refused")

    async def put_away(self) -> list[str]:
        """Archives every probe's version that isn't yet, also those that a killed verification left; their numbers."""
        history = (await asyncio.to_thread(TrailReader(self._clients.config, self._clients.trail).read)).history
        left = [
            record for record in history.every if record.owner == PROBE and record.state is not ApprovalState.ARCHIVED
        ]
        for record in left:
            outcome = await self._archive(record)
            if not outcome.succeeded:
                closed = [f"{gate.name}: {gate.detail}" for gate in outcome.gates if not gate.passed]
                raise LabError(
                    f"Version {record.name} of {record.model}, a probe's, can't be archived: {'; '.join(closed)}.",
                    "Mend that, then type `invoke verify-governance` again: it puts them away.",
                )
        self._trained = None
        return [record.name for record in left]

    async def _archive(self, record: Record) -> Outcome:
        policy = self._clients.config.policy
        for role in Role:
            actor = Actor(PROBE, role, Environment.STAGING)
            if policy.decide(actor, Action.ARCHIVE).allowed:
                return await self.act(Action.ARCHIVE, record.model, record.name, actor)
        raise LabError("The policy lets nobody archive a version in staging.", "Look at POLICY_PATH.")

    async def end_runs(self) -> None:
        """Ends the runs that nobody waits for any more; those that this interrupts get their end on record, too."""
        launches, self._under_way = self._under_way, set()
        run_ids = [one for one in await asyncio.gather(*launches, return_exceptions=True) if isinstance(one, str)]
        stopped = await asyncio.gather(*map(self._stopped, run_ids), return_exceptions=True)
        over = tuple(one for one in stopped if isinstance(one, str))
        if over:
            await Closer(self._clients.config, self._clients.dagster, self._clients.trail).close(over)

    def close(self) -> None:
        """Removes the folder of throw-away keys."""
        self._home.cleanup()

    async def _launched(self, actor: Actor, data: str) -> Launched:
        before = await asyncio.to_thread(self._before)
        launch = asyncio.create_task(self._clients.dagster.launch(actor, self.model.id, PROBE, data, {RUN_TAG: PROBE}))
        self._under_way.add(launch)
        run_id = await asyncio.shield(launch)
        run = await self._ended(run_id, RUN_DEADLINE_S)
        self._under_way.discard(launch)
        prefix = self._clients.config.audit_prefix
        return Launched(run, await asyncio.to_thread(entries_of_run, self._clients.stored(), prefix, run_id, before))

    def _before(self) -> int:
        """The number of the trail's last entry before the first launch."""
        if self._known is None:
            self._known = find_head(self._clients.trail, self._clients.config.audit_prefix)
        return self._known

    async def _stopped(self, run_id: str) -> str:
        """Ends a run; its id."""
        # It may have ended just now.
        with suppress(RunFailed):
            await self._clients.dagster.terminate(run_id)
        await self._ended(run_id, _STOPPING_S)
        return run_id

    async def _ended(self, run_id: str, deadline_s: float) -> Run:
        """Raises RunFailed when it isn't over in time."""
        began = time.monotonic()
        # Its steps are asked for at the end only: Dagster reads every event of the run for them.
        while not (status := await self._clients.dagster.run_status(run_id)).finished:
            if (waited_s := time.monotonic() - began) > deadline_s:
                raise RunFailed(
                    f"Run {run_id} is still {status} after {deadline_s:.0f} s.", "Type `invoke logs dagster-daemon`."
                )
            await asyncio.sleep(pause_s(waited_s))
        return await self._clients.dagster.run(run_id)

    def _drifted_data(self) -> str:
        """Where a data set lies that drifted from the baseline; it never becomes the current one."""
        bucket, s3 = self._clients.config.data_bucket, self._clients.pipeline
        baseline = DatasetRef.from_json(s3.get(bucket, self.model.id.baseline_key))
        path = self.home / "drifted.csv"
        path.write_bytes(worse_times(read_rows(s3.lines(bucket, baseline.key)), self.model.contract))
        ref = DatasetRef(hash_file(path), 0, PROBE)
        if not s3.exists(bucket, ref.key):
            s3.upload(bucket, ref.key, path)
        return f"s3://{bucket}/{ref.key}"


def _version(launched: Launched) -> str:
    if launched.run.status is not RunStatus.SUCCESS:
        return ""
    return next((entry.model_version for entry in reversed(launched.entries) if entry.model_version), "")
