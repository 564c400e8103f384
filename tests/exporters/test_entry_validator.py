"""What the exporter says of entries that are linked as they must be and yet prove nothing."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from exporters.entry_validator import EntryValidator, EntryValidityCollector
from lab.base.errors import LabError, ServiceUnavailable
from lab.governance.cases.signing import Signing
from lab.governance.checks.sandbox import approval_entry
from lab.governance.ledger import Entry
from lab.governance.rules.approval_states import PROBE
from lab.governance.rules.entry_validity import NEWEST, EntryValidity
from lab.governance.rules.policy import Action, Actor, Environment, Role
from lab.services.exposition import read_entry_validity
from tests.exporters.exposition import exposed, names, parse, value
from tests.governance.test_races import meanwhile
from tests.support.governed_lab import ADMIN, OFFICER, GovernedLab, MemoryStore

STRANGER = Actor("eve@example.com", Role.RISK_OFFICER, Environment.STAGING)


class Court:
    """A validator over a governed lab."""

    def __init__(self, governed: GovernedLab) -> None:
        self.governed, self.policy = governed, governed.config.policy
        self.validator = EntryValidator(
            governed.config.name, governed.config.audit_prefix, lambda: governed.store, lambda: self.policy
        )

    def forge(self, version: str) -> Entry:
        """An approval by somebody who has the pipeline's credential and nobody's key."""
        record = self.governed.record(version)
        return self.governed.ledger.append(approval_entry(self.governed.config, record, STRANGER))

    def exposed(self) -> str:
        self.validator.catch_up()
        return exposed([EntryValidityCollector(lambda: self.validator.found)])


@pytest.fixture
def court(tmp_path: Path) -> Court:
    return Court(GovernedLab(tmp_path).staffed())


async def test_a_forged_approval_is_counted_and_named_a_real_one_is_not(court: Court) -> None:
    version = court.governed.train()
    forged = court.forge(version)
    await court.governed.act(Action.APPROVE, version, OFFICER)
    text = court.exposed()
    assert value(parse(text), "governance_entries_uncounted") == 1
    assert value(parse(text), "governance_uncounted_entry", seq=str(forged.seq), probe="false") == 1
    assert read_entry_validity(text) == EntryValidity(forged.seq + 1, frozenset({forged.seq}))


def test_what_a_verification_forges_on_its_own_probe_is_named_but_raises_no_alarm(court: Court) -> None:
    forged = court.forge(court.governed.train(owner=PROBE))
    text = court.exposed()
    assert value(parse(text), "governance_entries_uncounted") == 0
    verdicts = read_entry_validity(text)
    assert verdicts == EntryValidity(forged.seq, frozenset({forged.seq}), frozenset({forged.seq}))


def test_nothing_is_claimed_before_the_whole_trail_was_read(court: Court, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exporters.entry_validator.PAGE", 3)
    monkeypatch.setattr("exporters.entry_validator.ROUND_S", -1.0)
    court.forge(court.governed.train())
    assert "governance_entries_uncounted" not in names(parse(court.exposed()))
    for _ in range(5):
        court.validator.catch_up()
    assert value(parse(court.exposed()), "governance_entries_uncounted") == 1


def test_an_unreadable_store_keeps_what_was_found(court: Court, monkeypatch: pytest.MonkeyPatch) -> None:
    court.forge(court.governed.train())
    before = court.exposed()

    def gone(key: str, limit: int) -> list[str]:
        raise ServiceUnavailable("The store is down.")

    monkeypatch.setattr(court.governed.store, "keys_after", gone)
    with pytest.raises(ServiceUnavailable):
        court.validator.catch_up()
    assert exposed([EntryValidityCollector(lambda: court.validator.found)]) == before


def test_a_store_that_cannot_be_had_when_the_policy_changes_is_asked_for_again(
    court: Court, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The follower before holds so many entries only; the forged one isn't among them.
    monkeypatch.setattr("exporters.entry_validator.PAGE", 3)
    forged = court.forge(court.governed.train())
    court.governed.train()
    court.governed.train()
    newest = court.governed.store.entries[-1].seq
    court.exposed()
    court.policy = replace(court.policy, margins={"auc": "0.02"})

    def gone() -> MemoryStore:
        raise ServiceUnavailable("The store is down.")

    with monkeypatch.context() as patched:
        patched.setattr(court.validator, "_store", gone)
        with pytest.raises(ServiceUnavailable):
            court.validator.catch_up()
    verdicts = read_entry_validity(court.exposed())
    assert verdicts == EntryValidity(newest, frozenset({forged.seq}))


async def test_another_policy_judges_the_whole_trail_anew(tmp_path: Path) -> None:
    governed = GovernedLab(tmp_path, RUN_ROLE="risk-officer")
    court, strict = Court(governed), governed.config.policy
    court.policy = replace(strict, signed=frozenset())
    governed.config = replace(governed.config, policy=court.policy)
    assert (await governed.act(Action.APPROVE, governed.train(owner="sam@example.com"), signing=Signing())).succeeded
    assert value(parse(court.exposed()), "governance_entries_uncounted") == 0
    court.policy = strict
    assert value(parse(court.exposed()), "governance_entries_uncounted") == 1


def test_who_forges_many_entries_does_not_fill_prometheus(court: Court) -> None:
    version = court.governed.train()
    newest = [court.forge(version).seq for _ in range(NEWEST + 3)][-NEWEST:]
    text = court.exposed()
    assert value(parse(text), "governance_entries_uncounted") == NEWEST + 3
    verdicts = read_entry_validity(text)
    assert verdicts
    assert verdicts.uncounted == set(newest)


async def test_a_decision_that_lost_a_race_is_told_and_raises_no_alarm(court: Court) -> None:
    version = court.governed.train()
    slow = meanwhile(court.governed, OFFICER, lambda: asyncio.run(court.governed.act(Action.REJECT, version, ADMIN)))
    with pytest.raises(LabError, match="overtaken"):
        await court.governed.act(Action.APPROVE, version, signing=slow)
    newest = court.governed.store.entries[-1].seq
    text = court.exposed()
    assert value(parse(text), "governance_entries_uncounted") == 0
    assert value(parse(text), "governance_entries_overtaken") == 1
    assert read_entry_validity(text) == EntryValidity(newest, overtaken=frozenset({newest}))
