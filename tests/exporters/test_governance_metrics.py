import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from exporters.exporter_config import from_environment
from exporters.governance_metrics import GovernanceCollector, LedgerWatch, RegistryStatus, RegistryWatch, build
from exporters.trail_metrics import LedgerStatus, TrailWatch
from lab.base.errors import ServiceUnavailable
from lab.base.model_versions import GovernanceTags, ModelVersion
from lab.governance.ledger import Fault
from lab.governance.ledger.published_heads import PARTS, from_parts
from tests.exporters.exposition import names, scrape, value
from tests.support.contracts import MODEL_NAME
from tests.support.waiting import eventually

HASH = "0123456789abcdef" * 4
LEDGER = LedgerStatus(up=True, known=True, entries=7, checked=7, head_hash=HASH, by_status={"success": 3})


def version(number: int, **tags: str) -> ModelVersion:
    return ModelVersion(MODEL_NAME, str(number), 0.0, tags=tags)


def samples(ledger: LedgerStatus = LEDGER, versions: Sequence[ModelVersion] = (), journal: Path | None = None) -> Any:
    registry = RegistryStatus(True, versions, (MODEL_NAME,), 1, known=True)
    return scrape([GovernanceCollector(lambda: ledger, lambda: registry, journal)])


def test_the_head_hash_can_be_put_together_from_its_parts() -> None:
    found = samples()
    parts = {str(part): value(found, "governance_ledger_head_hash", part=str(part)) for part in range(PARTS)}
    assert from_parts(parts) == HASH


def test_no_head_has_no_hash() -> None:
    found = samples(LedgerStatus(up=True, known=True))
    parts = {str(part): value(found, "governance_ledger_head_hash", part=str(part)) for part in range(PARTS)}
    assert from_parts(parts) == ""


def test_a_fault_breaks_the_trail() -> None:
    assert value(samples(), "governance_ledger_intact") == 1
    broken = LedgerStatus(up=True, known=True, faults=(Fault(3, "entry is missing"),))
    assert value(samples(broken), "governance_ledger_intact") == 0
    assert value(samples(broken), "governance_ledger_faults") == 1


def test_nothing_is_claimed_of_what_was_never_read() -> None:
    found = scrape([GovernanceCollector(LedgerStatus, RegistryStatus)])
    assert value(found, "governance_ledger_up") == 0
    assert value(found, "governance_registry_up") == 0
    assert names(found).isdisjoint(
        {"governance_ledger_intact", "governance_ledger_entries", "governance_model_versions"}
    )


def test_versions_are_counted_by_state_and_lacks() -> None:
    complete = dict.fromkeys(GovernanceTags.names(), "x") | {"approval_state": "approved_prod"}
    found = samples(
        versions=[
            version(1, **complete),
            version(2, **(complete | {"deployment_blocked": "true"})),
            version(3, approval_state="pending_staging"),
            version(4, approval_state="made up by hand"),
            version(5),
        ]
    )
    assert value(found, "governance_model_versions", model=MODEL_NAME, approval_state="approved_prod") == 2
    assert value(found, "governance_model_versions", model=MODEL_NAME, approval_state="pending_staging") == 1
    assert value(found, "governance_model_versions", model=MODEL_NAME, approval_state="other") == 2
    assert value(found, "governance_model_versions", model=MODEL_NAME, approval_state="archived") == 0
    assert value(found, "governance_versions_blocked", model=MODEL_NAME) == 1
    assert value(found, "governance_versions_missing_tags", model=MODEL_NAME) == 3


def test_versions_are_counted_by_model_and_what_nobody_governs_is_not() -> None:
    others = [ModelVersion(name, "1", 0.0, tags={"deployment_blocked": "true"}) for name in ("Churn", "Somebodys")]
    watch = RegistryWatch(lambda: [version(1), *others], lambda: {MODEL_NAME, "Churn", "Young"})
    watch.refresh()
    found = scrape([GovernanceCollector(LedgerStatus, lambda: watch.status)])
    counted = {model: value(found, "governance_versions_blocked", model=model) for model in (MODEL_NAME, "Churn")}
    assert counted == {MODEL_NAME: 0, "Churn": 1}
    assert value(found, "governance_model_versions", model="Young", approval_state="pending_staging") == 0
    assert value(found, "governance_versions_missing_tags", model="Young") == 0
    assert not any(("model", "Somebodys") in labels for _, labels in found)


def test_entries_in_the_journal_are_counted(tmp_path: Path) -> None:
    assert value(samples(journal=tmp_path / "absent"), "governance_entries_undelivered") == 0
    (tmp_path / "1.json").write_text("{}")
    (tmp_path / "2.part").write_text("{}")
    assert value(samples(journal=tmp_path), "governance_entries_undelivered") == 1


def test_what_a_poller_found_is_not_up_any_more_when_the_poller_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is `up` of what was looked at that alerts ask for, not `up` of the scrape."""

    def fail(_watch: RegistryWatch) -> None:
        raise RuntimeError("nobody foresaw this")

    monkeypatch.setattr(RegistryWatch, "refresh", fail)
    monkeypatch.setattr(RegistryWatch, "status", RegistryStatus(True, (version(1),), (MODEL_NAME,), 1, known=True))
    exporter, stop = build(from_environment({})), threading.Event()
    _, registry = exporter.pollers
    assert value(scrape(exporter.collectors), "governance_registry_up") == 1
    registry.start(stop)
    eventually(lambda: bool(registry.trouble), 60, "that the poller's end is noticed")
    found = scrape(exporter.collectors)
    assert value(found, "governance_registry_up") == 0
    assert value(found, "governance_versions_missing_tags", model=MODEL_NAME) == 1
    stop.set()


def test_a_registry_that_went_away_keeps_its_last_versions() -> None:
    answers: list[Any] = [[version(1)], ServiceUnavailable("MLflow doesn't answer."), [version(1), version(2)]]

    def fetch() -> Sequence[ModelVersion]:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer  # type: ignore[no-any-return]

    watch = RegistryWatch(fetch, lambda: [MODEL_NAME])
    watch.refresh()
    watch.refresh()
    assert (watch.status.up, len(watch.status.versions)) == (False, 1)
    watch.refresh()
    assert (watch.status.up, len(watch.status.versions), watch.status.error) == (True, 2, "")


def test_a_ledger_watch_makes_its_client_at_the_first_round_only() -> None:
    class Empty:
        def create(self, key: str, body: bytes) -> bool:
            raise AssertionError

        def read(self, key: str) -> bytes:
            raise AssertionError

        def keys_after(self, key: str, limit: int) -> list[str]:
            return []

    made: list[TrailWatch] = []

    def make() -> TrailWatch:
        made.append(TrailWatch(Empty(), "p/"))
        return made[0]

    watch = LedgerWatch(make)
    assert watch.status == LedgerStatus()
    assert not made
    watch.refresh()
    watch.refresh()
    assert len(made) == 1
    assert watch.status.rounds == 2
