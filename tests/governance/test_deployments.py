"""Who may deploy where, and whose approval of which plan counts."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lab.base.errors import LabError, PolicyDenied
from lab.governance.cases.deploy_approval import DeploymentApprover, DeploymentTrail, PlanFacts
from lab.governance.cases.signing import Signing, read_signers
from lab.governance.ledger import Entry, Status, Unfinished
from lab.governance.rules.approval_states import parse_deployment_statement
from lab.governance.rules.deployments import second_person_problem
from lab.governance.rules.policy import Environment, Role
from tests.support.governed_lab import ADMIN, ENGINEER, OFFICER, GovernedLab
from tests.support.keys import stock_verify

PLAN, OTHER = "a" * 64, "c" * 64
FACTS = PlanFacts(PLAN, ENGINEER, Environment.PROD, "133333333333", "3f2a90c1d2e3")
DETAILS = {"stage": "plan", "plan": PLAN, "account": FACTS.account, "image_tag": FACTS.image_tag}


class Room:
    """A lab whose engineer planned something for prod."""

    def __init__(self, folder: Path) -> None:
        self.governed = GovernedLab(folder).staffed(baseline=False)
        self.trail(ENGINEER).record(Status.SUCCESS, DETAILS)

    def trail(self, owner: str, role: Role = Role.ML_ENGINEER) -> DeploymentTrail:
        actor = replace(self.governed.config.actor, owner=owner, role=role, environment=Environment.PROD)
        return DeploymentTrail(replace(self.governed.config, actor=actor), self.governed.store)

    def approve(self, by: str | None, facts: PlanFacts = FACTS) -> Entry:
        key = self.governed.keys[by] if by else None
        signing = Signing(key, home=self.governed.folder)
        return DeploymentApprover(self.governed.config, self.governed.store, signing).approve(facts, "looked at it")

    @property
    def last(self) -> Entry:
        return self.governed.store.entries[-1]


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return Room(tmp_path)


def test_an_approved_plan_may_be_applied_and_stock_ssh_keygen_verifies_who_said_so(room: Room, tmp_path: Path) -> None:
    entry = room.approve(OFFICER)
    assert room.trail(ENGINEER).approval(PLAN) == entry
    assert (entry.action, entry.status, entry.environment, entry.role) == (
        "approve-deploy",
        "success",
        "prod",
        "risk-officer",
    )
    message = parse_deployment_statement(entry.details["statement"]).body()
    known = read_signers(room.governed.config)
    assert stock_verify(tmp_path, message, entry.details["signature"], known, "role=risk-officer")
    assert room.governed.history().uncounted == ()


def test_a_plan_that_nobody_approved_is_not_applied(room: Room) -> None:
    with pytest.raises(PolicyDenied, match="nobody approved the plan aaaaaaaaaaaa") as caught:
        room.trail(ENGINEER).approval(PLAN)
    assert "invoke approve-deploy --env prod" in caught.value.remedy
    assert (room.last.action, room.last.status, room.last.details["stage"]) == ("deploy", Status.BLOCKED, "apply")


def test_a_plan_that_changed_after_its_approval_is_not_applied(room: Room) -> None:
    room.approve(OFFICER)
    with pytest.raises(PolicyDenied, match=f"the plan changed after its approval: {OFFICER} approved aaaaaaaaaaaa"):
        room.trail(ENGINEER).approval(OTHER)


def test_an_approval_counts_for_one_apply(room: Room) -> None:
    room.approve(OFFICER)
    room.trail(ENGINEER).record(Status.STARTED, {**DETAILS, "stage": "apply"})
    with pytest.raises(PolicyDenied, match="was begun already"):
        room.trail(ENGINEER).approval(PLAN)


@pytest.mark.parametrize("plan", [PLAN, OTHER])
def test_an_apply_that_is_turned_away_ends_no_earlier_one_that_was_killed(room: Room, plan: str) -> None:
    room.approve(OFFICER)
    room.trail(ENGINEER).record(Status.STARTED, {**DETAILS, "stage": "apply"})
    killed = room.last.seq
    with pytest.raises(PolicyDenied):
        room.trail(ENGINEER).approval(plan)
    with pytest.raises(PolicyDenied):
        room.trail(ENGINEER, Role.DATA_SCIENTIST).admit("apply")
    unfinished = Unfinished()
    for entry in room.governed.store.entries:
        unfinished.see(entry)
    assert [entry.seq for entry in unfinished.entries()] == [killed]


def test_who_approved_does_not_apply(room: Room) -> None:
    room.approve(ADMIN)
    with pytest.raises(PolicyDenied, match=f"{ADMIN} deploys it, and can't approve it"):
        room.trail(ADMIN, Role.PLATFORM_ADMIN).approval(PLAN)
    with pytest.raises(PolicyDenied, match="can't approve it"):
        room.trail(ADMIN.upper(), Role.PLATFORM_ADMIN).approval(PLAN)


def test_who_deploys_does_not_approve_under_another_name(room: Room) -> None:
    history = room.governed.history()
    signer = next(one for one in history.identities.signers if one.name == OFFICER)
    theirs = replace(history.identities, owners={signer.key: ENGINEER.upper()})
    assert second_person_problem(ENGINEER, OFFICER, signer, history.identities) == ""
    assert f"is one of {ENGINEER}" in second_person_problem(ENGINEER, OFFICER, signer, theirs)


@pytest.mark.parametrize(
    ("by", "planner", "problem"),
    [
        (ENGINEER, OFFICER, "may not approve deployments in prod"),
        (None, ENGINEER, "no SSH key"),
        (ADMIN, ADMIN, f"{ADMIN} deploys it, and can't approve it"),
    ],
)
def test_nobody_else_approves(room: Room, by: str | None, planner: str, problem: str) -> None:
    room.trail(planner).record(Status.SUCCESS, DETAILS)
    with pytest.raises(PolicyDenied, match=problem):
        room.approve(by, replace(FACTS, planner=planner))
    assert (room.last.action, room.last.status) == ("approve-deploy", Status.REFUSED)
    assert room.governed.history().deployments.approved == {}


def test_a_plan_that_the_trail_does_not_know_is_not_approved(room: Room) -> None:
    with pytest.raises(LabError, match="doesn't know the plan cccccccccccc"):
        room.approve(OFFICER, replace(FACTS, plan=OTHER))


def test_an_approval_that_somebody_forged_does_not_count(room: Room) -> None:
    entry = room.approve(OFFICER)
    room.trail(ENGINEER).record(Status.SUCCESS, {**DETAILS, "plan": OTHER})
    statement: dict[str, Any] = dict(entry.details["statement"])
    unsigned = {name: value for name, value in entry.details.items() if name != "signature"}
    for forged in (
        {**entry.details, "plan": OTHER},
        {**entry.details, "plan": OTHER, "statement": {**statement, "plan": OTHER}},
        {**unsigned, "plan": OTHER, "statement": {**statement, "plan": OTHER}},
    ):
        room.governed.copy(entry, details=forged)
    history = room.governed.history()
    assert list(history.deployments.approved) == [PLAN]
    assert len(history.uncounted) == 3


def test_the_policy_decides_before_anything_else(room: Room) -> None:
    room.trail(ENGINEER).admit("plan")
    with pytest.raises(PolicyDenied, match="as data-scientist may not deploy in prod"):
        room.trail("dora@example.com", Role.DATA_SCIENTIST).admit("plan")
    assert (room.last.status, room.last.owner) == (Status.BLOCKED, "dora@example.com")


def test_an_approval_counts_as_long_as_the_policy_lets_that_role_approve(room: Room) -> None:
    room.approve(OFFICER)
    rules = tuple(rule for rule in room.governed.config.policy.rules if rule.id != "approve-deploy")
    trail = room.trail(ENGINEER)
    stricter = replace(trail.config, policy=replace(trail.config.policy, rules=rules))
    with pytest.raises(PolicyDenied, match="no longer counts the approval"):
        replace(trail, config=stricter).approval(PLAN)


def test_without_a_trail_nothing_is_recorded_and_where_nobody_must_sign_nobody_is_asked(room: Room) -> None:
    trail = replace(room.trail(ENGINEER), store=None)
    assert trail.record(Status.STARTED, {}) is None
    dev = replace(room.trail(ENGINEER).config.actor, environment=Environment.DEV)
    assert replace(room.trail(ENGINEER), config=replace(trail.config, actor=dev)).approval(PLAN) is None
