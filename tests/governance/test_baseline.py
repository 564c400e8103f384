"""The baseline: a name is enough in dev, a known key must sign for it where the policy says so."""

from pathlib import Path

import pytest

from lab.base.errors import PolicyDenied
from lab.governance.cases.baseline import BaselineApproval
from lab.governance.cases.signing import Signing, read_signers
from lab.governance.ledger import Status
from lab.governance.rules.approval_states import parse_baseline_statement
from tests.support.contracts import MODEL_NAME
from tests.support.governed_lab import ADMIN, BASELINE, ENGINEER, OFFICER, GovernedLab
from tests.support.keys import stock_verify

NEW = {"data_hash": "c" * 64, "rows": 1000, "source": "applications.csv"}


@pytest.fixture
def governed(tmp_path: Path) -> GovernedLab:
    return GovernedLab(tmp_path, ENVIRONMENT="prod", RUN_ROLE="platform-admin").staffed(baseline=False)


def baseline(governed: GovernedLab, by: str | None) -> BaselineApproval:
    return BaselineApproval(
        governed.config, governed.store, Signing(governed.keys[by] if by else None, home=governed.folder), MODEL_NAME
    )


def test_in_dev_a_name_is_enough(tmp_path: Path) -> None:
    governed = GovernedLab(tmp_path).staffed()
    assert list(governed.history().baselines_of(MODEL_NAME).audited) == [BASELINE]
    asked = governed.store.entries[-2]
    assert (asked.status, asked.environment, "signature" in asked.details) == (Status.REQUESTED, "dev", False)


def test_in_prod_it_is_signed_and_stock_ssh_keygen_verifies_it(governed: GovernedLab, tmp_path: Path) -> None:
    one = baseline(governed, OFFICER)
    one.done(one.ask(NEW, "the portfolio of last year"))
    asked, done = governed.store.entries[-2:]
    assert (asked.owner, asked.role, done.owner, done.status) == (OFFICER, "risk-officer", OFFICER, "success")
    message = parse_baseline_statement(asked.details["statement"]).body()
    known = read_signers(governed.config)
    assert stock_verify(tmp_path, message, asked.details["signature"], known, "role=risk-officer")
    assert governed.history().baselines_of(MODEL_NAME).audited == {NEW["data_hash"]: asked.seq}
    assert governed.history().ignored == ()


@pytest.mark.parametrize(("by", "problem"), [(ENGINEER, "may not set a baseline in prod"), (None, "no SSH key")])
def test_in_prod_nobody_else_sets_it(governed: GovernedLab, by: str | None, problem: str) -> None:
    with pytest.raises(PolicyDenied, match=problem):
        baseline(governed, by).ask(NEW, "why not")
    assert governed.store.entries[-1].status is Status.BLOCKED
    assert governed.history().baselines_of(MODEL_NAME).audited == {}


def test_entries_that_nobody_signed_or_that_were_signed_before_do_not_count(governed: GovernedLab) -> None:
    one = baseline(governed, ADMIN)
    one.done(one.ask(NEW, "genuine"))
    asked, done = governed.store.entries[-2:]
    other = {**NEW, "data_hash": "e" * 64}
    for forged in (other, {**asked.details, **other}, asked.details):
        copy = governed.copy(asked, details=forged)
        governed.copy(done, details={**done.details, "data_hash": forged["data_hash"], "request_seq": copy.seq})
    governed.copy(done, details={**done.details, "data_hash": "e" * 64})
    history = governed.history()
    assert history.baselines_of(MODEL_NAME).audited == {NEW["data_hash"]: asked.seq}
    assert len(history.ignored) == 7


@pytest.mark.parametrize("seq", [[], {}, "1", None, True])
def test_an_end_whose_request_is_no_number_does_not_count_and_stops_no_reader(
    seq: object, governed: GovernedLab
) -> None:
    done = governed.append("baseline", Status.SUCCESS, details={"request_seq": seq, "data_hash": "e" * 64})
    history = governed.history()
    assert [one.seq for one in history.uncounted] == [done.seq]
    assert history.baselines_of("").audited == {}
