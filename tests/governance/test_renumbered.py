"""A model deleted in MLflow and registered anew: its numbers begin at 1 again, and each version stays who it is."""

from dataclasses import replace
from pathlib import Path

import pytest

from lab.base.model_versions import ApprovalState
from lab.governance.cases.reconcile import Reconciler
from lab.governance.ledger import Entry, Status, seal
from lab.governance.rules.policy import Action
from lab.governance.rules.registry_findings import Kind
from tests.operations.desk import ENGINEER, OFFICER, Desk, closed


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path).staffed()


async def reconciled(desk: Desk, repair: bool = False) -> list[str]:
    reconciler = Reconciler(desk.config, desk.registry.client(), desk.store)
    found = await (reconciler.repair() if repair else reconciler.look())
    return [str(one) for one in (found.left if repair else found.findings)]


async def test_a_right_tag_is_never_made_false(desk: Desk) -> None:
    desk.train()
    desk.delete_model()
    assert desk.train() == "1"
    tags = dict(desk.registry.tags["1"])
    gone = "version 1@run1, pending_staging by the audit trail, isn't in the registry"
    assert await reconciled(desk) == [gone]
    assert await reconciled(desk, repair=True) == [gone]
    assert desk.registry.tags["1"] == tags
    assert desk.in_step()


async def test_the_new_version_goes_to_production_once_the_old_champion_is_put_away(desk: Desk) -> None:
    await desk.promoted(desk.train())
    desk.delete_model()
    version = desk.train()
    refused = closed(await desk.act(Action.APPROVE, version))
    assert refused == {
        "registry": "alias staging is on no version, by the audit trail on 1; "
        "alias champion is on no version, by the audit trail on 1"
    }
    assert (await desk.act(Action.REJECT, "1@run1")).succeeded
    assert desk.registry.tags[version]["approval_state"] == "pending_staging"
    assert await reconciled(desk) == []
    await desk.promoted(version)
    assert desk.registry.aliases == {"staging": "1", "champion": "1"}
    assert await reconciled(desk) == []
    history = desk.history()
    assert [one.state for one in history.every] == [ApprovalState.REJECTED, ApprovalState.APPROVED_PROD]
    assert history.ignored == ()


async def test_an_alias_put_on_the_new_version_by_hand_is_taken_away(desk: Desk) -> None:
    await desk.promoted(desk.train())
    desk.delete_model()
    desk.train()
    desk.registry.aliases["champion"] = "1"
    assert "alias champion is on version 1, by the audit trail on 1@run1" in await reconciled(desk)
    await reconciled(desk, repair=True)
    assert desk.registry.aliases == {}


async def test_a_decision_before_the_deletion_is_none_about_the_new_version(desk: Desk) -> None:
    desk.train()
    assert (await desk.act(Action.APPROVE, "1")).succeeded
    approval = desk.store.entries[-1]
    desk.delete_model()
    desk.train()
    desk.copy(approval)
    old, new = desk.history().every
    assert (old.state, new.state) == (ApprovalState.APPROVED_STAGING, ApprovalState.PENDING_STAGING)
    assert (await desk.act(Action.APPROVE, "1", OFFICER)).succeeded
    assert (await desk.act(Action.PROMOTE, "1", ENGINEER)).succeeded


async def test_a_registration_that_somebody_forged_does_not_hide_the_real_version(desk: Desk) -> None:
    version = desk.train()
    request = next(one for one in desk.store.entries if one.status is Status.REQUESTED and one.run_id)
    forged = desk.copy(request, details={**request.details, "mlflow_run_id": "forged"})
    done = next(one for one in desk.store.entries if one.action == "register_with_governance")
    desk.copy(done, details={**done.details, "request_seq": forged.seq})
    assert (await desk.act(Action.APPROVE, version)).succeeded
    [finding] = (await Reconciler(desk.config, desk.registry.client(), desk.store).look()).findings
    assert (finding.kind, finding.version) == (Kind.GONE, "1@forged")


def test_a_trail_from_before_tells_such_versions_apart_as_well(desk: Desk) -> None:
    """Entries of commands named a number only; it was the one registered last."""
    desk.train()
    desk.delete_model()
    desk.train()
    refused = Entry("approve", Status.REFUSED, "eve", "analyst", "staging", "t", model_version="1", details={})
    sealed = desk.ledger.append(refused)
    assert sealed == seal(replace(refused), desk.store.entries[-2])
    old, new = desk.history().every
    assert new.newest == sealed.hash != old.newest
