"""Reconciling a registry with its trail: what is found, what is repaired, and what the trail says of it."""

from pathlib import Path

import pytest

from lab.base.errors import LedgerError
from lab.governance.cases.reconcile import Reconciler, Reconciliation
from lab.governance.ledger import Status
from lab.governance.rules.policy import Action
from lab.governance.rules.registry_findings import Kind
from tests.operations.desk import Desk


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path).staffed()


def reconciler(desk: Desk) -> Reconciler:
    return Reconciler(desk.config, desk.registry.client(), desk.store)


def kinds(found: Reconciliation) -> list[tuple[Kind, str]]:
    return [(one.kind, one.subject) for one in found.findings]


async def test_a_governed_lab_has_no_findings_at_any_stage(desk: Desk) -> None:
    version = desk.train()
    assert (await reconciler(desk).look()).succeeded
    await desk.promoted(version)
    await desk.act(Action.REJECT, desk.train())
    found = await reconciler(desk).look()
    assert (found.findings, found.versions) == ((), 2)


async def test_whatever_can_be_repaired_is_and_the_trail_says_so(desk: Desk) -> None:
    champion, other = desk.train(), desk.train()
    await desk.promoted(champion)
    desk.registry.aliases = {"champion": other, "mine": other}
    desk.registry.stages[other] = "Production"
    desk.registry.tags[other] |= {
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
    assert kinds(await reconciler(desk).look()) == expected
    desk.registry.writes.clear()

    done = await reconciler(desk).repair()

    assert done.succeeded
    assert kinds(done) == expected
    assert desk.in_step()
    assert desk.registry.aliases == {"champion": champion, "staging": champion, "mine": other}
    assert desk.registry.writes[0][1] == "deployment_blocked"
    assert [one[0] for one in desk.registry.writes][-2:] == ["registered-models/alias"] * 2
    begun, ended = desk.store.entries[-2:]
    assert (begun.action, begun.status, ended.status) == ("reconcile", Status.STARTED, Status.SUCCESS)
    assert "alias champion: version 2 → 1" in ended.details["changes"]
    assert done.entry == ended
    assert (await reconciler(desk).look()).succeeded


async def test_a_version_past_the_pipeline_is_blocked_and_stays_a_finding(desk: Desk) -> None:
    desk.registry.tags["1"] = {"deployment_blocked": "false"}
    desk.registry.metrics["run1"] = {}
    desk.registry.aliases["champion"] = "1"
    done = await reconciler(desk).repair()
    assert desk.registry.aliases == {}
    assert desk.registry.tags["1"]["deployment_blocked"] == "true"
    assert [one.kind for one in done.left] == [Kind.UNAUDITED]
    assert not done.succeeded


async def test_what_cannot_be_repaired_changes_nothing(desk: Desk) -> None:
    version = desk.train()
    await desk.promoted(version)
    del desk.registry.tags[version]
    desk.registry.aliases.clear()
    entries = len(desk.store.entries)
    done = await reconciler(desk).repair()
    assert [one.kind for one in done.left] == [Kind.GONE, Kind.ALIAS, Kind.ALIAS]
    assert desk.registry.aliases == {}
    assert len(desk.store.entries) == entries


async def test_a_bettered_metric_is_found(desk: Desk) -> None:
    desk.train(auc=0.7)
    desk.registry.metrics["run1"] = {"auc": 0.9}
    assert kinds(await reconciler(desk).look()) == [(Kind.METRIC, "auc")]


async def test_the_registry_never_follows_a_trail_that_was_tampered_with(desk: Desk) -> None:
    version = desk.train()
    desk.registry.tags[version]["owner"] = "eve"
    key = sorted(desk.store.objects)[0]
    desk.store.objects[key] = desk.store.objects[key].replace(b"adam", b"evil")
    with pytest.raises(LedgerError, match="can't be trusted"):
        await reconciler(desk).repair()
    assert desk.registry.tags[version]["owner"] == "eve"


async def test_every_page_of_a_long_registry_is_read(desk: Desk) -> None:
    for number in range(1, 503):
        desk.registry.tags[str(number)] = {"deployment_blocked": "true"}
        desk.registry.metrics[f"run{number}"] = {}
    found = await reconciler(desk).look()
    assert (found.versions, len(found.findings)) == (502, 502)
