"""The state machine and what people sign."""

import itertools
import json

import pytest

from lab.base.errors import LedgerError, UsageError
from lab.base.model_versions import ApprovalState
from lab.governance.rules.approval_states import (
    ACTIONS,
    CHAMPION,
    LONGEST_REASON,
    MOVES,
    STAGING,
    IdentityStatement,
    Move,
    Statement,
    acted_in,
    checked_reason,
    checked_version,
    find_move,
    parse_identity_statement,
    parse_statement,
)
from lab.governance.rules.policy import Action, Environment

S, A = ApprovalState, Action
STATEMENT = Statement(
    lab="mlops-lab",
    action="approve",
    model="CreditRiskModel",
    version="1",
    from_state="pending_staging",
    to_state="approved_staging",
    environment="staging",
    actor="olga@example.com",
    role="risk-officer",
    reason="größer als 1 €",
    data_hash="d" * 64,
    prior="e" * 64,
    policy_hash="f" * 64,
    time="2026-11-23T12:00:00.000000Z",
)


def test_the_way_to_production_is_approved_and_promoted_twice() -> None:
    state, way = S.PENDING_STAGING, []
    for action in (A.APPROVE, A.PROMOTE, A.APPROVE, A.PROMOTE):
        move = find_move(state, action, is_champion=False)
        assert isinstance(move, Move)
        way.append((move.to_state, move.environment, move.alias))
        state = move.to_state
    assert way == [
        (S.APPROVED_STAGING, Environment.STAGING, ""),
        (S.PENDING_PROD, Environment.STAGING, STAGING),
        (S.APPROVED_PROD, Environment.PROD, ""),
        (S.APPROVED_PROD, Environment.PROD, CHAMPION),
    ]


@pytest.mark.parametrize(("state", "action"), itertools.product(ApprovalState, ACTIONS))
def test_every_state_and_action_has_a_move_or_a_reason(state: ApprovalState, action: Action) -> None:
    possible = {
        S.PENDING_STAGING: {A.APPROVE, A.REJECT, A.ARCHIVE},
        S.APPROVED_STAGING: {A.PROMOTE, A.REJECT, A.ARCHIVE},
        S.PENDING_PROD: {A.APPROVE, A.REJECT, A.ARCHIVE},
        S.APPROVED_PROD: {A.PROMOTE, A.REJECT, A.ARCHIVE},
        S.REJECTED: {A.ARCHIVE},
        S.ARCHIVED: set(),
    }
    move = find_move(state, action, is_champion=False)
    assert isinstance(move, Move) is (action in possible[state])
    if isinstance(move, str):
        assert state in move


def test_only_run_and_the_like_have_no_moves() -> None:
    assert {action for _, action in MOVES} == set(ACTIONS)


def test_the_champion_is_rejected_but_neither_promoted_again_nor_archived() -> None:
    assert isinstance(find_move(S.APPROVED_PROD, A.REJECT, is_champion=True), Move)
    assert "champion already" in str(find_move(S.APPROVED_PROD, A.PROMOTE, is_champion=True))
    assert "promote another" in str(find_move(S.APPROVED_PROD, A.ARCHIVE, is_champion=True))


@pytest.mark.parametrize("state", ApprovalState)
def test_nothing_is_ever_done_in_dev(state: ApprovalState) -> None:
    assert acted_in(state) in {Environment.STAGING, Environment.PROD}


def test_a_statement_is_signed_as_canonical_json() -> None:
    body = STATEMENT.body()
    assert json.loads(body) == {**STATEMENT.as_details(), "type": "mlops-lab/statement/v1"}
    assert list(json.loads(body)) == sorted(json.loads(body))
    assert b"gr\xc3\xb6\xc3\x9fer als 1 \xe2\x82\xac" in body
    assert b": " not in body


def test_statements_survive_the_trail() -> None:
    assert parse_statement(json.loads(STATEMENT.body())) == STATEMENT
    line = IdentityStatement("lab", "add", "a,role=…", "prod", "a", "platform-admin", "why", "0", "p", "t")
    assert parse_identity_statement(json.loads(line.body())) == line


@pytest.mark.parametrize(
    "change", [{"type": "mlops-lab/statement/v2"}, {"version": 1}, {"extra": "x"}, {"prior": None}, {"details": {}}]
)
def test_what_is_no_statement_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(LedgerError):
        parse_statement({**STATEMENT.as_details(), **change})


@pytest.mark.parametrize("raw", [None, [], "x", {}, {"type": "mlops-lab/statement/v1"}])
def test_what_is_no_mapping_is_refused(raw: object) -> None:
    with pytest.raises(LedgerError):
        parse_statement(raw)


def test_one_kind_of_statement_is_not_the_other() -> None:
    with pytest.raises(LedgerError):
        parse_identity_statement(STATEMENT.as_details())


def test_a_reason_is_one_line_of_text() -> None:
    assert checked_reason("  good\n  enough ") == "good enough"
    for wrong in ("", "  ", "a\x1b[2J", "x" * (LONGEST_REASON + 1)):
        with pytest.raises(UsageError):
            checked_reason(wrong)


def test_a_version_is_a_number() -> None:
    assert checked_version("07") == "7"
    for wrong in ("", "0", "-1", "1.0", "champion", "²", "9" * 5000):
        with pytest.raises(UsageError):
            checked_version(wrong)
