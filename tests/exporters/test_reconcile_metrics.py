"""The exporter's comparison of registry and trail: what it counts, what it survives, what it never claims."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from exporters.entry_validator import EntryValidator
from exporters.reconcile_metrics import ReconcileCollector, ReconcileStatus, ReconcileWatch
from lab.base.errors import LabError, ServiceUnavailable
from lab.governance.cases.signing import Signing
from lab.governance.rules.policy import Action
from lab.governance.rules.registry_findings import Kind, Registry
from tests.exporters.exposition import names, scrape, value
from tests.support.contracts import MODEL_NAME
from tests.support.governed_lab import GovernedLab


class Watched:
    """A watch over a governed lab; `broken` is what the registry raises instead of answering."""

    def __init__(self, governed: GovernedLab) -> None:
        self.governed, self.policy = governed, governed.config.policy
        self.broken: LabError | None = None
        self.now = 0.0
        self.validator = EntryValidator(
            governed.config.name,
            governed.config.audit_prefix,
            lambda: governed.store,
            lambda: self.policy,
            lambda: self.now,
        )
        self.watch = ReconcileWatch(self.validator, self.registry, lambda: self.models)
        self.models = [MODEL_NAME]

    def registry(self) -> Registry:
        if self.broken:
            raise self.broken
        # As the exporter does: from a thread that runs no event loop.
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(lambda: asyncio.run(self.governed.registry.client().registry())).result()

    def round(self) -> ReconcileStatus:
        self.watch.refresh()
        return self.watch.status


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    return Watched(GovernedLab(tmp_path).staffed())


async def test_differences_are_counted_by_kind_and_vanish_with_their_cause(watched: Watched) -> None:
    governed = watched.governed
    version = governed.train()
    await governed.promoted(version, "staging")
    none = {(MODEL_NAME, str(kind)): 0 for kind in Kind}
    assert watched.round() == ReconcileStatus(True, True, (), none)
    governed.registry.aliases["champion"] = version
    governed.registry.tags[version]["owner"] = "eve"
    found = scrape([ReconcileCollector(watched.round)])
    assert value(found, "governance_reconcile_findings", model=MODEL_NAME, kind="alias") == 1
    assert value(found, "governance_reconcile_findings", model=MODEL_NAME, kind="tag") == 1
    assert value(found, "governance_reconcile_findings", model=MODEL_NAME, kind="gone") == 0
    governed.registry.aliases.pop("champion")
    governed.registry.tags[version]["owner"] = "dora@example.com"
    assert watched.round().findings == ()


async def test_differences_are_counted_by_model_and_only_of_governed_ones(watched: Watched) -> None:
    governed = watched.governed
    governed.train()
    governed.train(model="Churn")
    watched.models = [MODEL_NAME, "Young"]
    governed.registry.of("Churn").tags["1"]["owner"] = "eve"
    governed.registry.of("Somebodys").aliases["champion"] = "1"
    found = scrape([ReconcileCollector(watched.round)])
    assert value(found, "governance_reconcile_findings", model=MODEL_NAME, kind="tag") == 0
    assert value(found, "governance_reconcile_findings", model="Young", kind="tag") == 0
    # Its folder is gone, and the trail still knows it.
    assert value(found, "governance_reconcile_findings", model="Churn", kind="tag") == 1
    assert not any(("model", "Somebodys") in labels for _, labels in found)


async def test_new_entries_are_taken_once(watched: Watched) -> None:
    watched.round()
    version = watched.governed.train()
    assert watched.round().findings == ()
    await watched.governed.act(Action.REJECT, version)
    assert watched.round().findings == ()


def test_nothing_is_claimed_before_the_first_comparison(watched: Watched) -> None:
    watched.broken = ServiceUnavailable("MLflow is down.")
    found = scrape([ReconcileCollector(watched.round)])
    assert value(found, "governance_reconcile_up") == 0
    assert "governance_reconcile_findings" not in names(found)


def test_a_failure_keeps_what_was_found(watched: Watched) -> None:
    watched.governed.registry.tags["1"] = {"deployment_blocked": "true"}
    assert watched.round().counts[MODEL_NAME, "unaudited"] == 1
    watched.broken = ServiceUnavailable("MLflow is down.")
    status = watched.round()
    assert (status.up, status.known, status.counts[MODEL_NAME, "unaudited"]) == (False, True, 1)
    watched.broken = None
    assert watched.round().up


def test_a_long_trail_is_read_over_several_rounds(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exporters.entry_validator.PAGE", 3)
    monkeypatch.setattr("exporters.entry_validator.ROUND_S", -1.0)
    watched.governed.train()
    watched.governed.train()
    rounds = [watched.round().known for _ in range(5)]
    assert rounds == [False, False, False, True, True]
    assert watched.watch.status.findings == ()


async def test_another_policy_judges_the_whole_trail_anew(tmp_path: Path) -> None:
    governed = GovernedLab(tmp_path, RUN_ROLE="risk-officer")
    watched, strict = Watched(governed), governed.config.policy
    lax = replace(strict, signed=frozenset())
    governed.config = replace(governed.config, policy=lax)
    outcome = await governed.act(Action.APPROVE, governed.train(owner="somebody@example.com"), signing=Signing())
    assert outcome.succeeded
    watched.policy = lax
    assert watched.round().findings == ()
    watched.policy = strict
    assert {finding.subject for finding in watched.round().findings} >= {"approval_state", "deployment_blocked"}
