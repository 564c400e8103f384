"""The exporter's comparison of registry and trail: what it counts, what it survives, what it never claims."""

from dataclasses import replace
from pathlib import Path

import pytest

from exporters.entry_validator import EntryValidator
from exporters.reconcile_metrics import ReconcileCollector, ReconcileStatus, ReconcileWatch, Registry
from lab.base.errors import LabError, ServiceUnavailable
from lab.base.model_versions import ModelVersion
from lab.governance.cases.signing import Signing
from lab.governance.rules.policy import Action
from lab.governance.rules.registry_findings import Kind
from tests.exporters.exposition import names, scrape, value
from tests.operations.desk import Desk


class Watched:
    """A watch over a desk; `broken` is what the registry raises instead of answering."""

    def __init__(self, desk: Desk) -> None:
        self.desk, self.policy = desk, desk.config.policy
        self.broken: LabError | None = None
        self.now = 0.0
        self.validator = EntryValidator(
            desk.config.name, desk.config.audit_prefix, lambda: desk.store, lambda: self.policy, lambda: self.now
        )
        self.watch = ReconcileWatch(self.validator, self.registry)

    def registry(self) -> Registry:
        if self.broken:
            raise self.broken
        registry = self.desk.registry
        versions = [
            ModelVersion("CreditRiskModel", number, 0.0, f"run{number}", tags=tags)
            for number, tags in registry.tags.items()
        ]
        held = {number: [a for a, holder in registry.aliases.items() if holder == number] for number in registry.tags}
        return versions, held

    def round(self) -> ReconcileStatus:
        self.watch.refresh()
        return self.watch.status


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    return Watched(Desk(tmp_path).staffed())


async def test_differences_are_counted_by_kind_and_vanish_with_their_cause(watched: Watched) -> None:
    desk = watched.desk
    version = desk.train()
    await desk.promoted(version, "staging")
    assert watched.round() == ReconcileStatus(True, True, (), dict.fromkeys(map(str, Kind), 0))
    desk.registry.aliases["champion"] = version
    desk.registry.tags[version]["owner"] = "eve"
    found = scrape([ReconcileCollector(watched.round)])
    assert value(found, "governance_reconcile_findings", kind="alias") == 1
    assert value(found, "governance_reconcile_findings", kind="tag") == 1
    assert value(found, "governance_reconcile_findings", kind="gone") == 0
    desk.registry.aliases.pop("champion")
    desk.registry.tags[version]["owner"] = "dora@example.com"
    assert watched.round().findings == ()


async def test_new_entries_are_taken_once(watched: Watched) -> None:
    watched.round()
    version = watched.desk.train()
    assert watched.round().findings == ()
    await watched.desk.act(Action.REJECT, version)
    assert watched.round().findings == ()


def test_nothing_is_claimed_before_the_first_comparison(watched: Watched) -> None:
    watched.broken = ServiceUnavailable("MLflow is down.")
    found = scrape([ReconcileCollector(watched.round)])
    assert value(found, "governance_reconcile_up") == 0
    assert "governance_reconcile_findings" not in names(found)


def test_a_failure_keeps_what_was_found(watched: Watched) -> None:
    watched.desk.registry.tags["1"] = {"deployment_blocked": "true"}
    assert watched.round().by_kind["unaudited"] == 1
    watched.broken = ServiceUnavailable("MLflow is down.")
    status = watched.round()
    assert (status.up, status.known, status.by_kind["unaudited"]) == (False, True, 1)
    watched.broken = None
    assert watched.round().up


def test_a_long_trail_is_read_over_several_rounds(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exporters.entry_validator.PAGE", 3)
    monkeypatch.setattr("exporters.entry_validator.ROUND_S", -1.0)
    watched.desk.train()
    watched.desk.train()
    rounds = [watched.round().known for _ in range(5)]
    assert rounds == [False, False, False, True, True]
    assert watched.watch.status.findings == ()


async def test_another_policy_judges_the_whole_trail_anew(tmp_path: Path) -> None:
    desk = Desk(tmp_path, RUN_ROLE="risk-officer")
    watched, strict = Watched(desk), desk.config.policy
    lax = replace(strict, signed=frozenset())
    desk.config = replace(desk.config, policy=lax)
    outcome = await desk.act(Action.APPROVE, desk.train(owner="somebody@example.com"), signing=Signing())
    assert outcome.succeeded
    watched.policy = lax
    assert watched.round().findings == ()
    watched.policy = strict
    assert {finding.subject for finding in watched.round().findings} >= {"approval_state", "deployment_blocked"}
