"""A promotion stops at each gate: worse figures, drift, changed tags and aliases, other data, a broken trail."""

from dataclasses import replace

import pytest

from lab.governance.rules.policy import Action
from tests.support.governed_lab import DATA, ENGINEER, GovernedLab, closed

APPROVE, PROMOTE, REJECT = Action.APPROVE, Action.PROMOTE, Action.REJECT


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


async def test_a_decision_that_todays_policy_refuses_makes_no_promotion(governed: GovernedLab) -> None:
    version = governed.train()
    assert (await governed.act(APPROVE, version)).succeeded
    rules = [rule for rule in governed.config.policy.rules if rule.id != "judge"]
    governed.config = replace(governed.config, policy=replace(governed.config.policy, rules=tuple(rules)))
    assert "policy in force would refuse it" in closed(await governed.act(PROMOTE, version, ENGINEER))["approvals"]
