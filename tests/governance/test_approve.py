"""Approval with real SSH keys: what is allowed, what is refused and why, and what trail and registry say then."""

import asyncio
from pathlib import Path

import pytest

from lab.base.errors import LabError, NotFound, UsageError
from lab.base.model_versions import ApprovalState
from lab.governance.cases.signing import Signing
from lab.governance.ledger import Status
from lab.governance.rules.policy import Action
from tests.support.contracts import MODEL_NAME
from tests.support.governed_lab import ADMIN, ENGINEER, OFFICER, OWNER, GovernedLab, closed
from tests.support.keys import make_key

APPROVE, PROMOTE, REJECT, ARCHIVE = Action.APPROVE, Action.PROMOTE, Action.REJECT, Action.ARCHIVE


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


async def test_a_version_that_nobody_knows_is_not_found(governed: GovernedLab) -> None:
    before = len(governed.store.entries)
    with pytest.raises(NotFound, match="isn't in the audit trail"):
        await governed.act(APPROVE, "7")
    assert len(governed.store.entries) == before


async def test_a_version_without_an_audit_entry_is_refused(governed: GovernedLab) -> None:
    governed.registry.tags["9"] = {"approval_state": "approved_prod"}
    governed.registry.metrics["run9"] = {}
    assert "isn't in the audit trail" in closed(await governed.act(PROMOTE, "9", ENGINEER))["state"]
