"""A model deleted in MLflow and registered anew: its numbers begin at 1 again, and each version stays who it is."""

from dataclasses import replace

from lab.base.model_versions import ApprovalState
from lab.governance.cases.reconcile import Reconciler
from lab.governance.ledger import Entry, Status, seal
from lab.governance.rules.policy import Action
from lab.governance.rules.registry_findings import Kind
from tests.support.governed_lab import ENGINEER, OFFICER, GovernedLab, closed


async def reconciled(governed: GovernedLab, repair: bool = False) -> list[str]:
    reconciler = Reconciler(governed.config, governed.registry.client(), governed.store)
    found = await (reconciler.repair() if repair else reconciler.look())
    return [str(one) for one in (found.left if repair else found.findings)]


async def test_a_right_tag_is_never_made_false(governed: GovernedLab) -> None:
    governed.train()
    governed.delete_model()
    assert governed.train() == "1"
    tags = dict(governed.registry.tags["1"])
    gone = "CreditRiskModel: version 1@run1, pending_staging by the audit trail, isn't in the registry"
    assert await reconciled(governed) == [gone]
    assert await reconciled(governed, repair=True) == [gone]
    assert governed.registry.tags["1"] == tags
    assert governed.in_step()


async def test_the_new_version_goes_to_production_once_the_old_champion_is_put_away(governed: GovernedLab) -> None:
    await governed.promoted(governed.train())
    governed.delete_model()
    version = governed.train()
    refused = closed(await governed.act(Action.APPROVE, version))
    assert refused == {
        "registry": "alias staging is on no version, by the audit trail on 1; "
        "alias champion is on no version, by the audit trail on 1"
    }
    assert (await governed.act(Action.REJECT, "1@run1")).succeeded
    assert governed.registry.tags[version]["approval_state"] == "pending_staging"
    assert await reconciled(governed) == []
    await governed.promoted(version)
    assert governed.registry.aliases == {"staging": "1", "champion": "1"}
    assert await reconciled(governed) == []
    history = governed.history()
    assert [one.state for one in history.every] == [ApprovalState.REJECTED, ApprovalState.APPROVED_PROD]
    assert history.ignored == ()


async def test_an_alias_put_on_the_new_version_by_hand_is_taken_away(governed: GovernedLab) -> None:
    await governed.promoted(governed.train())
    governed.delete_model()
    governed.train()
    governed.registry.aliases["champion"] = "1"
    assert "CreditRiskModel: alias champion is on version 1, by the audit trail on 1@run1" in await reconciled(governed)
    await reconciled(governed, repair=True)
    assert governed.registry.aliases == {}


async def test_a_decision_before_the_deletion_is_none_about_the_new_version(governed: GovernedLab) -> None:
    governed.train()
    assert (await governed.act(Action.APPROVE, "1")).succeeded
    approval = governed.store.entries[-1]
    governed.delete_model()
    governed.train()
    governed.copy(approval)
    old, new = governed.history().every
    assert (old.state, new.state) == (ApprovalState.APPROVED_STAGING, ApprovalState.PENDING_STAGING)
    assert (await governed.act(Action.APPROVE, "1", OFFICER)).succeeded
    assert (await governed.act(Action.PROMOTE, "1", ENGINEER)).succeeded


async def test_a_registration_that_somebody_forged_does_not_hide_the_real_version(governed: GovernedLab) -> None:
    version = governed.train()
    request = next(one for one in governed.store.entries if one.status is Status.REQUESTED and one.run_id)
    forged = governed.copy(request, details={**request.details, "mlflow_run_id": "forged"})
    done = next(one for one in governed.store.entries if one.action == "register_with_governance")
    governed.copy(done, details={**done.details, "request_seq": forged.seq})
    assert (await governed.act(Action.APPROVE, version)).succeeded
    [finding] = (await Reconciler(governed.config, governed.registry.client(), governed.store).look()).findings
    assert (finding.kind, finding.version) == (Kind.GONE, "1@forged")


def test_a_trail_from_before_tells_such_versions_apart_as_well(governed: GovernedLab) -> None:
    """Entries of commands named a number only; it was the one registered last."""
    governed.train()
    governed.delete_model()
    governed.train()
    refused = Entry("approve", Status.REFUSED, "eve", "analyst", "staging", "t", model_version="1", details={})
    sealed = governed.ledger.append(refused)
    assert sealed == seal(replace(refused), governed.store.entries[-2])
    old, new = governed.history().every
    assert new.newest == sealed.hash != old.newest
