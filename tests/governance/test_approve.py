"""Approval with real SSH keys: what is allowed, what is refused and why, and what trail and registry say then."""

import asyncio
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from lab.base.account import named
from lab.base.errors import LabError, NotFound, SignatureInvalid, UsageError
from lab.base.model_versions import ApprovalState
from lab.governance.cases.signing import Signing, read_signers
from lab.governance.ledger import Status
from lab.governance.rules.approval_states import parse_statement
from lab.governance.rules.policy import Action
from tests.support.contracts import MODEL_NAME
from tests.support.governed_lab import ADMIN, DATA, ENGINEER, OFFICER, OWNER, GovernedLab, closed
from tests.support.keys import make_key, stock_verify

APPROVE, PROMOTE, REJECT, ARCHIVE = Action.APPROVE, Action.PROMOTE, Action.REJECT, Action.ARCHIVE


@pytest.fixture
def governed(tmp_path: Path) -> GovernedLab:
    return GovernedLab(tmp_path).staffed()


async def test_a_version_goes_to_production_and_tags_follow_at_each_stage(governed: GovernedLab) -> None:
    version = governed.train()
    tags = governed.registry.tags[version]
    seen = [(tags["approval_state"], tags["deployment_blocked"], dict(governed.registry.aliases))]
    for action, by in ((APPROVE, OFFICER), (PROMOTE, ENGINEER), (APPROVE, OFFICER), (PROMOTE, ENGINEER)):
        outcome = await governed.act(action, version, by)
        assert outcome.succeeded, closed(outcome)
        assert governed.in_step()
        seen.append((tags["approval_state"], tags["deployment_blocked"], dict(governed.registry.aliases)))
    assert seen == [
        ("pending_staging", "true", {}),
        ("approved_staging", "false", {}),
        ("pending_prod", "true", {"staging": version}),
        ("approved_prod", "false", {"staging": version}),
        ("approved_prod", "false", {"staging": version, "champion": version}),
    ]
    assert tags["approved_by"] == OFFICER
    assert "deployment_blocked_reason" not in tags
    statuses = [(entry.action, entry.status, entry.owner, entry.environment) for entry in governed.store.entries[-4:]]
    assert statuses == [
        ("approve", "approved", OFFICER, "staging"),
        ("promote", "promoted", ENGINEER, "staging"),
        ("approve", "approved", OFFICER, "prod"),
        ("promote", "promoted", ENGINEER, "prod"),
    ]


async def test_the_entry_holds_statement_and_signature_that_stock_ssh_keygen_verifies(
    governed: GovernedLab, tmp_path: Path
) -> None:
    outcome = await governed.act(APPROVE, governed.train())
    assert outcome.entry is not None
    details = governed.store.entries[-1].details
    statement = parse_statement(details["statement"])
    assert (statement.actor, statement.role, statement.version) == (OFFICER, "risk-officer", "1")
    assert statement.prior == governed.store.entries[-2].hash
    known = read_signers(governed.config)
    for principal in (OFFICER, "role=risk-officer"):
        assert stock_verify(tmp_path, statement.body(), details["signature"], known, principal)
    assert not stock_verify(tmp_path, statement.body(), details["signature"], known, ADMIN)
    assert stock_verify_file(governed, statement.body(), details["signature"])


def stock_verify_file(governed: GovernedLab, message: bytes, armored: str) -> bool:
    """As an auditor would: with the lab's own file of known keys."""
    signature = governed.folder / "auditor.sig"
    signature.write_text(armored)
    argv = named(
        ["ssh-keygen", "-Y", "verify", "-f", str(governed.config.governance / "allowed_signers"), "-I", OFFICER]
    )
    argv += ["-n", "mlops-lab", "-s", str(signature)]
    return subprocess.run(argv, input=message, capture_output=True, check=False).returncode == 0


async def test_an_unknown_key_is_refused_and_the_refusal_is_audited(governed: GovernedLab, tmp_path: Path) -> None:
    version, stranger = governed.train(), make_key(tmp_path, "ed25519", "stranger")
    outcome = await governed.act(APPROVE, version, stranger)
    assert not outcome.succeeded
    assert "is nobody's" in closed(outcome)["identity"]
    last = governed.store.entries[-1]
    assert (last.action, last.status, last.model_version) == ("approve", Status.REFUSED, version)
    assert "is nobody's" in last.details["gates"]["identity"]
    assert governed.in_step()
    assert governed.registry.tags[version]["approval_state"] == "pending_staging"


async def test_the_owner_cannot_approve_under_any_key(governed: GovernedLab, tmp_path: Path) -> None:
    version = governed.train()
    own = make_key(tmp_path, "ecdsa", "dora")
    governed.registrar(ADMIN).add(OWNER, own, ["risk-officer"], "dora is an officer, too")
    assert OWNER in closed(await governed.act(APPROVE, version, own))["four eyes"]
    governed.registrar(ADMIN).remove(OWNER, "gone")
    with pytest.raises(LabError, match=f"was {OWNER}'s"):
        governed.registrar(ADMIN).add("mallory@example.com", own, ["risk-officer"], "the same key under another name")


async def test_a_refusal_is_on_record_also_when_it_names_what_is_no_text(governed: GovernedLab) -> None:
    outcome = await governed.act(APPROVE, governed.train(), Path("/keys/\udcff"))
    assert not outcome.succeeded
    assert r"/keys/\udcff" in governed.store.entries[-1].details["gates"]["identity"]


async def test_the_owner_cannot_approve_in_another_spelling(governed: GovernedLab, tmp_path: Path) -> None:
    version = governed.train()
    own = make_key(tmp_path, "ecdsa", "dora")
    governed.registrar(ADMIN).add("Dora@Example.COM", own, ["risk-officer"], "dora, she says, is somebody else")
    outcome = await governed.act(APPROVE, version, own)
    assert list(closed(outcome)) == ["four eyes"]
    assert outcome.entry
    assert outcome.entry.status is Status.REFUSED
    assert governed.registry.tags[version]["approval_state"] == "pending_staging"


async def test_an_identitys_own_version_needs_somebody_else(governed: GovernedLab) -> None:
    version = governed.train(owner=OFFICER)
    assert "can't approve it" in closed(await governed.act(APPROVE, version, OFFICER))["four eyes"]
    assert (await governed.act(APPROVE, version, ADMIN)).succeeded


@pytest.mark.parametrize(
    ("action", "by", "allowed"),
    [
        (APPROVE, OFFICER, True),
        (APPROVE, ADMIN, True),
        (APPROVE, ENGINEER, False),
        (REJECT, ENGINEER, False),
        (ARCHIVE, ENGINEER, True),
    ],
)
async def test_the_policy_decides_by_the_role_that_the_key_proves(
    governed: GovernedLab, action: Action, by: str, allowed: bool
) -> None:
    outcome = await governed.act(action, governed.train(), by)
    assert outcome.succeeded is allowed
    assert ("policy" in closed(outcome)) is not allowed


async def test_a_role_that_the_identity_does_not_hold_is_refused(governed: GovernedLab) -> None:
    outcome = await governed.act(APPROVE, governed.train(), ENGINEER, role="risk-officer")
    assert "doesn't hold the role risk-officer" in closed(outcome)["identity"]
    with pytest.raises(UsageError, match="--role"):
        await governed.act(APPROVE, "1", OFFICER, role="king")


async def test_a_removed_identity_is_refused_and_its_old_approval_still_counts(governed: GovernedLab) -> None:
    first, second = governed.train(), governed.train()
    assert (await governed.act(APPROVE, first)).succeeded
    governed.registrar(ADMIN).remove(OFFICER, "left the bank")
    assert "has been removed" in closed(await governed.act(APPROVE, second))["identity"]
    history = governed.history()
    assert history.records[MODEL_NAME, first].state is ApprovalState.APPROVED_STAGING
    assert history.ignored == ()


async def test_an_expired_identity_is_refused(governed: GovernedLab, tmp_path: Path) -> None:
    late = make_key(tmp_path, "ed25519", "late")
    governed.registrar(ADMIN).add("late@example.com", late, ["risk-officer"], "for a while", "20200101")
    assert "isn't valid now" in closed(await governed.act(APPROVE, governed.train(), late))["identity"]


async def test_a_key_written_into_the_file_by_hand_is_refused(governed: GovernedLab, tmp_path: Path) -> None:
    forged = make_key(tmp_path, "ed25519", "forged")
    path = governed.config.governance / "allowed_signers"
    public = forged.with_name("forged.pub").read_text().strip()
    path.write_text(f"{path.read_text()}eve@example.com,role=risk-officer {public}\n")
    outcome = await governed.act(APPROVE, governed.train(), forged)
    assert "in allowed_signers only" in closed(outcome)["identity"]


Forge = Callable[[GovernedLab, Signing], Signing]


def reusing(message: bytes) -> Forge:
    """Signs `message` in place of what should be signed."""

    def forge(_: GovernedLab, genuine: Signing) -> Signing:
        return replace(genuine, sign=lambda _asked, key: genuine.sign(message, key))

    return forge


def in_namespace(name: str) -> Forge:
    def forge(_: GovernedLab, genuine: Signing) -> Signing:
        def sign(message: bytes, key: Path) -> str:
            argv = named(["ssh-keygen", "-Y", "sign", "-f", str(key), "-n", name])
            return subprocess.run(argv, input=message, capture_output=True, check=True).stdout.decode()

        return replace(genuine, sign=sign)

    return forge


def by_another_key(governed: GovernedLab, genuine: Signing) -> Signing:
    return replace(genuine, sign=lambda message, _key: genuine.sign(message, governed.keys[ADMIN]))


@pytest.mark.parametrize(
    ("forge", "problem"),
    [
        (reusing(b"something else"), "doesn't belong to this statement"),
        (in_namespace("git"), "namespace 'git'"),
        (by_another_key, "signed by adam@example.com, not by olga@example.com"),
    ],
)
async def test_a_signature_that_proves_something_else_is_refused(
    governed: GovernedLab, forge: Forge, problem: str
) -> None:
    version = governed.train()
    outcome = await governed.act(APPROVE, version, signing=forge(governed, Signing(governed.keys[OFFICER])))
    assert problem in closed(outcome)["signature"]
    assert governed.store.entries[-1].status is Status.REFUSED
    assert governed.record(version).state is ApprovalState.PENDING_STAGING


async def test_a_signature_of_an_earlier_statement_is_refused(governed: GovernedLab) -> None:
    first = governed.train()
    assert (await governed.act(APPROVE, first)).succeeded
    old = governed.store.entries[-1].details["signature"]
    for version in (first, governed.train()):
        replay = Signing(governed.keys[OFFICER], sign=lambda _message, _key: old)
        assert not (await governed.act(APPROVE, version, signing=replay)).succeeded


async def test_entries_copied_into_the_bucket_do_not_count(governed: GovernedLab) -> None:
    """Whoever holds the pipeline's credential can append; none of it moves a version."""
    first, second = governed.train(), governed.train()
    assert (await governed.act(APPROVE, first)).succeeded
    genuine = governed.store.entries[-1]
    statement = genuine.details["statement"]
    governed.copy(genuine)
    governed.copy(genuine, model_version=second)
    altered = {**genuine.details, "statement": {**statement, "version": second}}
    governed.copy(genuine, model_version=second, details=altered)
    fitting = {**statement, "version": second, "prior": governed.record(second).newest}
    governed.copy(genuine, model_version=second, details={**genuine.details, "statement": fitting})
    fitting = {**statement, "version": second, "prior": governed.record(second).newest}
    governed.copy(genuine, model_version=second, details={"statement": fitting})
    other_lab = {**genuine.details, "statement": {**statement, "lab": "another-lab"}}
    governed.copy(genuine, details=other_lab)
    history = governed.history()
    assert history.records[MODEL_NAME, first].state is ApprovalState.APPROVED_STAGING
    assert history.records[MODEL_NAME, second].state is ApprovalState.PENDING_STAGING
    problems = [fault.problem for fault in history.ignored]
    expected = (
        "the same statement came before",
        "version '1'",
        "prior",
        "doesn't belong to this statement",
        "isn't signed",
        "lab 'another-lab'",
    )
    for problem, words in zip(problems, expected, strict=True):
        assert words in problem


async def test_a_statement_of_another_lab_does_not_count(governed: GovernedLab) -> None:
    version = governed.train()
    governed.config = replace(governed.config, name="another-lab")
    outcome = await governed.act(APPROVE, version)
    assert "in allowed_signers only" in closed(outcome)["identity"]


async def test_worse_than_the_champion_by_more_than_the_margin_is_refused_with_values(governed: GovernedLab) -> None:
    champion = governed.train(auc=0.78)
    await governed.promoted(champion)
    worse, near = governed.train(auc=0.769), governed.train(auc=0.77)
    assert (await governed.act(APPROVE, worse)).succeeded
    refused = closed(await governed.act(PROMOTE, worse, ENGINEER))
    assert refused == {"metric": "auc 0.769 against 0.78 of champion 1: 0.011 worse, at most 0.01 worse is allowed"}
    await governed.promoted(near)
    assert governed.registry.aliases == {"staging": near, "champion": near}
    assert governed.registry.tags[champion]["approval_state"] == "approved_prod"
    assert governed.in_step()


async def test_a_drifted_version_may_be_approved_but_stays_blocked_and_is_not_promoted(governed: GovernedLab) -> None:
    version = governed.train(drift="drifted")
    assert (await governed.act(APPROVE, version)).succeeded
    tags = governed.registry.tags[version]
    assert (tags["deployment_blocked"], tags["deployment_blocked_reason"]) == ("true", "data drifted")
    refused = closed(await governed.act(PROMOTE, version, ENGINEER))
    assert refused == {"drift": "training data: audited drifted, tagged drifted, against baseline bbbbbbbbbbbb"}
    assert governed.registry.aliases == {}


async def test_a_drift_tag_that_was_changed_does_not_help(governed: GovernedLab) -> None:
    version = governed.train(drift="drifted")
    assert (await governed.act(APPROVE, version)).succeeded
    governed.registry.tags[version]["drift_state"] = "stable"
    assert set(closed(await governed.act(PROMOTE, version, ENGINEER))) == {"drift", "registry"}


@pytest.mark.parametrize("tag", ["approval_state", "owner", "data_hash", "deployment_blocked", "audit_hash"])
async def test_a_tag_changed_behind_the_labs_back_stops_the_action(governed: GovernedLab, tag: str) -> None:
    version = governed.train()
    governed.registry.tags[version][tag] = "tampered"
    outcome = await governed.act(APPROVE, version)
    assert f"{tag} is 'tampered'" in closed(outcome)["registry"]


async def test_a_moved_alias_stops_the_promotion(governed: GovernedLab) -> None:
    first, second = governed.train(), governed.train()
    await governed.promoted(first)
    assert (await governed.act(APPROVE, second)).succeeded
    governed.registry.aliases["champion"] = second
    outcome = await governed.act(PROMOTE, second, ENGINEER)
    assert closed(outcome) == {"registry": f"alias champion is on {second}, by the audit trail on {first}"}


async def test_metrics_changed_in_mlflow_stop_the_promotion(governed: GovernedLab) -> None:
    version = governed.train(auc=0.7)
    assert (await governed.act(APPROVE, version)).succeeded
    governed.registry.metrics["run1"]["auc"] = 0.99
    assert "auc is 0.99 in MLflow, audited 0.7" in closed(await governed.act(PROMOTE, version, ENGINEER))["metric"]


async def test_other_data_than_audited_stops_the_promotion(governed: GovernedLab) -> None:
    version = governed.train()
    assert (await governed.act(APPROVE, version)).succeeded
    governed.stored[DATA] = "e" * 64
    assert "stored eeeeeeeeeeee" in closed(await governed.act(PROMOTE, version, ENGINEER))["data"]
    del governed.stored[DATA]
    assert "stored none" in closed(await governed.act(PROMOTE, version, ENGINEER))["data"]


async def test_a_model_that_does_not_predict_is_not_promoted(governed: GovernedLab) -> None:
    version = governed.train()
    assert (await governed.act(APPROVE, version)).succeeded
    governed.trial = replace(governed.trial, works=False, detail="ValueError: no such column")
    assert closed(await governed.act(PROMOTE, version, ENGINEER)) == {"model": "ValueError: no such column"}


async def test_a_broken_trail_stops_approval_and_promotion_but_not_rejection(governed: GovernedLab) -> None:
    version = governed.train()
    key = sorted(governed.store.objects)[1]
    governed.store.objects[key] = governed.store.objects[key].replace(b"reason", b"REASON", 1)
    assert "entry 2: modified" in closed(await governed.act(APPROVE, version))["ledger"]
    assert (await governed.act(REJECT, version)).succeeded


async def test_a_trail_that_lost_its_tail_is_noticed_by_the_hashes_in_the_registry(governed: GovernedLab) -> None:
    version = governed.train()
    assert (await governed.act(APPROVE, version)).succeeded
    assert (await governed.act(PROMOTE, version, ENGINEER)).succeeded
    for key in sorted(governed.store.objects)[-2:]:
        del governed.store.objects[key]
    outcome = await governed.act(APPROVE, version)
    assert {"ledger", "registry"} <= set(closed(outcome))


async def test_a_dry_run_shows_every_gate_and_changes_nothing(governed: GovernedLab) -> None:
    version = governed.train(drift="drifted")
    before, writes = len(governed.store.entries), list(governed.registry.writes)
    outcome = await governed.act(PROMOTE, version, ENGINEER, dry_run=True)
    assert [gate.name for gate in outcome.gates] == [
        "state", "identity", "policy", "approvals", "criteria", "fairness", "registry", "drift", "metric", "ledger",
        "data", "model",
    ]  # fmt: skip
    assert set(closed(outcome)) == {"state", "drift"}
    assert (len(governed.store.entries), governed.registry.writes, outcome.entry) == (before, writes, None)


async def test_rejection_takes_every_alias_at_once_and_archiving_spares_the_champion(governed: GovernedLab) -> None:
    version = governed.train()
    await governed.promoted(version)
    assert "is the champion" in closed(await governed.act(ARCHIVE, version))["state"]
    governed.registry.writes.clear()
    assert (await governed.act(REJECT, version)).succeeded
    assert governed.registry.aliases == {}
    assert governed.registry.tags[version]["deployment_blocked_reason"] == "rejected"
    # First the aliases, then the block, then what explains it.
    assert [name for _, name, _ in governed.registry.writes][:3] == ["staging", "champion", "deployment_blocked"]
    assert (await governed.act(ARCHIVE, version)).succeeded
    assert governed.in_step()


async def test_a_registry_that_fails_after_the_entry_is_said_and_can_be_repaired(governed: GovernedLab) -> None:
    version = governed.train()
    governed.registry.broken = True
    with pytest.raises(LabError, match=r"Audit entry \d+ holds, but the registry") as caught:
        await governed.act(APPROVE, version)
    assert "reconcile --repair" in caught.value.remedy
    assert governed.record(version).state is ApprovalState.APPROVED_STAGING
    assert not governed.in_step()
    governed.registry.broken = False
    from lab.governance.cases.reconcile import correct_registry

    changes = await correct_registry(governed.registry.client(), governed.history(), governed.record(version))
    assert "approval_state: pending_staging → approved_staging" in changes
    assert governed.in_step()
    assert await correct_registry(governed.registry.client(), governed.history(), governed.record(version)) == ()


async def test_two_people_at_once_cannot_both_decide(governed: GovernedLab) -> None:
    version = governed.train()

    def meanwhile(message: bytes, key: Path) -> str:
        armored = Signing(key).sign(message, key)
        asyncio.run(governed.act(REJECT, version, ADMIN))
        return armored

    with pytest.raises(LabError, match="somebody else at the same time") as caught:
        await governed.act(APPROVE, version, signing=Signing(governed.keys[OFFICER], sign=meanwhile))
    assert caught.value.remedy == (
        "Nothing is left to type: the state is rejected: approve isn't possible, only archive."
    )
    assert governed.record(version).state is ApprovalState.REJECTED
    assert governed.in_step()


async def test_who_does_not_sign_decides_nothing(governed: GovernedLab) -> None:
    version = governed.train()

    def cancelled(_message: bytes, _key: Path) -> str:
        raise SignatureInvalid("ssh-keygen didn't sign: cancelled")

    before = len(governed.store.entries)
    with pytest.raises(SignatureInvalid):
        await governed.act(APPROVE, version, signing=Signing(governed.keys[OFFICER], sign=cancelled))
    assert len(governed.store.entries) == before


async def test_a_version_that_nobody_knows_is_not_found(governed: GovernedLab) -> None:
    before = len(governed.store.entries)
    with pytest.raises(NotFound, match="isn't in the audit trail"):
        await governed.act(APPROVE, "7")
    assert len(governed.store.entries) == before


async def test_a_version_without_an_audit_entry_is_refused(governed: GovernedLab) -> None:
    governed.registry.tags["9"] = {"approval_state": "approved_prod"}
    governed.registry.metrics["run9"] = {}
    assert "isn't in the audit trail" in closed(await governed.act(PROMOTE, "9", ENGINEER))["state"]


async def test_a_decision_that_todays_policy_refuses_makes_no_promotion(governed: GovernedLab) -> None:
    version = governed.train()
    assert (await governed.act(APPROVE, version)).succeeded
    rules = [rule for rule in governed.config.policy.rules if rule.id != "judge"]
    governed.config = replace(governed.config, policy=replace(governed.config.policy, rules=tuple(rules)))
    assert "policy in force would refuse it" in closed(await governed.act(PROMOTE, version, ENGINEER))["approvals"]
