"""The baseline: a name is enough in dev, a known key must sign for it where the policy says so."""

from pathlib import Path

import pytest

from lab.base.errors import PolicyDenied
from lab.governance.cases.baseline import BaselineApproval
from lab.governance.cases.signing import Signing, read_signers
from lab.governance.ledger import Status
from lab.governance.rules.approval_states import parse_baseline_statement
from tests.operations.desk import ADMIN, BASELINE, ENGINEER, OFFICER, Desk
from tests.support.keys import stock_verify

NEW = {"data_hash": "c" * 64, "rows": 1000, "source": "applications.csv"}


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path, ENVIRONMENT="prod", RUN_ROLE="platform-admin").staffed(baseline=False)


def baseline(desk: Desk, by: str | None) -> BaselineApproval:
    return BaselineApproval(desk.config, desk.store, Signing(desk.keys[by] if by else None, home=desk.folder))


def test_in_dev_a_name_is_enough(tmp_path: Path) -> None:
    desk = Desk(tmp_path).staffed()
    assert list(desk.history().baselines.audited) == [BASELINE]
    asked = desk.store.entries[-2]
    assert (asked.status, asked.environment, "signature" in asked.details) == (Status.REQUESTED, "dev", False)


def test_in_prod_it_is_signed_and_stock_ssh_keygen_verifies_it(desk: Desk, tmp_path: Path) -> None:
    one = baseline(desk, OFFICER)
    one.done(one.ask(NEW, "the portfolio of last year"))
    asked, done = desk.store.entries[-2:]
    assert (asked.owner, asked.role, done.owner, done.status) == (OFFICER, "risk-officer", OFFICER, "success")
    message = parse_baseline_statement(asked.details["statement"]).body()
    known = read_signers(desk.config)
    assert stock_verify(tmp_path, message, asked.details["signature"], known, "role=risk-officer")
    assert desk.history().baselines.audited == {NEW["data_hash"]: asked.seq}
    assert desk.history().ignored == ()


@pytest.mark.parametrize(("by", "problem"), [(ENGINEER, "may not baseline in prod"), (None, "no SSH key")])
def test_in_prod_nobody_else_sets_it(desk: Desk, by: str | None, problem: str) -> None:
    with pytest.raises(PolicyDenied, match=problem):
        baseline(desk, by).ask(NEW, "why not")
    assert desk.store.entries[-1].status is Status.BLOCKED
    assert desk.history().baselines.audited == {}


def test_entries_that_nobody_signed_or_that_were_signed_before_do_not_count(desk: Desk) -> None:
    one = baseline(desk, ADMIN)
    one.done(one.ask(NEW, "genuine"))
    asked, done = desk.store.entries[-2:]
    other = {**NEW, "data_hash": "e" * 64}
    for forged in (other, {**asked.details, **other}, asked.details):
        copy = desk.copy(asked, details=forged)
        desk.copy(done, details={**done.details, "data_hash": forged["data_hash"], "request_seq": copy.seq})
    desk.copy(done, details={**done.details, "data_hash": "e" * 64})
    history = desk.history()
    assert history.baselines.audited == {NEW["data_hash"]: asked.seq}
    assert len(history.ignored) == 7


@pytest.mark.parametrize("seq", [[], {}, "1", None, True])
def test_an_end_whose_request_is_no_number_does_not_count_and_stops_no_reader(seq: object, desk: Desk) -> None:
    done = desk.append("baseline", Status.SUCCESS, details={"request_seq": seq, "data_hash": "e" * 64})
    history = desk.history()
    assert [one.seq for one in history.uncounted] == [done.seq]
    assert history.baselines.audited == {}
