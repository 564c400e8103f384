"""The proofs that compare: each passes on a governed lab, and fails for its own fault only."""

from collections.abc import Callable
from contextlib import ExitStack, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lab.base.errors import SignatureInvalid
from lab.base.model_versions import ApprovalState
from lab.base.runs import INGEST, JOB, Run, RunStatus, Step
from lab.governance.cases.signing import Signing
from lab.governance.checks import approval_proofs
from lab.governance.checks.approval_proofs import ApprovalProofs
from lab.governance.checks.policy_proofs import PolicyProofs
from lab.governance.checks.proof_clients import ProofClients
from lab.governance.checks.sandbox import approval_entry
from lab.governance.checks.subject import Launched, Probe
from lab.governance.checks.trail_proofs import LedgerProofs, RegistryProofs, TrailScanner
from lab.governance.ledger import Entry, Status
from lab.governance.ledger.retention import Weakness
from lab.governance.rules.approval_states import PROBE, must_be_signed
from lab.governance.rules.policy import Action, Actor, Environment, Role
from lab.services.s3 import S3
from tests.support.contracts import MODEL_NAME
from tests.support.governed_lab import OFFICER, GovernedLab, closed

CHAIN = "ledger: the chain is intact, up to every published head"
RUNS = "ledger: every finished run has its entries"
UNFINISHED = "ledger: steps that never ended are known"
DECISIONS = "ledger: every decision counts"
COMPLETE = "registry: governance tags are complete"
TAGS = "registry: tags are those of the audit trail"
BLOCKED = "registry: deployment_blocked follows the truth"
RECONCILED = "reconcile: nothing was changed behind the lab's back"


class Dagster:
    """The runs that Dagster knows, and why they failed."""

    def __init__(self) -> None:
        self.known: list[Run] = []
        self.reason = ""

    async def runs(self, limit: int, steps: bool) -> list[Run]:
        assert steps
        return self.known[:limit]

    async def failure(self, run_id: str) -> str:
        return self.reason


class Room:
    """A governed lab that can be examined."""

    def __init__(self, governed: GovernedLab) -> None:
        self.governed, self.dagster = governed, Dagster()
        self.clients: ProofClients = Examined(
            governed.config,
            self.dagster,
            governed.registry.client(),
            NOWHERE,
            NOWHERE,
            NOWHERE,
            governed.store,  # type: ignore[arg-type]
        )

    async def proofs(self) -> dict[str, tuple[bool, str]]:
        scanner = TrailScanner(self.clients)
        checks = [*LedgerProofs(self.clients, scanner).checks(), *RegistryProofs(scanner).checks()]
        settled = [await check.settle() for check in checks]
        return {proof.name: (proof.passed, proof.evidence) for proof in settled}

    async def failed(self) -> set[str]:
        return {name for name, (passed, _) in (await self.proofs()).items() if not passed}


class Examined(ProofClients):
    """Clients whose store is the governed lab's."""

    def stored(self) -> Any:
        return self.trail

    def weaknesses(self) -> tuple[Weakness, ...]:
        return ()


NOWHERE = S3(None)  # type: ignore[arg-type]


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return Room(GovernedLab(tmp_path).staffed())


def run(status: RunStatus, *steps: Step, run_id: str = "r1", job: str = JOB) -> Run:
    return Run(run_id, job, status, 1.0, 2.0, 3.0, steps=steps)


async def test_a_governed_lab_passes_at_every_stage(room: Room) -> None:
    await room.governed.promoted(room.governed.train())
    room.governed.train()
    found = await room.proofs()
    assert {name for name, (passed, _) in found.items() if not passed} == set()
    assert found[DECISIONS][1].startswith("4 decisions on 2 versions")
    assert found[BLOCKED][1] == "deployable: CreditRiskModel 1 of 2 versions"
    assert "champion on version 1" in found[RECONCILED][1]


def wrong_tag(governed: GovernedLab) -> None:
    governed.registry.tags["1"]["data_hash"] = "e" * 64


def lacking_tag(governed: GovernedLab) -> None:
    del governed.registry.tags["1"]["role"]


def deployable(governed: GovernedLab) -> None:
    governed.registry.tags["1"]["deployment_blocked"] = "false"


def moved_alias(governed: GovernedLab) -> None:
    governed.registry.aliases["champion"] = "1"


def removed_entry(governed: GovernedLab) -> None:
    objects = governed.store.objects
    del objects[next(key for key in sorted(objects) if b'"action":"note"' in objects[key])]


def self_approved(governed: GovernedLab) -> None:
    record = governed.record("1")
    owner = Actor(record.owner, Role.RISK_OFFICER, Environment.STAGING)
    governed.ledger.append(approval_entry(governed.config, record, owner))
    governed.registry.tags["1"] |= {"approval_state": "approved_staging", "deployment_blocked": "false"}


@pytest.mark.parametrize(
    ("plant", "lines"),
    [
        (wrong_tag, {TAGS, RECONCILED}),
        (lacking_tag, {COMPLETE, TAGS, RECONCILED}),
        (deployable, {BLOCKED, RECONCILED}),
        (moved_alias, {RECONCILED}),
        (removed_entry, {CHAIN}),
        (self_approved, {DECISIONS, TAGS, BLOCKED, RECONCILED}),
    ],
)
async def test_a_planted_fault_fails_exactly_its_lines(
    room: Room, plant: Callable[[GovernedLab], None], lines: set[str]
) -> None:
    # An entry that no version hangs on: its loss breaks the chain and nothing else.
    room.governed.append("note", Status.SUCCESS)
    room.governed.train()
    plant(room.governed)
    assert await room.failed() == lines


async def test_a_tail_that_was_cut_shows_by_the_version_that_it_registered(room: Room) -> None:
    room.governed.train()
    for key in sorted(room.governed.store.objects)[-2:]:
        del room.governed.store.objects[key]
    assert await room.failed() == {TAGS, RECONCILED}


@pytest.mark.parametrize("seq", ["9" * 4500, "99999", "1", "x"], ids=["endless", "beyond", "another's", "none"])
@pytest.mark.parametrize("kind", ["audit", "decision"])
async def test_a_false_tag_is_the_registrys_and_never_the_trails_fault(room: Room, kind: str, seq: str) -> None:
    version = room.governed.train()
    room.governed.registry.tags[version] |= {f"{kind}_seq": seq, f"{kind}_hash": "f" * 64}
    assert await room.failed() == {TAGS, RECONCILED}
    outcome = await room.governed.act(Action.APPROVE, version)
    assert set(closed(outcome)) == {"registry"}


@pytest.mark.parametrize(
    ("entries", "steps", "reason", "gap"),
    [
        ([Status.STARTED, Status.SUCCESS], [Step(INGEST, "SUCCESS")], "", ""),
        ([Status.STARTED], [Step(INGEST, "SUCCESS")], "", "has no success of ingest_data"),
        ([], [Step(INGEST, "SUCCESS")], "", "has no started and no success of ingest_data"),
        ([Status.BLOCKED], [Step(INGEST, "FAILURE")], "", ""),
        ([], [Step(INGEST, "FAILURE")], "KeyError", "has no entry of ingest_data, which failed"),
        ([], [Step(INGEST, "FAILURE")], "Interrupted", "`mlops-lab audit close` puts on record"),
        ([], [Step(INGEST, "IN_PROGRESS")], "", "has no entry of ingest_data, which was killed"),
        ([Status.STARTED], [Step(INGEST, "IN_PROGRESS")], "", ""),
        ([], [Step(INGEST, "FAILURE")], "it doesn't run, because the audit trail can't be written: x", ""),
        ([], [Step(INGEST, "SKIPPED")], "", ""),
    ],
)
async def test_a_finished_step_must_be_in_the_trail(
    room: Room, entries: list[Status], steps: list[Step], reason: str, gap: str
) -> None:
    for status in entries:
        room.governed.append(INGEST, status, run_id="r1")
    room.dagster.known, room.dagster.reason = [run(RunStatus.FAILURE, *steps)], reason
    passed, evidence = (await room.proofs())[RUNS]
    assert passed is not bool(gap)
    assert gap in evidence


async def test_runs_of_other_jobs_and_those_that_go_on_are_nobodys_business(room: Room) -> None:
    step = Step(INGEST, "SUCCESS")
    room.dagster.known = [run(RunStatus.STARTED, step), run(RunStatus.SUCCESS, step, job="another")]
    assert (await room.proofs())[RUNS] == (True, "0 finished runs, 0 of them successful")


async def test_an_unfinished_step_is_named_and_is_no_fault(room: Room) -> None:
    room.governed.append("train_model", Status.STARTED, run_id="abcdefgh-1")
    passed, evidence = (await room.proofs())[UNFINISHED]
    assert passed
    assert "train_model of run abcdefgh" in evidence


async def test_a_decision_in_progress_is_no_finding(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    version = room.governed.train()
    room.governed.registry.broken = True
    with pytest.raises(Exception, match="doesn't show it yet"):
        await room.governed.act(Action.APPROVE, version)
    room.governed.registry.broken = False
    assert RECONCILED in await room.failed()
    # The same, but the registry follows between the two looks.
    import lab.governance.checks.trail_proofs as survey

    once = survey.read_registry

    async def late(mlflow: Any) -> Any:
        found = await once(mlflow)
        from lab.governance.cases.reconcile import correct_registry

        await correct_registry(mlflow, room.governed.history(), room.governed.record(version))
        return found

    monkeypatch.setattr(survey, "read_registry", late)
    assert await room.failed() == set()


async def test_what_a_verification_forges_on_its_own_version_is_expected(room: Room) -> None:
    version = room.governed.train(owner=PROBE)
    record = room.governed.record(version)
    room.governed.ledger.append(
        approval_entry(room.governed.config, record, Actor("x", Role.RISK_OFFICER, Environment.STAGING))
    )
    assert await room.failed() == set()


async def test_a_probe_is_archived_without_a_key_and_nobody_elses_version_is(room: Room, tmp_path: Path) -> None:
    governed = room.governed
    own, other = governed.train(owner=PROBE), governed.train()
    governed.config = replace(governed.config, actor=Actor(PROBE, Role.ML_ENGINEER, Environment.STAGING))
    nobody = Signing(home=tmp_path / "empty")
    assert "no SSH key" in closed(await governed.act(Action.ARCHIVE, other, signing=nobody))["identity"]
    assert "no SSH key" in closed(await governed.act(Action.APPROVE, own, signing=nobody))["identity"]
    assert (await governed.act(Action.ARCHIVE, own, signing=nobody)).succeeded
    history = governed.history()
    assert history.records[MODEL_NAME, own].state is ApprovalState.ARCHIVED
    assert history.records[MODEL_NAME, other].state is ApprovalState.PENDING_STAGING
    assert history.ignored == ()


def test_only_archiving_a_probe_goes_unsigned(tmp_path: Path) -> None:
    policy = GovernedLab(tmp_path).config.policy
    free = [
        (action, owner)
        for action in Action
        for owner in (PROBE, "dora")
        if not must_be_signed(policy, action, Environment.PROD, owner)
    ]
    assert free == [(Action.ARCHIVE, PROBE)]


async def test_an_action_on_one_version_hides_nothing_that_was_done_to_others(room: Room) -> None:
    governed = room.governed
    champion, other = governed.train(), governed.train()
    await governed.promoted(champion)
    governed.registry.aliases["champion"] = other
    assert (await governed.act(Action.REJECT, governed.train(), OFFICER)).succeeded
    assert governed.registry.aliases["champion"] == other
    assert await room.failed() == {RECONCILED}


class Ended(Probe):
    """A probe whose runs ended as told."""

    def __init__(self, clients: ProofClients, ends: dict[Role, list[Status]]) -> None:
        super().__init__(clients)
        self._ends = ends

    async def admitted(self, role: Role, environment: Environment) -> Launched:
        statuses = self._ends.get(role, [Status.BLOCKED])
        entries = [Entry(INGEST, status, PROBE, role, environment, "2026-11-23T00:00:00Z") for status in statuses]
        return Launched(run(RunStatus.FAILURE), tuple(entries))


LET_IN = [Status.STARTED, Status.FAILURE]


@pytest.mark.parametrize(
    ("ends", "passed", "evidence"),
    [
        ({Role.ML_ENGINEER: LET_IN}, True, "ml-engineer in prod was let in"),
        ({}, False, "ml-engineer in prod was blocked, and should have been let in"),
        ({Role.ML_ENGINEER: LET_IN, Role.ANALYST: LET_IN}, False, "analyst in prod was let in, and should have been"),
        ({Role.ML_ENGINEER: LET_IN, Role.DATA_SCIENTIST: []}, False, "the trail says: nothing"),
    ],
)
async def test_real_runs_must_meet_the_policys_decision(
    room: Room, ends: dict[Role, list[Status]], passed: bool, evidence: str
) -> None:
    probe = Ended(room.clients, ends)
    try:
        checks = {check.name: check for check in PolicyProofs(room.clients, probe).checks()}
        proof = await checks["policy: real runs are let in or blocked before ingest"].settle()
    finally:
        probe.close()
    assert proof.passed is passed
    assert evidence in proof.evidence


async def test_a_run_that_ends_between_the_scan_and_the_question_has_its_entries(room: Room) -> None:
    scanner = TrailScanner(room.clients)
    await scanner.look()
    for status in (Status.STARTED, Status.SUCCESS):
        room.governed.append(INGEST, status, run_id="r1")
    room.dagster.known = [run(RunStatus.SUCCESS, Step(INGEST, "SUCCESS"))]
    checks = {check.name: check for check in LedgerProofs(room.clients, scanner).checks()}
    assert (await checks[RUNS].settle()).evidence == "1 finished runs, 1 of them successful"


async def test_people_who_cannot_be_given_keys_are_named_as_the_reason_each_time(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second try would meet the first one's half-made trail, and tell of somebody who cut it."""
    reasons = iter(["ssh-keygen isn't installed.", "The audit trail can't be trusted."])

    async def set_up(*_: object) -> None:
        raise SignatureInvalid(next(reasons), "Install OpenSSH's client.")

    monkeypatch.setattr(approval_proofs, "temporary_bucket", lambda *_: nullcontext(room.governed.config))
    monkeypatch.setattr(approval_proofs.Sandbox, "set_up", set_up)
    probe = Known(room.clients)
    try:
        checks = {check.name: check for check in ApprovalProofs(room.clients, probe, ExitStack()).checks()}
        names = ("approval: nobody approves their own version", "promotion: the wrong role is refused")
        found = [await checks[name].settle() for name in names]
    finally:
        probe.close()
    assert [(proof.passed, "ssh-keygen" in proof.evidence) for proof in found] == [(False, True)] * 2


class Known(Probe):
    """A probe that has a version already."""

    async def version(self) -> str:
        return "1"

    async def trained(self) -> Launched:
        return Launched(run(RunStatus.SUCCESS), ())
