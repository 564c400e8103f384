"""The gate on groups of people: judged by what is in force, from what training audited, as far as chance allows."""

from dataclasses import replace
from typing import Any

import pytest

from lab.base.errors import LedgerError
from lab.governance.rules.criteria import Criteria, Fairness
from lab.governance.rules.policy import Action
from lab.models.groups import LEAST, MEASURES, NONE, Comparison, Group, Measured, parse_measured
from tests.governance.test_criteria import setter
from tests.support.governed_lab import ENGINEER, OFFICER, GovernedLab, closed

APPROVE, PROMOTE = Action.APPROVE, Action.PROMOTE
PARITY, ODDS = "demographic_parity_difference", "equalized_odds_difference"
OPEN = Criteria("medium", {}, ("age",), {}, Fairness(PARITY))


def group(name: str, value: float, half: float = 0.05, counted: int = 200) -> Group:
    return Group(name, counted, counted, value, round(value - half, 6), round(value + half, 6))


def told(*groups: Group, column: str = "age", measure: str = PARITY, least: int = LEAST) -> dict[str, Any]:
    """As training's entry has it."""
    rate = MEASURES[measure].rates[0]
    return Measured(measure, least, (Comparison(column, "m", rate, least, groups, 0.3),)).as_details()


ALIKE = told(group("old", 0.30), group("young", 0.32))
APART = told(group("old", 0.10), group("young", 0.50))


async def test_groups_that_are_further_apart_than_chance_and_margin_allow_close_it(governed: GovernedLab) -> None:
    version = governed.train(asked=OPEN, groups=APART)
    said = closed(await governed.act(APPROVE, version))["fairness"]
    assert "at most 0.1: age 0.4 apart (young above old), at least 0.329, which is more than 0.1" in said


async def test_groups_that_are_alike_open_it_and_it_says_what_it_saw(governed: GovernedLab) -> None:
    outcome = await governed.act(APPROVE, governed.train(asked=OPEN, groups=ALIKE))
    assert outcome.succeeded
    seen = next(gate.detail for gate in outcome.gates if gate.name == "fairness")
    assert seen == f"{PARITY}, at most 0.1: age 0.02 apart (young above old), at least 0"


async def test_what_chance_explains_is_not_held_against_a_version(governed: GovernedLab) -> None:
    wide = told(group("old", 0.2, half=0.2), group("young", 0.45, half=0.2))
    assert (await governed.act(APPROVE, governed.train(asked=OPEN, groups=wide))).succeeded


async def test_groups_that_are_too_small_are_not_judged_and_that_is_said(governed: GovernedLab) -> None:
    few = told(group("old", 0.1), group("young", 0.9, counted=29))
    outcome = await governed.act(APPROVE, governed.train(asked=OPEN, groups=few))
    assert "age not judged, fewer than two groups have 30 held-out rows" in str(outcome.gates)
    three = told(group("old", 0.3), group("middle", 0.3), group("young", 0.9, counted=29))
    outcome = await governed.act(APPROVE, governed.train(asked=OPEN, groups=three))
    assert "1 too small to judge" in str(outcome.gates)


@pytest.mark.parametrize(
    ("measure", "counted"),
    [
        ("false_positive_rate_difference", "held-out rows of the negative label"),
        ("equal_opportunity_difference", "held-out rows of the positive label"),
        ("accuracy_score_difference", "held-out rows"),
    ],
)
async def test_too_few_are_of_the_rows_that_the_rate_counts(governed: GovernedLab, measure: str, counted: str) -> None:
    asked = replace(OPEN, fairness=Fairness(measure))
    few = told(group("old", 0.1), replace(group("young", 0.1, counted=29), rows=500), measure=measure)
    outcome = await governed.act(APPROVE, governed.train(asked=asked, groups=few))
    assert f"age not judged, fewer than two groups have 30 {counted}'" in str(outcome.gates)
    alike = told(group("old", 0.1), group("young", 0.1), measure=measure)
    await governed.promoted(governed.train(asked=asked, groups=alike))
    refused = closed(await governed.act(APPROVE, governed.train(asked=asked, groups=few)))
    assert f"fewer than two groups have 30 {counted}: hold out more rows" in refused["fairness"]
    assert f"fewer than two groups have 30 {counted}, so" in parse_measured(few).columns[0].says


async def test_errors_in_a_large_unit_are_judged_as_they_are(governed: GovernedLab) -> None:
    """A target in millions of millions has errors that six decimals would make equal."""
    errors = (Group("old", 200, 200, 2e-8, 1.9e-8, 2.1e-8), Group("young", 200, 200, 6e-8, 5.9e-8, 6.1e-8))
    whole = Comparison("age", "m", "mae", LEAST, errors, 4e-8)
    told_of = Measured("mean_absolute_error_difference", LEAST, (whole,)).as_details()
    asked = replace(OPEN, fairness=Fairness("mean_absolute_error_difference"))
    said = closed(await governed.act(APPROVE, governed.train(asked=asked, groups=told_of)))["fairness"]
    assert "age 4e-08 apart (young above old), at least 3.86e-08, which is more than 1e-08" in said


async def test_what_was_judged_of_the_champion_must_be_judged_of_what_follows(governed: GovernedLab) -> None:
    """Or whoever trains would hold out fewer rows."""
    await governed.promoted(governed.train(asked=OPEN, groups=ALIKE))
    few = told(group("old", 0.1, counted=12), group("young", 0.9, counted=12))
    said = closed(await governed.act(APPROVE, governed.train(asked=OPEN, groups=few)))["fairness"]
    assert "age was judged of the champion and can't be of this version" in said
    gone = Measured(PARITY, LEAST, ()).as_details()
    assert (
        "can't be of this version"
        in closed(await governed.act(APPROVE, governed.train(asked=OPEN, groups=gone)))["fairness"]
    )


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (Fairness("accuracy_score_difference"), f"compared by accuracy_score_difference, in force is {PARITY}"),
        (Fairness(NONE), f"compared by none, in force is {PARITY}"),
        (Fairness(PARITY, margin="0.9"), "groups may be 0.9 apart, in force is 0.1"),
        (Fairness(PARITY, margin="10%"), "groups may be 10% apart, in force is 0.1"),
        (Fairness(PARITY, least=1000), "groups of fewer than 1000 rows aren't judged, in force are 30"),
    ],
)
async def test_a_contract_that_asks_for_less_opens_nothing(governed: GovernedLab, asked: Fairness, said: str) -> None:
    governed.train(asked=OPEN, groups=ALIKE)
    looser = replace(OPEN, fairness=asked)
    # Twice: what was refused once is no precedent.
    for _ in range(2):
        version = governed.train(asked=looser, groups=ALIKE | {"measure": asked.measure, "least": asked.least})
        assert said in closed(await governed.act(APPROVE, version))["criteria"]


async def test_a_first_version_can_neither_leave_groups_out_nor_small_ones(governed: GovernedLab) -> None:
    for asked, said in (
        (Fairness(NONE), "nobody signed for that"),
        (Fairness(PARITY, least=31), "groups of fewer than 31 rows aren't judged, in force are 30"),
    ):
        version = governed.train(model=f"Other{asked.least}", asked=replace(OPEN, fairness=asked), groups=ALIKE)
        refused = closed(await governed.act(APPROVE, version, model=f"Other{asked.least}"))
        assert said in refused["criteria"]


async def test_what_an_officer_signs_is_what_groups_are_judged_by(governed: GovernedLab) -> None:
    version = governed.train(asked=OPEN, groups=APART)
    wide = replace(OPEN, fairness=Fairness(PARITY, margin="0.5"))
    setter(governed, OFFICER, wide).put_in_force("the law asks for it")
    assert (await governed.act(APPROVE, version)).succeeded
    other = replace(OPEN, fairness=Fairness("accuracy_score_difference"))
    setter(governed, OFFICER, other).put_in_force("another measure from now on")
    refused = closed(await governed.act(PROMOTE, version, ENGINEER))
    assert f"compared by {PARITY}, in force is accuracy_score_difference" in refused["criteria"]
    assert "train again" in refused["fairness"]


async def test_somebody_may_sign_that_groups_are_not_judged(governed: GovernedLab) -> None:
    nothing = replace(OPEN, fairness=Fairness(NONE))
    setter(governed, OFFICER, nothing).put_in_force("a law forbids comparing")
    outcome = await governed.act(APPROVE, governed.train(asked=nothing, groups=Measured(NONE, 30, ()).as_details()))
    assert outcome.succeeded
    assert "somebody signed for that" in str(outcome.gates)


async def test_signing_counts_the_margin_and_a_policy_may_be_silent(governed: GovernedLab) -> None:
    governed.config = replace(governed.config, policy=replace(governed.config.policy, fairness={}))
    outcome = await governed.act(APPROVE, governed.train(asked=OPEN, groups=APART))
    assert outcome.succeeded
    assert "so groups aren't judged" in str(outcome.gates)
    own = replace(OPEN, fairness=Fairness(PARITY, margin="0.05"))
    refused = closed(await governed.act(APPROVE, governed.train(asked=own, groups=APART)))
    assert set(refused) == {"fairness"}


async def test_a_measure_that_the_policy_leaves_out_is_no_way_around_it(governed: GovernedLab) -> None:
    some = {"accuracy_score_difference": {"low": "0.1", "medium": "0.1", "high": "0.1"}}
    governed.config = replace(governed.config, policy=replace(governed.config.policy, fairness=some))
    refused = closed(await governed.act(APPROVE, governed.train(asked=OPEN, groups=ALIKE)))
    assert f"no margin for {PARITY}" in refused["fairness"]


async def test_a_graver_tier_has_its_own_margin(governed: GovernedLab) -> None:
    by_tier = {PARITY: {"low": "0.9", "medium": "0.9", "high": "0.1"}}
    governed.config = replace(governed.config, policy=replace(governed.config.policy, fairness=by_tier))
    assert (await governed.act(APPROVE, governed.train(asked=OPEN, groups=APART))).succeeded
    grave = governed.train(asked=replace(OPEN, tier="high"), groups=APART)
    assert "fairness" in closed(await governed.act(APPROVE, grave))


async def test_a_share_is_one_of_the_value_over_all_rows(governed: GovernedLab) -> None:
    share = {PARITY: dict.fromkeys(("low", "medium", "high"), "50%")}
    governed.config = replace(governed.config, policy=replace(governed.config.policy, fairness=share))
    said = closed(await governed.act(APPROVE, governed.train(asked=OPEN, groups=APART)))["fairness"]
    assert "which is more than 0.15" in said


async def test_versions_of_the_time_before_go_on_as_they_did(governed: GovernedLab) -> None:
    bare, older = governed.train(), governed.train(asked=replace(OPEN, fairness=None))
    for version in (bare, older):
        await governed.promoted(version)
    governed.train(asked=OPEN, groups=ALIKE)
    # Also once the pipeline audits groups; but then it leaves them out of no registration.
    assert (await governed.act(APPROVE, governed.train(asked=OPEN, groups=ALIKE))).succeeded
    forged = governed.train(asked=replace(OPEN, fairness=None))
    assert "names no measure" in closed(await governed.act(APPROVE, forged))["fairness"]


async def test_an_entry_without_groups_or_with_other_ones_opens_nothing(governed: GovernedLab) -> None:
    for groups in (None, {}, {**ALIKE, "columns": "none"}, {**ALIKE, "least": -1}):
        refused = closed(await governed.act(APPROVE, governed.train(asked=OPEN, groups=groups)))
        assert "audited nothing of groups" in refused["fairness"]
    other = governed.train(asked=OPEN, groups={**ALIKE, "measure": ODDS})
    assert "train again" in closed(await governed.act(APPROVE, other))["fairness"]


async def test_without_a_protected_column_there_is_nothing_to_compare(governed: GovernedLab) -> None:
    outcome = await governed.act(APPROVE, governed.train(asked=replace(OPEN, protected=())))
    assert outcome.succeeded
    assert "no column is protected" in str(outcome.gates)


async def test_tags_and_metrics_of_mlflow_say_nothing_of_groups(governed: GovernedLab) -> None:
    version = governed.train(asked=OPEN, groups=APART)
    registry = governed.registry
    registry.metrics[registry.runs[version]] |= {"selection_rate_difference_age": 0.0}
    registry.tags[version] |= {"fairness": "fine"}
    assert "fairness" in closed(await governed.act(APPROVE, version))


def test_groups_survive_the_trail_and_what_are_none_is_refused() -> None:
    found = parse_measured(ALIKE)
    assert found.as_details() == ALIKE
    for raw in (
        {**ALIKE, "measure": "x"},
        {**ALIKE, "columns": [1]},
        {**ALIKE, "columns": [{"column": "a"}]},
        [],
        None,
    ):
        with pytest.raises(LedgerError, match="no groups"):
            parse_measured(raw)
    bad = {**ALIKE["columns"][0], "groups": [{**ALIKE["columns"][0]["groups"][0], "value": "NaN"}]}
    with pytest.raises(LedgerError, match="no groups"):
        parse_measured({**ALIKE, "columns": [bad]})


def test_of_very_many_groups_the_ones_furthest_apart_are_audited() -> None:
    many = [group(f"g{number:03}", 0.3 + number / 1000) for number in range(300)]
    whole = Measured(PARITY, LEAST, (Comparison("age", "m", "selection_rate", LEAST, tuple(many)),))
    kept = parse_measured(whole.as_details())
    assert len(kept.columns[0].groups) == 40
    assert kept.columns[0].furthest() == whole.columns[0].furthest()
