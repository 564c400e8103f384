"""What versions are judged by: a contract may ask for more, and for less only once somebody else has signed."""

from dataclasses import asdict, replace
from pathlib import Path

import pytest

from lab.base.errors import LedgerError, PolicyDenied
from lab.governance.cases.set_criteria import CriteriaApproval
from lab.governance.cases.signing import Signing, read_signers
from lab.governance.ledger import Status
from lab.governance.rules.approval_states import parse_criteria_statement
from lab.governance.rules.criteria import (
    Criteria,
    CriteriaHistory,
    Drift,
    allowance,
    criteria_of,
    in_force,
    parse_criteria,
)
from lab.governance.rules.policy import Action
from tests.support.contracts import CONTRACT, MODEL, MODEL_NAME
from tests.support.governed_lab import ADMIN, ENGINEER, OFFICER, GovernedLab, closed
from tests.support.keys import stock_verify

APPROVE, PROMOTE = Action.APPROVE, Action.PROMOTE
SAFE = Criteria("medium", {}, ("age",))


def setter(governed: GovernedLab, by: str | None, asked: Criteria) -> CriteriaApproval:
    """As `invoke set-criteria`, of a model whose contract asks for `asked`."""
    columns = {
        name: {"type": "number", "protected": True, "exempt": asked.exempt.get(name, "")} for name in asked.protected
    }
    contract = CONTRACT.model_validate(
        CONTRACT.model_dump(mode="json")
        | {"risk_tier": asked.tier, "margins": dict(asked.margins)}
        | {"columns": _unprotected() | columns}
        | ({"fairness": asdict(asked.fairness)} if asked.fairness else {})
        | ({"drift": asdict(asked.drift)} if asked.drift else {})
    )
    assert replace(criteria_of(contract), fairness=asked.fairness, drift=asked.drift) == asked
    signing = Signing(governed.keys[by] if by else None, home=governed.folder)
    return CriteriaApproval(governed.config, replace(MODEL, contract=contract), signing, governed.store)


def _unprotected() -> dict[str, object]:
    columns = CONTRACT.model_dump(mode="json")["columns"]
    return {name: {**column, "protected": False, "exempt": ""} for name, column in columns.items()}


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (replace(SAFE, tier="low"), "risk tier low, in force is medium"),
        (replace(SAFE, margins={"auc": "0.5"}), "margin auc 0.5, in force is 0.01"),
        (replace(SAFE, margins={"auc": "50%"}), "margin auc 50%, in force is 0.01"),
        (replace(SAFE, margins={"ks": "0.1"}), "margin ks 0.1, in force is none"),
        (replace(SAFE, protected=()), "age isn't protected any more"),
        (replace(SAFE, exempt={"age": "it helps"}), "age is protected and used all the same"),
        (replace(SAFE, drift=Drift("0.3")), "drift is a PSI above 0.3, in force is 0.25"),
    ],
)
async def test_less_than_is_in_force_opens_no_gate(governed: GovernedLab, asked: Criteria, said: str) -> None:
    governed.train(asked=SAFE)
    refused = await governed.act(APPROVE, governed.train(asked=asked))
    assert said in closed(refused)["criteria"]
    assert "invoke set-criteria" in closed(refused)["criteria"]


@pytest.mark.parametrize(
    "asked",
    [
        SAFE,
        replace(SAFE, tier="high"),
        replace(SAFE, margins={"auc": "0.001"}),
        replace(SAFE, protected=("age", "sex")),
        replace(SAFE, drift=Drift("0.1", 500)),
    ],
    ids=["as it was", "a graver tier", "a narrower margin", "more protection", "less drift"],
)
async def test_more_needs_nobody(governed: GovernedLab, asked: Criteria) -> None:
    governed.train(asked=SAFE)
    assert (await governed.act(APPROVE, governed.train(asked=asked))).succeeded


async def test_what_an_officer_signs_is_what_versions_are_judged_by(governed: GovernedLab, tmp_path: Path) -> None:
    wide = replace(SAFE, margins={"auc": "0.1"}, exempt={"age": "law asks for it"})
    first = governed.train(auc=0.80, asked=SAFE)
    await governed.promoted(first)
    worse = governed.train(auc=0.75, asked=wide)
    assert "criteria" in closed(await governed.act(APPROVE, worse))
    view = setter(governed, OFFICER, wide).put_in_force("the law asks for age, and the market is smaller")
    assert (view.problems, view.force.margins["auc"]) == ((), "0.1")
    await governed.promoted(worse)

    entry = next(one for one in governed.store.entries if one.action == Action.CRITERIA)
    assert (entry.owner, entry.environment, entry.details["model"]) == (OFFICER, "prod", MODEL_NAME)
    message = parse_criteria_statement(entry.details["statement"]).body()
    assert stock_verify(
        tmp_path, message, entry.details["signature"], read_signers(governed.config), "role=risk-officer"
    )


async def test_the_margin_in_force_when_it_is_judged_counts(governed: GovernedLab) -> None:
    """Not the one that its own contract asked for, nor the one of the time when it was trained."""
    await governed.promoted(governed.train(auc=0.80, asked=SAFE))
    version = governed.train(auc=0.795, asked=SAFE)
    assert (await governed.act(APPROVE, version)).succeeded
    setter(governed, OFFICER, replace(SAFE, margins={"auc": "0.001"})).put_in_force("stricter from now on")
    assert "at most 0.001 worse is allowed" in closed(await governed.act(PROMOTE, version, ENGINEER))["metric"]


async def test_how_much_drift_a_contract_may_ask_for_is_the_policys_and_then_the_signed(governed: GovernedLab) -> None:
    strict = replace(governed.config.policy, drift="0.1")
    lab = governed.config
    governed.config = replace(lab, policy=strict)
    for drift, said in ((Drift("0.25"), "PSI above 0.25, in force is 0.1"), (Drift("0.1", 300), "")):
        outcome = await governed.act(APPROVE, governed.train(asked=replace(SAFE, drift=drift)))
        assert said in closed(outcome).get("criteria", "")
    fewer = await governed.act(APPROVE, governed.train(asked=replace(SAFE, drift=Drift("0.1"))))
    assert "0 rows are enough for stable data, in force are 300" in closed(fewer)["criteria"]
    setter(governed, OFFICER, replace(SAFE, drift=Drift("0.4"))).put_in_force("the season")
    assert (await governed.act(APPROVE, governed.train(asked=replace(SAFE, drift=Drift("0.4"))))).succeeded


def test_who_trains_puts_nothing_in_force(governed: GovernedLab) -> None:
    with pytest.raises(PolicyDenied, match="may not set criteria in prod"):
        setter(governed, ENGINEER, SAFE).put_in_force("why not")
    assert governed.store.entries[-1].status is Status.BLOCKED
    assert governed.history().criteria[MODEL_NAME].newest is None


async def test_what_nobody_signed_holds_in_dev_only(governed: GovernedLab) -> None:
    wide = replace(SAFE, exempt={"age": "it helps"})
    setter(governed, None, wide).put_in_force("only trying")
    known = governed.history().criteria[MODEL_NAME]
    assert known.signed is None
    assert known.newest
    assert replace(known.newest, fairness=None, drift=None) == wide
    assert "age is protected" in closed(await governed.act(APPROVE, governed.train(asked=wide)))["criteria"]


def test_entries_that_are_copied_altered_or_of_another_model_do_not_count(governed: GovernedLab) -> None:
    setter(governed, ADMIN, SAFE).put_in_force("genuine")
    genuine = governed.store.entries[-1]
    wide = replace(SAFE, margins={"auc": "0.9"})
    governed.copy(genuine)
    governed.copy(genuine, details={**genuine.details, "criteria": wide.as_details()})
    governed.copy(genuine, details={**genuine.details, "model": "Other"})
    governed.copy(genuine, details={**genuine.details, "criteria": {"tier": "none"}})
    history = governed.history()
    assert len(history.ignored) == 4
    assert replace(history.criteria[MODEL_NAME].signed or SAFE, fairness=None, drift=None) == SAFE
    assert history.criteria.get("Other", CriteriaHistory()).signed is None


async def test_one_of_another_model_changes_nothing_for_this_one(governed: GovernedLab) -> None:
    setter(governed, OFFICER, replace(SAFE, exempt={"age": "law"})).put_in_force("for the other one")
    other = governed.train(model="Other", asked=replace(SAFE, exempt={"age": "law"}))
    assert "criteria" in closed(await governed.act(APPROVE, other, model="Other"))


async def test_a_model_without_any_margin_may_not_be_worse_in_its_decisive_metric(governed: GovernedLab) -> None:
    governed.config = replace(governed.config, policy=replace(governed.config.policy, margins={}))
    await governed.promoted(governed.train(auc=0.80, asked=SAFE))
    worse = governed.train(auc=0.7999, asked=SAFE)
    assert (await governed.act(APPROVE, worse)).succeeded
    assert "at most 0 worse" in closed(await governed.act(PROMOTE, worse, ENGINEER))["metric"]


async def test_a_grave_tier_needs_two_approvers_where_the_policy_says_so(governed: GovernedLab) -> None:
    governed.config = replace(governed.config, policy=replace(governed.config.policy, approvers={"high": 2}))
    version = governed.train(asked=replace(SAFE, tier="high"))
    assert (await governed.act(APPROVE, version, OFFICER)).succeeded
    assert (await governed.act(PROMOTE, version, ENGINEER)).succeeded
    assert "needs two approvers" in closed(await governed.act(APPROVE, version, OFFICER))["approvers"]
    assert (await governed.act(APPROVE, version, ADMIN)).succeeded


async def test_a_policy_that_asks_for_two_later_puts_earlier_approvals_in_doubt(governed: GovernedLab) -> None:
    version = governed.train(asked=replace(SAFE, tier="high"))
    for action, by in ((APPROVE, OFFICER), (PROMOTE, ENGINEER), (APPROVE, OFFICER)):
        assert (await governed.act(action, version, by)).succeeded
    governed.config = replace(governed.config, policy=replace(governed.config.policy, approvers={"high": 2}))
    assert "needs two approvers" in closed(await governed.act(PROMOTE, version, ENGINEER))["approvals"]


async def test_a_version_of_the_time_before_criteria_is_judged_by_the_policy(governed: GovernedLab) -> None:
    await governed.promoted(governed.train(auc=0.80))
    worse = governed.train(auc=0.75)
    assert (await governed.act(APPROVE, worse)).succeeded
    assert set(closed(await governed.act(PROMOTE, worse, ENGINEER))) == {"metric"}


async def test_a_registration_that_leaves_its_criteria_out_opens_nothing(governed: GovernedLab) -> None:
    """As whoever holds the pipeline's credential can write one."""
    governed.train(asked=SAFE)
    refused = await governed.act(APPROVE, governed.train())
    assert "holds no criteria" in closed(refused)["criteria"]


@pytest.mark.parametrize(
    "raw",
    [
        None,
        {},
        {**SAFE.as_details(), "more": 1},
        {**SAFE.as_details(), "tier": "harmless"},
        {**SAFE.as_details(), "drift": {"psi": "much", "least": 0}},
        {**SAFE.as_details(), "drift": {"psi": "25%", "least": 0}},
        {**SAFE.as_details(), "drift": {"psi": "0.2", "least": -1}},
        {**SAFE.as_details(), "drift": {"psi": "0.2"}},
        {**SAFE.as_details(), "fairness": {"measure": "x", "least": 30, "margin": ""}},
        {**SAFE.as_details(), "fairness": {"measure": "none", "least": 0, "margin": ""}},
        {**SAFE.as_details(), "fairness": {"measure": "none", "least": 30, "margin": "x"}},
        {**SAFE.as_details(), "fairness": None},
        {**SAFE.as_details(), "margins": {"auc": "much"}},
        {**SAFE.as_details(), "margins": {"auc": "-1"}},
        {**SAFE.as_details(), "margins": {"auc": "101%"}},
        {**SAFE.as_details(), "margins": {"auc": 1}},
        {**SAFE.as_details(), "protected": "age"},
        {**SAFE.as_details(), "protected": [1]},
        {**SAFE.as_details(), "protected": [str(number) for number in range(501)]},
        {**SAFE.as_details(), "exempt": ["age"]},
    ],
)
def test_what_are_no_criteria_is_refused(raw: object) -> None:
    with pytest.raises(LedgerError, match="no criteria"):
        parse_criteria(raw)


def test_criteria_survive_the_trail() -> None:
    criteria = Criteria("high", {"rmse": "2%", "r2": "0.01"}, ("sex", "age"), {"age": "why"})
    assert parse_criteria(criteria.as_details()).digest == criteria.digest
    assert str(allowance("2%")) == "(Decimal('0.02'), True)"


def test_a_share_of_the_champions_value_is_a_margin(governed: GovernedLab) -> None:
    force = in_force(CriteriaHistory(newest=SAFE), governed.config.policy, False, [])
    assert force.margins == dict(governed.config.policy.margins)
