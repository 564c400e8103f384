"""Reconciling a registry with its trail: what is found, what is repaired, and what the trail says of it."""

import pytest

from lab.base.errors import LedgerError
from lab.governance.cases.reconcile import Reconciler, Reconciliation
from lab.governance.ledger import Status
from lab.governance.rules.policy import Action
from lab.governance.rules.registry_findings import Kind
from tests.support.governed_lab import GovernedLab


def reconciler(governed: GovernedLab) -> Reconciler:
    return Reconciler(governed.config, governed.registry.client(), governed.store)


def kinds(found: Reconciliation) -> list[tuple[Kind, str]]:
    return [(one.kind, one.subject) for one in found.findings]


async def test_a_governed_lab_has_no_findings_at_any_stage(governed: GovernedLab) -> None:
    version = governed.train()
    assert (await reconciler(governed).look()).succeeded
    await governed.promoted(version)
    await governed.act(Action.REJECT, governed.train())
    found = await reconciler(governed).look()
    assert (found.findings, found.versions) == ((), 2)


async def test_whatever_can_be_repaired_is_and_the_trail_says_so(governed: GovernedLab) -> None:
    champion, other = governed.train(), governed.train()
    await governed.promoted(champion)
    governed.registry.aliases = {"champion": other, "mine": other}
    governed.registry.stages[other] = "Production"
    governed.registry.tags[other] |= {
        "deployment_blocked": "false",
        "approval_state": "approved_prod",
        "approved_by": "eve",
    }
    expected = [
        (Kind.TAG, "approval_state"),
        (Kind.TAG, "deployment_blocked"),
        (Kind.TAG, "approved_by"),
        (Kind.STAGE, ""),
        (Kind.ALIAS, "staging"),
        (Kind.ALIAS, "champion"),
    ]
    assert kinds(await reconciler(governed).look()) == expected
    governed.registry.writes.clear()

    done = await reconciler(governed).repair()

    assert done.succeeded
    assert kinds(done) == expected
    assert governed.in_step()
    assert governed.registry.aliases == {"champion": champion, "staging": champion, "mine": other}
    assert governed.registry.writes[0][1] == "deployment_blocked"
    assert [one[0] for one in governed.registry.writes][-2:] == ["registered-models/alias"] * 2
    begun, ended = governed.store.entries[-2:]
    assert (begun.action, begun.status, ended.status) == ("reconcile", Status.STARTED, Status.SUCCESS)
    assert "CreditRiskModel: alias champion: version 2 → 1" in ended.details["changes"]
    assert done.entry == ended
    assert (await reconciler(governed).look()).succeeded


async def test_a_version_past_the_pipeline_is_blocked_and_stays_a_finding(governed: GovernedLab) -> None:
    governed.registry.tags["1"] = {"deployment_blocked": "false"}
    governed.registry.metrics["run1"] = {}
    governed.registry.aliases["champion"] = "1"
    done = await reconciler(governed).repair()
    assert governed.registry.aliases == {}
    assert governed.registry.tags["1"]["deployment_blocked"] == "true"
    assert [one.kind for one in done.left] == [Kind.UNAUDITED]
    assert not done.succeeded


async def test_what_cannot_be_repaired_changes_nothing(governed: GovernedLab) -> None:
    version = governed.train()
    await governed.promoted(version)
    del governed.registry.tags[version]
    governed.registry.aliases.clear()
    entries = len(governed.store.entries)
    done = await reconciler(governed).repair()
    assert [one.kind for one in done.left] == [Kind.GONE, Kind.ALIAS, Kind.ALIAS]
    assert governed.registry.aliases == {}
    assert len(governed.store.entries) == entries


async def test_a_bettered_metric_is_found(governed: GovernedLab) -> None:
    governed.train(auc=0.7)
    governed.registry.metrics["run1"] = {"auc": 0.9}
    assert kinds(await reconciler(governed).look()) == [(Kind.METRIC, "auc")]


async def test_the_registry_never_follows_a_trail_that_was_tampered_with(governed: GovernedLab) -> None:
    version = governed.train()
    governed.registry.tags[version]["owner"] = "eve"
    key = sorted(governed.store.objects)[0]
    governed.store.objects[key] = governed.store.objects[key].replace(b"adam", b"evil")
    with pytest.raises(LedgerError, match="can't be trusted"):
        await reconciler(governed).repair()
    assert governed.registry.tags[version]["owner"] == "eve"


async def test_every_page_of_a_long_registry_is_read(governed: GovernedLab) -> None:
    for number in range(1, 503):
        governed.registry.tags[str(number)] = {"deployment_blocked": "true"}
        governed.registry.metrics[f"run{number}"] = {}
    found = await reconciler(governed).look()
    assert (found.versions, len(found.findings)) == (502, 502)
