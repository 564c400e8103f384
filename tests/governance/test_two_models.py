"""Two models in one trail: numbers, MLflow runs, aliases, baselines and decisions of one say nothing of the other."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from lab.base.errors import NotFound
from lab.base.model_versions import ApprovalState, ModelVersion
from lab.governance.cases.baseline import BaselineApproval
from lab.governance.cases.reconcile import Reconciler, Reconciliation
from lab.governance.cases.signing import Signing
from lab.governance.ledger import Status
from lab.governance.rules.policy import Action, Actor, Environment, Role
from lab.governance.rules.registry_findings import Kind, Registry, reconcile
from lab.governance.rules.version_records import Key
from tests.governance.test_forgery import approval
from tests.governance.test_races import meanwhile, told_offline
from tests.support.contracts import MODEL_NAME, write_model
from tests.support.governed_lab import ADMIN, BASELINE, ENGINEER, OFFICER, GovernedLab, closed

CHURN = "Churn"
APPROVE, REJECT, PROMOTE = Action.APPROVE, Action.REJECT, Action.PROMOTE


@pytest.fixture
def governed(tmp_path: Path) -> GovernedLab:
    """With a baseline for each of two models."""
    made = GovernedLab(tmp_path).staffed()
    made.set_baseline(CHURN)
    return made


async def look(governed: GovernedLab, repair: bool = False) -> Reconciliation:
    reconciler = Reconciler(governed.config, governed.registry.client(), governed.store)
    return await (reconciler.repair() if repair else reconciler.look())


async def test_a_decision_about_one_moves_no_version_of_the_other(governed: GovernedLab) -> None:
    assert (governed.train(), governed.train(model=CHURN)) == ("1", "1")
    before = governed.record("1")
    assert (await governed.act(APPROVE, "1", model=CHURN)).succeeded
    assert governed.record("1") == before
    assert governed.record("1", CHURN).state is ApprovalState.APPROVED_STAGING
    assert governed.in_step()
    assert governed.registry.tags["1"]["approval_state"] == "pending_staging"


async def test_each_model_has_its_own_champion(governed: GovernedLab) -> None:
    await governed.promoted(governed.train(auc=0.9))
    # Another model's champion is nothing to be measured against.
    await governed.promoted(governed.train(auc=0.6, model=CHURN), model=CHURN)
    history = governed.history()
    assert {place: key.model for place, key in history.holders.items()} == {
        (model, alias): model for model in (MODEL_NAME, CHURN) for alias in ("staging", "champion")
    }
    assert governed.in_step()
    assert (await governed.act(REJECT, "1", model=CHURN)).succeeded
    assert governed.history().holder(MODEL_NAME, "champion") == governed.record("1")
    assert governed.history().holder(CHURN, "champion") is None
    assert (governed.registry.aliases["champion"], governed.registry.of(CHURN).aliases) == ("1", {})


async def test_one_mlflow_run_registered_under_two_names_is_two_versions(governed: GovernedLab) -> None:
    governed.train(run="same")
    governed.train(model=CHURN, run="same")
    assert (await governed.act(APPROVE, "1", model=CHURN)).succeeded
    history = governed.history()
    states = {record.key: record.state for record in history.every}
    assert states == {
        Key(MODEL_NAME, "1", "same"): ApprovalState.PENDING_STAGING,
        Key(CHURN, "1", "same"): ApprovalState.APPROVED_STAGING,
    }
    assert history.of(ModelVersion(CHURN, "1", 0.0, "same")) == governed.record("1", CHURN)
    assert history.ignored == ()


async def test_a_version_is_chosen_by_model_and_run(governed: GovernedLab) -> None:
    governed.train(run="aaaa1111")
    governed.train(model=CHURN, run="bbbb2222")
    with pytest.raises(NotFound, match=f"1@bbbb of {MODEL_NAME} isn't in the audit trail"):
        await governed.act(APPROVE, "1@bbbb")
    assert (await governed.act(APPROVE, "1@bbbb", model=CHURN)).succeeded


@pytest.mark.parametrize("known", [True, False], ids=["of this lab", "made up"])
def test_a_statement_that_names_another_model_does_not_count(governed: GovernedLab, known: bool) -> None:
    governed.train()
    if known:
        governed.train(model=CHURN)
    entry = approval(governed, "1", said_model=CHURN)
    history = governed.history()
    assert [one.seq for one in history.ignored] == [one.seq for one in history.uncounted] == [entry.seq]
    assert {record.state for record in history.every} == {ApprovalState.PENDING_STAGING}


async def test_a_statement_cannot_be_moved_to_the_other_model(governed: GovernedLab) -> None:
    governed.train(run="same")
    governed.train(model=CHURN, run="same")
    assert (await governed.act(APPROVE, "1")).succeeded
    genuine = governed.store.entries[-1]
    forged = {**genuine.details["statement"], "model": CHURN}
    governed.copy(genuine, details={**genuine.details, "statement": forged, "model": CHURN})
    # The statement decides whose it is, whatever stands beside it.
    governed.copy(genuine, details={**genuine.details, "model": CHURN})
    history = governed.history()
    assert len(history.ignored) == 2
    assert history.records[CHURN, "1"].state is ApprovalState.PENDING_STAGING


async def test_what_is_refused_about_one_overtakes_no_decision_about_the_other(governed: GovernedLab) -> None:
    governed.train()
    governed.train(model=CHURN)

    def refused() -> None:
        asyncio.run(governed.act(APPROVE, "1", ENGINEER, model=CHURN))

    outcome = await governed.act(APPROVE, "1", signing=meanwhile(governed, OFFICER, refused))
    assert outcome.succeeded
    assert governed.history().overtaken == ()


async def test_two_decisions_at_once_about_one_model_are_a_race(governed: GovernedLab) -> None:
    governed.train()
    governed.train(model=CHURN)

    def rejected() -> None:
        asyncio.run(governed.act(REJECT, "1", ADMIN, model=CHURN))

    await governed.act(REJECT, "1", signing=meanwhile(governed, OFFICER, rejected), model=CHURN)
    history = governed.history()
    assert (len(history.overtaken), history.uncounted) == (1, ())
    assert history.records[CHURN, "1"].state is ApprovalState.REJECTED
    assert history.records[MODEL_NAME, "1"].state is ApprovalState.PENDING_STAGING
    assert told_offline(governed).records == history.records


async def test_drift_is_measured_against_a_baseline_of_the_same_model(tmp_path: Path) -> None:
    governed = GovernedLab(tmp_path).staffed()
    assert governed.history().may_be_baseline(MODEL_NAME, BASELINE)
    assert not governed.history().may_be_baseline(CHURN, BASELINE)
    version = governed.train(model=CHURN)
    assert (await governed.act(APPROVE, version, model=CHURN)).succeeded
    assert "drift" in closed(await governed.act(PROMOTE, version, ENGINEER, model=CHURN))
    governed.set_baseline(CHURN)
    assert (await governed.act(PROMOTE, version, ENGINEER, model=CHURN)).succeeded


def test_a_baseline_of_a_time_when_a_lab_had_one_model_counts_for_any(tmp_path: Path) -> None:
    governed = GovernedLab(tmp_path)
    asked = governed.append("baseline", Status.REQUESTED, details={"data_hash": BASELINE})
    governed.append("baseline", Status.SUCCESS, details={"data_hash": BASELINE, "request_seq": asked.seq})
    history = governed.history()
    assert (history.ignored, list(history.baselines)) == ((), [""])
    assert history.may_be_baseline(MODEL_NAME, BASELINE)
    assert history.may_be_baseline(CHURN, BASELINE)
    assert not history.may_be_baseline(CHURN, "e" * 64)


def test_baselines_of_two_models_asked_for_at_once_are_no_race(governed: GovernedLab) -> None:
    def ask(model: str, digest: str, signing: Signing) -> None:
        baselines = BaselineApproval(config, governed.store, signing, model)
        baselines.done(baselines.ask({"data_hash": digest * 64}, "better"))

    actor = Actor(ADMIN, Role.PLATFORM_ADMIN, Environment.STAGING)
    config = replace(governed.config, actor=actor)
    slow = meanwhile(governed, ADMIN, lambda: ask(CHURN, "1", Signing(governed.keys[ADMIN])))
    ask(MODEL_NAME, "2", slow)
    history = governed.history()
    assert history.may_be_baseline(MODEL_NAME, "2" * 64)
    assert history.may_be_baseline(CHURN, "1" * 64)
    assert not history.may_be_baseline(CHURN, "2" * 64)
    assert (history.overtaken, history.uncounted) == ((), ())


def test_a_baselines_end_of_another_model_does_not_count(governed: GovernedLab) -> None:
    details = {"data_hash": "e" * 64, "model": MODEL_NAME}
    asked = governed.append("baseline", Status.REQUESTED, details=details)
    done = governed.append("baseline", Status.SUCCESS, details={**details, "model": CHURN, "request_seq": asked.seq})
    history = governed.history()
    assert [one.seq for one in history.uncounted] == [done.seq]
    assert not history.may_be_baseline(CHURN, "e" * 64)


async def test_reconciling_repairs_both_and_says_which_is_meant(governed: GovernedLab) -> None:
    for model in (MODEL_NAME, CHURN):
        await governed.promoted(governed.train(model=model), "staging", model)
    governed.registry.aliases.clear()
    governed.registry.of(CHURN).tags["1"]["owner"] = "eve"
    found = await look(governed)
    assert (found.versions, [str(one) for one in found.findings]) == (
        2,
        [
            "Churn: version 1: tag owner is 'eve', by the audit trail 'dora@example.com'",
            "CreditRiskModel: alias staging is on version none, by the audit trail on 1",
        ],
    )
    repaired = await look(governed, repair=True)
    assert repaired.succeeded
    assert len(repaired.changes) == 2
    assert governed.in_step()


async def test_a_foreign_model_that_nobody_governs_is_none_of_the_labs_business(governed: GovernedLab) -> None:
    governed.train()
    foreign = governed.registry.of("Somebodys")
    foreign.tags["1"], foreign.aliases["champion"] = {"deployment_blocked": "false"}, "1"
    governed.registry.metrics["run1"] = {"auc": 0.75}
    found = await look(governed)
    assert (found.versions, found.findings) == (1, ())


async def test_a_version_past_the_pipeline_is_found_as_soon_as_its_model_has_a_folder(
    governed: GovernedLab, tmp_path: Path
) -> None:
    governed.registry.of(CHURN).tags["1"] = {}
    governed.registry.metrics["run1"] = {}
    pipelines = tmp_path / "pipelines"
    # The contract of a model that can't be trained just now governs its name all the same.
    write_model(pipelines, "churn", text=f"name: {CHURN}\nversion: 7\n")
    governed.config = replace(governed.config, root=tmp_path)
    found = await look(governed)
    assert [(one.kind, one.model, one.version) for one in found.findings] == [
        (Kind.UNAUDITED, CHURN, "1"),
        (Kind.TAG, CHURN, "1"),
    ]


async def test_a_model_whose_folder_is_gone_stays_governed(governed: GovernedLab) -> None:
    governed.train(model=CHURN)
    governed.registry.of(CHURN).aliases["champion"] = "1"
    [finding] = (await look(governed)).findings
    assert (finding.kind, finding.model, finding.found) == (Kind.ALIAS, CHURN, "1")


def test_an_alias_is_one_models_and_not_the_others(governed: GovernedLab) -> None:
    governed.train()
    governed.train(model=CHURN)
    registry = asyncio.run(governed.registry.client().registry())
    moved = Registry(registry.versions, {CHURN: {"1": ["champion"]}})
    [finding] = reconcile(moved, governed.history())
    assert (finding.kind, finding.model) == (Kind.ALIAS, CHURN)
