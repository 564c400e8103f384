"""No entry, no step; every step that began has an end; what policy refuses leaves a trace."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from lab.base.errors import LedgerError, ServiceUnavailable
from lab.governance.ledger import Entry, Status, verify
from lab.governance.ledger.writer import Ledger
from lab.governance.rules.callers import Caller
from lab.governance.rules.policy import Claim
from lab.training.guard import Guard, Rules

PREFIX = "audit/"
POLICY = Path(__file__).resolve().parents[2] / "stack" / "governance" / "policy.yaml"
NO_KEYS = Path("/nonexistent")
RULES = Rules(POLICY, NO_KEYS, "data-scientist,ml-engineer", "ml-engineer")


class Trail:
    """The writer over any store, as a guard's collaborator."""

    def __init__(self, entries: Any, journal: Path | None = None) -> None:
        self.ledger = Ledger(entries, PREFIX, journal)
        self.warnings: list[str] = []

    def guard(
        self, role: str = "ml-engineer", environment: str = "dev", owner: str = "ann", rules: Rules = RULES
    ) -> Guard:
        claim = Claim(owner, role, environment)
        return Guard(
            self.ledger, rules, claim, "run-1", "abc", self.warnings.append, lambda: "2026-01-01T00:00:00.000Z"
        )


@pytest.fixture
def audit(trail: Any) -> Trail:
    return Trail(trail)


def statuses(trail: Any) -> list[tuple[str, Status]]:
    return [(entry.action, entry.status) for entry in trail.entries]


def test_a_step_has_a_beginning_and_an_end(audit: Trail, trail: Any) -> None:
    with audit.guard().step("ingest_data") as record:
        record.note(rows=3)
    assert statuses(trail) == [("ingest_data", Status.STARTED), ("ingest_data", Status.SUCCESS)]
    last = trail.entries[-1]
    assert (last.run_id, last.owner, last.role, last.environment) == ("run-1", "ann", "ml-engineer", "dev")
    assert (last.details, last.code_version, last.policy_hash) == ({"rows": 3}, "abc", RULES.hash(RULES.policy()))


def test_the_trail_of_a_step_verifies(audit: Trail, trail: Any) -> None:
    with audit.guard().step("ingest_data"):
        pass
    verification = verify(sorted(trail.bodies.items()))
    assert verification.intact
    assert verification.unfinished == ()


def test_the_beginning_is_written_before_the_work(audit: Trail, trail: Any) -> None:
    with audit.guard().step("ingest_data"):
        assert statuses(trail) == [("ingest_data", Status.STARTED)]


@pytest.mark.parametrize(
    ("role", "environment"), [("analyst", "staging"), ("analyst", "prod"), ("data-scientist", "prod")]
)
def test_a_role_without_permission_is_blocked_before_the_work(
    role: str, environment: str, audit: Trail, trail: Any
) -> None:
    with pytest.raises(dg.Failure) as refusal, audit.guard(role, environment).step("ingest_data"):
        pytest.fail("the step ran")
    assert statuses(trail) == [("ingest_data", Status.BLOCKED)]
    assert refusal.value.allow_retries is False
    assert f"ann as {role} may not run in {environment}" in str(refusal.value.description)
    assert "may not run" in trail.entries[0].details["reason"]


@pytest.mark.parametrize(
    ("role", "environment", "owner", "named"),
    [
        ("ml-engineer", "production", "ann", "production"),
        ("ml-engineer", "", "ann", "ENVIRONMENT"),
        ("root", "dev", "ann", "root"),
        ("ml-engineer", "dev", "  ", "RUN_OWNER"),
    ],
)
def test_what_is_not_known_is_blocked_with_the_claim_as_it_was(
    role: str, environment: str, owner: str, named: str, audit: Trail, trail: Any
) -> None:
    with pytest.raises(dg.Failure, match=named), audit.guard(role, environment, owner).step("ingest_data"):
        pytest.fail("the step ran")
    (entry,) = trail.entries
    assert (entry.status, entry.role, entry.environment, entry.owner) == (Status.BLOCKED, role, environment, owner)


def test_an_unreadable_policy_blocks(audit: Trail, trail: Any) -> None:
    guard = audit.guard(rules=replace(RULES, staging_roles="ml-enginer"))
    with pytest.raises(dg.Failure, match="ALLOWED_STAGING_ROLES"), guard.step("ingest_data"):
        pytest.fail("the step ran")
    assert trail.entries[0].policy_hash == ""


@pytest.mark.parametrize("text", ["", "version: 2\n", "rules: [\n"])
def test_a_policy_file_that_says_nothing_blocks(text: str, audit: Trail, trail: Any, tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(text)
    with pytest.raises(dg.Failure, match=str(path)), audit.guard(rules=replace(RULES, path=path)).step("ingest_data"):
        pytest.fail("the step ran")
    (entry,) = trail.entries
    assert (entry.status, entry.policy_hash) == (Status.BLOCKED, "")


def test_each_step_is_decided_by_the_policy_of_its_time(audit: Trail, trail: Any, tmp_path: Path) -> None:
    rules = replace(RULES, path=tmp_path / "policy.yaml", folder=tmp_path)
    rules.path.write_text(POLICY.read_text())
    with audit.guard(rules=rules).step("ingest_data"):
        rules.path.write_text(
            POLICY.read_text().replace("ml-engineer, risk-officer, platform-admin]", "platform-admin]")
        )
    with pytest.raises(dg.Failure, match="may not run"), audit.guard(rules=rules).step("validate_data"):
        pytest.fail("the step ran")
    began, ended, blocked = trail.entries
    assert began.policy_hash == ended.policy_hash != blocked.policy_hash


def test_new_known_keys_show_in_the_next_step(audit: Trail, trail: Any, tmp_path: Path) -> None:
    rules = replace(RULES, folder=tmp_path)
    with audit.guard(rules=rules).step("ingest_data"):
        pass
    (tmp_path / "allowed_signers").write_text("alice ssh-ed25519 AAAA\n")
    with audit.guard(rules=rules).step("validate_data"):
        pass
    assert len({entry.policy_hash for entry in trail.entries}) == 2


def test_a_step_does_not_run_when_its_beginning_cannot_be_written(audit: Trail, trail: Any) -> None:
    trail.down = True
    with pytest.raises(dg.Failure, match="audit trail can't be written") as refusal, audit.guard().step("ingest_data"):
        pytest.fail("the step ran")
    assert refusal.value.allow_retries is False
    assert trail.bodies == {}


def test_a_refusal_stands_when_it_cannot_be_written(audit: Trail, trail: Any) -> None:
    trail.down = True
    with pytest.raises(dg.Failure, match="may not run"), audit.guard("analyst", "prod").step("ingest_data"):
        pytest.fail("the step ran")
    assert any("could not be written" in warning for warning in audit.warnings)


@pytest.mark.parametrize("error", [KeyError("x"), KeyboardInterrupt(), GeneratorExit()])
def test_every_failure_has_an_entry_and_passes_on(error: BaseException, audit: Trail, trail: Any) -> None:
    def work() -> None:
        with audit.guard().step("train_model"):
            raise error

    with pytest.raises(type(error)):
        work()
    assert statuses(trail)[-1] == ("train_model", Status.FAILURE)
    assert type(error).__name__ in trail.entries[-1].details["reason"]


def test_an_expected_failure_reads_well_and_is_not_retried(audit: Trail, trail: Any) -> None:
    def work() -> None:
        with audit.guard().step("train_model"):
            raise ServiceUnavailable("MLflow doesn't answer.", "Type `invoke status`.")

    with pytest.raises(dg.Failure) as failure:
        work()
    assert failure.value.description == "MLflow doesn't answer. Type `invoke status`."
    assert failure.value.allow_retries is False
    assert trail.entries[-1].details["reason"] == failure.value.description


def test_details_noted_before_a_failure_are_kept(audit: Trail, trail: Any) -> None:
    def work() -> None:
        with audit.guard().step("validate_data") as record:
            record.note(rows=7)
            raise dg.Failure("broken rules")

    with pytest.raises(dg.Failure):
        work()
    assert trail.entries[-1].details == {"rows": 7, "reason": "broken rules"}


def test_an_end_that_cannot_be_written_waits_in_the_journal(tmp_path: Path, trail: Any) -> None:
    audit = Trail(trail, tmp_path)
    with audit.guard().step("ingest_data"):
        trail.down = True
    assert audit.ledger.waiting() == 1
    assert "local journal" in audit.warnings[0]
    trail.down = False
    with audit.guard().step("validate_data"):
        pass
    assert [status for _, status in statuses(trail)] == [Status.STARTED, Status.SUCCESS, Status.STARTED, Status.SUCCESS]
    assert statuses(trail)[1][0] == "ingest_data"


def test_an_end_that_can_be_kept_nowhere_fails_the_step(audit: Trail, trail: Any) -> None:
    def work() -> None:
        with audit.guard().step("ingest_data"):
            trail.down = True

    with pytest.raises(dg.Failure, match="was done, but the audit trail can't be written"):
        work()


def test_a_failure_stays_what_it_was_when_its_end_cannot_be_written(audit: Trail, trail: Any) -> None:
    def work() -> None:
        with audit.guard().step("ingest_data"):
            trail.down = True
            raise dg.Failure("no such file")

    with pytest.raises(dg.Failure, match="no such file"):
        work()
    assert audit.warnings


def test_an_entry_of_its_own_stands_between_beginning_and_end(audit: Trail, trail: Any) -> None:
    with audit.guard().step("register_with_governance") as record:
        sealed = record.append("register_model", Status.REQUESTED, data_hash="d")
        record.model_version = "4"
    assert sealed == trail.entries[1]
    assert [status for _, status in statuses(trail)] == [Status.STARTED, Status.REQUESTED, Status.SUCCESS]
    assert [entry.model_version for entry in trail.entries] == ["", "", "4"]


def test_an_interruption_while_beginning_has_an_end() -> None:
    written: list[Entry] = []

    class Interrupted:
        def append(self, entry: Entry) -> Entry:
            written.append(entry)
            raise KeyboardInterrupt

        def append_or_keep(self, entry: Entry) -> Entry | None:
            written.append(entry)
            return entry

    guard = Guard(Interrupted(), RULES, Claim("ann", "ml-engineer", "dev"), "run-1")
    with pytest.raises(KeyboardInterrupt), guard.step("ingest_data"):
        pytest.fail("the step ran")
    assert [entry.status for entry in written] == [Status.STARTED, Status.FAILURE]


def test_a_reason_that_is_no_unicode_is_written_all_the_same(audit: Trail, trail: Any) -> None:
    with pytest.raises(dg.Failure), audit.guard().step("ingest_data"):
        raise dg.Failure("can't read \udcff.csv")
    assert trail.entries[-1].details["reason"] == "can't read \\udcff.csv"


@pytest.mark.parametrize(
    ("claimed", "kept"),
    [
        ("\ud800", r"\ud800"),
        ("a\0b", r"a\x00b"),
        ("an\u200bn", r"an\u200bn"),
        ("e\u0301va", r"e\u0301va"),
        (" ann", " ann"),
        ("x" * 100_000, "x" * 199 + "…"),
    ],
)
@pytest.mark.parametrize("field", ["owner", "role", "environment"])
def test_a_claim_that_is_no_name_is_refused_and_on_record_in_a_form_that_can_be_kept(
    field: str, claimed: str, kept: str, audit: Trail, trail: Any
) -> None:
    with pytest.raises(dg.Failure, match="Blocked by policy"), audit.guard(**{field: claimed}).step("ingest_data"):
        pytest.fail("the step ran")
    (entry,) = trail.entries
    assert (entry.status, getattr(entry, field)) == (Status.BLOCKED, kept)
    assert not audit.warnings
    assert verify(sorted(trail.bodies.items())).intact


def test_details_that_are_no_text_are_kept_in_a_form_that_is(audit: Trail, trail: Any) -> None:
    with audit.guard().step("ingest_data") as record:
        record.note(path="/data/\udcff\0.csv", rows=3)
    assert trail.entries[-1].details == {"path": r"/data/\udcff\u0000.csv", "rows": 3}


def test_a_very_long_reason_is_cut(audit: Trail, trail: Any) -> None:
    with pytest.raises(dg.Failure), audit.guard().step("ingest_data"):
        raise dg.Failure("x" * 50_000)
    assert len(trail.entries[-1].details["reason"]) < 1100


def test_a_trail_that_refuses_stops_the_step(monkeypatch: pytest.MonkeyPatch, audit: Trail) -> None:
    def refuse(entry: Entry, deadline_s: float = 0) -> Entry:
        raise LedgerError("too many writers")

    monkeypatch.setattr(audit.ledger, "append", refuse)
    with pytest.raises(dg.Failure, match="too many writers"), audit.guard().step("ingest_data"):
        pytest.fail("the step ran")


@pytest.mark.parametrize(("said", "kept"), [("no room", " (no room)"), ("", "")])
def test_a_step_that_runs_out_of_memory_is_audited_with_the_limit_it_met(
    audit: Trail, trail: Any, monkeypatch: pytest.MonkeyPatch, said: str, kept: str
) -> None:
    monkeypatch.setenv("RUN_MEMORY_LIMIT_MB", "64")
    with pytest.raises(dg.Failure, match="RUN_MEMORY_LIMIT_MB=64") as failure, audit.guard().step("train_model"):
        raise MemoryError(said)
    assert failure.value.allow_retries is False
    assert statuses(trail) == [("train_model", Status.STARTED), ("train_model", Status.FAILURE)]
    assert trail.entries[-1].details["reason"].endswith(f"more than RUN_MEMORY_LIMIT_MB=64 allows{kept}")


@pytest.mark.parametrize(
    ("err", "kept"), [(ValueError(), "ValueError, without a message"), (ValueError("no\nluck"), "ValueError: no luck")]
)
def test_the_reason_of_a_step_that_raises_is_one_line_that_hides_nothing(
    audit: Trail, trail: Any, err: ValueError, kept: str
) -> None:
    with pytest.raises(ValueError), audit.guard().step("train_model"):  # noqa: PT011 - one has no message
        raise err
    assert trail.entries[-1].details["reason"] == kept


CALLER = "arn:aws:sts::111111111111:assumed-role/mlops-dev-run-ml-engineer/1"


def by_caller(audit: Trail, caller: Caller) -> Guard:
    claim = Claim("ann", caller.role, "dev")
    return Guard(audit.ledger, RULES, claim, "run-1", clock=lambda: "2026-01-01T00:00:00.000Z", caller=caller)


def test_entries_name_the_caller_whose_role_it_is(audit: Trail, trail: Any) -> None:
    with by_caller(audit, Caller(CALLER, "ml-engineer")).step("ingest_data") as record:
        record.note(caller="somebody else")
    assert [(entry.role, entry.details["caller"]) for entry in trail.entries] == [("ml-engineer", CALLER)] * 2


def test_a_caller_who_is_nobody_here_is_blocked_and_named(audit: Trail, trail: Any) -> None:
    guard = by_caller(audit, Caller(CALLER, problem="the caller is nobody"))
    with pytest.raises(dg.Failure, match="Blocked by policy: the caller is nobody"), guard.step("ingest_data"):
        pytest.fail("it ran")
    (entry,) = trail.entries
    assert (entry.status, entry.details["caller"]) == (Status.BLOCKED, CALLER)
