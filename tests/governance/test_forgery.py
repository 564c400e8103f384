"""Entries that people with genuine keys write into the bucket past the commands: only what fits counts."""

from dataclasses import replace
from pathlib import Path

import pytest

from lab.base.errors import LabError
from lab.base.model_versions import ApprovalState
from lab.governance.cases.signing import signers_path
from lab.governance.ledger import Entry, Status
from lab.governance.rules.approval_states import PROBE, IdentityStatement, Statement
from lab.governance.rules.identities import four_eyes_problem
from lab.governance.rules.policy import Action, Role
from lab.governance.rules.signers import make_line, parse_line
from lab.services import ssh
from tests.support.contracts import MODEL_NAME
from tests.support.governed_lab import ADMIN, DATA, ENGINEER, OFFICER, GovernedLab, closed
from tests.support.keys import make_key, rewritten

TIME = "2036-01-01T00:00:00.000000Z"


def approval(governed: GovernedLab, version: str, by: str = OFFICER, role: str = "risk-officer", **said: str) -> Entry:
    """Appends an approval for staging, genuinely signed over a statement that says `said_…` in place of what fits."""
    statement = Statement(
        lab=governed.config.name,
        action="approve",
        model="CreditRiskModel",
        version=version,
        from_state="pending_staging",
        to_state="approved_staging",
        environment="staging",
        actor=by,
        role=role,
        reason="written by hand",
        data_hash=DATA,
        prior=governed.record(version).newest,
        policy_hash="p",
        time=TIME,
    )
    statement = replace(statement, **{name.removeprefix("said_"): value for name, value in said.items()})
    details = {"statement": statement.as_details(), "signature": ssh.sign(statement.body(), governed.keys[by])}
    return governed.ledger.append(
        Entry(
            "approve",
            Status.APPROVED,
            by,
            role,
            "staging",
            statement.time,
            model_version=version,
            policy_hash="p",
            details=details,
        )
    )


def test_a_fitting_entry_counts_however_it_was_written(governed: GovernedLab) -> None:
    version = governed.train()
    approval(governed, version)
    assert governed.record(version).state is ApprovalState.APPROVED_STAGING


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"lab": "another-lab"}, "lab 'another-lab'"),
        ({"action": "reject"}, "action 'reject'"),
        ({"model": "OtherModel"}, "model 'OtherModel'"),
        ({"version": "2"}, "version '2'"),
        ({"from_state": "pending_prod"}, "from_state 'pending_prod'"),
        ({"to_state": "approved_prod"}, "to_state 'approved_prod'"),
        ({"environment": "prod"}, "environment 'prod'"),
        ({"actor": ADMIN}, "actor 'adam@example.com'"),
        ({"role": "platform-admin"}, "role 'platform-admin'"),
        ({"data_hash": "e" * 64}, "data_hash 'eeee"),
        ({"prior": "0" * 64}, "prior '0000"),
        ({"policy_hash": "q"}, "policy_hash 'q'"),
    ],
)
def test_a_statement_about_anything_else_does_not_count(
    governed: GovernedLab, changes: dict[str, str], problem: str
) -> None:
    version = governed.train()
    approval(governed, version, **{f"said_{name}": value for name, value in changes.items()})
    history = governed.history()
    assert history.records[MODEL_NAME, version].state is ApprovalState.PENDING_STAGING
    assert problem in history.ignored[-1].problem


def test_a_probe_that_was_put_away_stays_so_under_another_name_of_the_lab(governed: GovernedLab) -> None:
    version = governed.train(owner=PROBE)
    archived = Statement(
        lab="another-lab",
        action="archive",
        model="CreditRiskModel",
        version=version,
        from_state="pending_staging",
        to_state="archived",
        environment="staging",
        actor=PROBE,
        role="platform-admin",
        reason="written by the lab itself",
        data_hash=DATA,
        prior=governed.record(version).newest,
        policy_hash="p",
        time=TIME,
    )
    governed.ledger.append(
        Entry(
            "archive",
            Status.ARCHIVED,
            PROBE,
            "platform-admin",
            "staging",
            TIME,
            model_version=version,
            policy_hash="p",
            details={"statement": archived.as_details()},
        )
    )
    assert governed.record(version).state is ApprovalState.ARCHIVED
    assert governed.history().ignored == ()


def test_a_role_that_the_signer_does_not_hold_does_not_count(governed: GovernedLab) -> None:
    version = governed.train()
    approval(governed, version, by=ENGINEER, role="risk-officer")
    assert governed.record(version).state is ApprovalState.PENDING_STAGING
    assert "doesn't hold the role risk-officer" in governed.history().ignored[-1].problem


def test_a_role_that_the_policy_refuses_is_doubted(governed: GovernedLab) -> None:
    version = governed.train()
    written = approval(governed, version, by=ENGINEER, role="ml-engineer")
    assert [doubt.seq for doubt in governed.history().doubts] == [written.seq]


def test_an_old_date_does_not_revive_an_expired_key(governed: GovernedLab, tmp_path: Path) -> None:
    governed.keys["late@example.com"] = make_key(tmp_path, "ed25519", "late")
    governed.registrar(ADMIN).add(
        "late@example.com", governed.keys["late@example.com"], ["risk-officer"], "late", "20200101"
    )
    version = governed.train()
    approval(governed, version, by="late@example.com", said_time="2019-12-31T00:00:00.000000Z")
    approval(governed, version, by="late@example.com")
    problems = [fault.problem for fault in governed.history().ignored]
    assert "before that of entries in front of it" in problems[0]
    assert "isn't valid" in problems[1]


async def test_one_entry_of_the_far_future_ends_no_decision_but_those_of_keys_that_expire(
    governed: GovernedLab, tmp_path: Path
) -> None:
    governed.keys["guest@example.com"] = make_key(tmp_path, "ed25519", "guest")
    governed.registrar(ADMIN).add(
        "guest@example.com", governed.keys["guest@example.com"], ["risk-officer"], "x", "20980101"
    )
    bad, good = governed.train(), governed.train()
    governed.copy(governed.append("reconcile", Status.SUCCESS), time="2099-01-01T00:00:00.000000Z")

    assert (await governed.act(Action.REJECT, bad)).succeeded
    assert (await governed.act(Action.APPROVE, good)).succeeded
    assert governed.history().ignored == ()
    approval(governed, governed.train(), by="guest@example.com")
    assert ["validity is limited" in one.problem for one in governed.history().ignored] == [True]
    with pytest.raises(LabError, match="validity is limited") as caught:
        await governed.act(Action.APPROVE, governed.train(), by="guest@example.com")
    assert "clock" in caught.value.remedy
    assert "Somebody" not in caught.value.remedy
    governed.registrar(ADMIN).remove("guest@example.com", "the clock was wrong")
    assert len(governed.history().identities.signers) == 3


@pytest.mark.parametrize("operation", ["add", "remove"])
def test_an_identity_changed_by_who_may_not_does_not_count(
    governed: GovernedLab, tmp_path: Path, operation: str
) -> None:
    key = ssh.read_public_key(make_key(tmp_path, "ed25519", "eve"))
    known = governed.history().identities
    line = known.named(ADMIN)[0].line
    if operation == "add":
        line = make_line("eve@example.com", [Role.PLATFORM_ADMIN], key)
    statement = IdentityStatement(
        governed.config.name, operation, line, "prod", OFFICER, "risk-officer", "mine now", known.prior, "p", TIME
    )
    details = {"statement": statement.as_details(), "signature": ssh.sign(statement.body(), governed.keys[OFFICER])}
    governed.ledger.append(
        Entry("identity", Status.SUCCESS, OFFICER, "risk-officer", "prod", TIME, policy_hash="p", details=details)
    )
    assert governed.history().identities.signers == known.signers
    assert "may not change identities" in governed.history().ignored[-1].problem


def test_four_eyes_look_at_name_and_key(tmp_path: Path) -> None:
    key = ssh.read_public_key(make_key(tmp_path, "ed25519", "any"))
    signer = parse_line(make_line("olga", [Role.RISK_OFFICER], key))
    assert not four_eyes_problem("dora", "olga", signer, {key: "olga"})
    assert "belongs to dora" in four_eyes_problem("dora", "dora", None, {})
    assert "is one of dora" in four_eyes_problem("dora", "olga", signer, {key: "dora"})
    assert "belongs to dora" in four_eyes_problem("dora", "Dora", None, {})
    assert "is one of dora" in four_eyes_problem("dora", "olga", signer, {key: "DORA"})
    encoded = rewritten(ssh.read_public_key(make_key(tmp_path, "rsa")), zeros=1)
    plain = ssh.read_public_key(tmp_path / "rsa")
    signer = parse_line(make_line("olga", [Role.RISK_OFFICER], encoded))
    assert "is one of dora" in four_eyes_problem("dora", "olga", signer, {plain: "dora"})


def test_a_known_key_in_another_encoding_adds_nobody_past_the_commands_either(
    governed: GovernedLab, tmp_path: Path
) -> None:
    rsa = make_key(tmp_path, "rsa")
    governed.registrar(ADMIN).add("rita@example.com", rsa, ["risk-officer"], "rita")
    known = governed.history().identities
    line = make_line("eve@example.com", [Role.RISK_OFFICER], rewritten(ssh.read_public_key(rsa), zeros=1))
    statement = IdentityStatement(
        governed.config.name, "add", line, "prod", ADMIN, "platform-admin", "a second person", known.prior, "p", TIME
    )
    details = {"statement": statement.as_details(), "signature": ssh.sign(statement.body(), governed.keys[ADMIN])}
    governed.ledger.append(
        Entry("identity", Status.SUCCESS, ADMIN, "platform-admin", "prod", TIME, policy_hash="p", details=details)
    )
    assert governed.history().identities.signers == known.signers
    assert "is known already" in governed.history().ignored[-1].problem


async def test_an_owner_in_another_spelling_is_the_owner_for_whoever_reads_the_trail(governed: GovernedLab) -> None:
    version = governed.train(owner=OFFICER.upper())
    gates = closed(await governed.act(Action.APPROVE, version, OFFICER))
    assert gates == {
        "four eyes": f"the version belongs to {OFFICER.upper()}, who can't approve it, as {OFFICER} neither"
    }
    record = governed.record(version)
    statement = Statement(
        *(
            governed.config.name,
            "approve",
            "CreditRiskModel",
            version,
            "pending_staging",
            "approved_staging",
            "staging",
        ),
        *(OFFICER, "risk-officer", "looks good", DATA, record.newest, "p", TIME),
    )
    details = {"statement": statement.as_details(), "signature": ssh.sign(statement.body(), governed.keys[OFFICER])}
    entry = Entry(
        "approve", Status.APPROVED, OFFICER, "risk-officer", "staging", TIME, policy_hash="p", details=details
    )
    governed.ledger.append(replace(entry, model_version=version))
    assert governed.record(version).state is ApprovalState.PENDING_STAGING
    assert "can't approve it" in governed.history().ignored[-1].problem


async def test_roles_that_were_added_to_a_line_by_hand_do_not_count(governed: GovernedLab) -> None:
    path = signers_path(governed.config)
    path.write_text(path.read_text().replace("role=ml-engineer", "role=ml-engineer,role=risk-officer"))
    outcome = await governed.act(Action.APPROVE, governed.train(), ENGINEER)
    assert "isn't the one in the audit trail" in closed(outcome)["identity"]
