"""Every way in which the registry can differ from the audit trail, and that what agrees is left in peace."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from lab.base.model_versions import ApprovalState, ModelVersion
from lab.governance.ledger import Entry, Status
from lab.governance.rules.history import History, Record
from lab.governance.rules.identities import Identities
from lab.governance.rules.registry_findings import Finding, Kind, Registry
from lab.governance.rules.registry_findings import reconcile as compare
from lab.governance.rules.registry_tags import expected_tags
from tests.support.contracts import MODEL_NAME

METRICS = {"auc": "0.75", "ks": "0.4"}


def request(number: str, **fields: Any) -> Entry:
    details = {"model": MODEL_NAME, "mlflow_run_id": f"run{number}", "data_hash": "d" * 64, "drift": "stable"}
    made = Entry("register_model", Status.REQUESTED, "dora", "ml-engineer", "dev", "2026-11-23T00:00:00Z", **fields)
    return replace(made, details=details, seq=int(number), hash=number * 64)


def record(number: str, state: ApprovalState = ApprovalState.PENDING_STAGING) -> Record:
    return Record(number, state, request(number), number * 64, METRICS)


def registered(known: Record, **changes: Any) -> ModelVersion:
    """As the registry should have it; an empty tag can't be there."""
    tags = {name: value for name, value in expected_tags(known).items() if value}
    tags |= {"deployment_blocked_reason": "awaiting approval", "drift_baseline_hash": "b" * 64}
    metrics = {name: float(value) for name, value in METRICS.items()}
    version = ModelVersion(MODEL_NAME, known.version, 1.0, known.mlflow_run_id, tags=tags, metrics=metrics)
    return replace(version, **changes)


def history(*records: Record, aliases: Mapping[str, str] | None = None, pending: tuple[Entry, ...] = ()) -> History:
    known = {(MODEL_NAME, one.version): one for one in records}
    holders = {(MODEL_NAME, alias): known[MODEL_NAME, number].key for alias, number in (aliases or {}).items()}
    return History(known, holders, Identities(), pending=pending)


def reconcile(
    versions: Sequence[ModelVersion], aliases: Mapping[str, Sequence[str]], known: History
) -> tuple[Finding, ...]:
    """Of a lab with the shipped model."""
    return compare(Registry(versions, {MODEL_NAME: aliases}), known, {MODEL_NAME})


def test_what_agrees_is_no_finding() -> None:
    first, second = record("1", ApprovalState.APPROVED_PROD), record("2", ApprovalState.ARCHIVED)
    aliases = {"1": ("champion", "somebodys-own")}
    assert (
        reconcile([registered(first), registered(second)], aliases, history(first, second, aliases={"champion": "1"}))
        == ()
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("approval_state", "approved_prod"),
        ("owner", "eve"),
        ("data_hash", "e" * 64),
        ("audit_hash", "e" * 64),
        ("deployment_blocked", "false"),
        ("approved_by", "olga"),
    ],
)
def test_a_changed_tag_is_found_with_both_values(name: str, value: str) -> None:
    known = record("1")
    version = registered(known)
    audited = version.tags.get(name, "")
    [finding] = reconcile([replace(version, tags={**version.tags, name: value})], {}, history(known))
    assert finding == Finding(Kind.TAG, "1", name, value, audited, MODEL_NAME)
    assert finding.repairable
    assert value in str(finding)


def test_a_removed_tag_is_found() -> None:
    known = record("1")
    version = registered(known)
    tags = {name: text for name, text in version.tags.items() if name != "role"}
    [finding] = reconcile([replace(version, tags=tags)], {}, history(known))
    assert (finding.kind, finding.subject, finding.found, finding.audited) == (Kind.TAG, "role", "", "ml-engineer")


@pytest.mark.parametrize(
    ("aliases", "audited", "text"),
    [
        ({"2": ("champion",)}, {"champion": "1"}, "alias champion is on version 2, by the audit trail on 1"),
        ({}, {"champion": "1"}, "alias champion is on version none, by the audit trail on 1"),
        ({"2": ("staging",)}, {}, "alias staging is on version 2, by the audit trail on none"),
    ],
)
def test_a_moved_alias_is_found(aliases: dict[str, tuple[str, ...]], audited: dict[str, str], text: str) -> None:
    first, second = record("1"), record("2")
    [finding] = reconcile([registered(first), registered(second)], aliases, history(first, second, aliases=audited))
    assert finding.kind is Kind.ALIAS
    assert str(finding) == f"{MODEL_NAME}: {text}"


def test_a_stage_is_somebodys_doing() -> None:
    known = record("1")
    [finding] = reconcile([registered(known, stage="Production")], {}, history(known))
    assert (finding.kind, finding.found, finding.audited) == (Kind.STAGE, "Production", "")


def test_a_metric_that_was_bettered_is_found_and_cannot_be_repaired() -> None:
    known = record("1")
    [finding] = reconcile([registered(known, metrics={"auc": 0.99, "f1": 1.0})], {}, history(known))
    assert (finding.kind, finding.subject, finding.found, finding.audited) == (Kind.METRIC, "auc", "0.99", "0.75")
    assert not finding.repairable


def test_a_version_that_was_put_in_anothers_place_is_found() -> None:
    known = record("1")
    [finding] = reconcile([registered(known, run_id="other")], {}, history(known))
    assert (finding.kind, finding.found, finding.audited) == (Kind.REPLACED, "other", "run1")
    assert not finding.repairable


def test_a_version_past_the_pipeline_is_found_and_must_be_blocked() -> None:
    version = ModelVersion(MODEL_NAME, "1", 1.0, tags={"deployment_blocked": "false"})
    unaudited, tag = reconcile([version], {}, history())
    assert (unaudited.kind, tag.subject, tag.audited) == (Kind.UNAUDITED, "deployment_blocked", "true")
    assert "past the pipeline" in str(unaudited)
    [left] = reconcile([replace(version, tags={"deployment_blocked": "true"})], {}, history())
    assert left.kind is Kind.UNAUDITED


def test_a_registration_that_was_cut_short_is_told_from_a_foreign_version() -> None:
    known = record("1")
    [finding] = reconcile([registered(known)], {}, history(pending=(known.registered,)))
    assert "began and never ended" in str(finding)


def test_a_version_that_is_gone_is_found() -> None:
    [finding] = reconcile([], {}, history(record("1", ApprovalState.APPROVED_PROD)))
    assert str(finding) == f"{MODEL_NAME}: version 1, approved_prod by the audit trail, isn't in the registry"
    assert not finding.repairable


@pytest.mark.parametrize("state", [ApprovalState.REJECTED, ApprovalState.ARCHIVED])
def test_nobody_misses_a_version_that_a_decision_put_away(state: ApprovalState) -> None:
    assert reconcile([], {}, history(record("1", state))) == ()


def anew(number: str, run: str) -> Record:
    """A version registered under a number that was another's, by another run."""
    known = record(number)
    details = {**known.registered.details, "mlflow_run_id": run}
    return replace(known, registered=replace(known.registered, details=details, seq=9, hash="9" * 64))


def test_a_number_that_was_given_anew_is_another_version() -> None:
    old, new = record("1"), anew("1", "other")
    both = replace(history(new), former=(old,))
    [gone] = reconcile([registered(new)], {}, both)
    assert str(gone) == f"{MODEL_NAME}: version 1@run1, pending_staging by the audit trail, isn't in the registry"
    # Whichever of the two the registry holds, its own tags are right.
    [gone] = reconcile([registered(old)], {}, both)
    assert (gone.kind, gone.version) == (Kind.GONE, "1@other")


def test_an_alias_of_a_deleted_version_is_not_on_the_one_that_got_its_number() -> None:
    old, new = record("1", ApprovalState.APPROVED_PROD), anew("1", "other")
    both = replace(history(new), former=(old,), holders={(MODEL_NAME, "champion"): old.key})
    gone, alias = reconcile([registered(new)], {"1": ("champion",)}, both)
    assert gone.kind is Kind.GONE
    assert str(alias) == f"{MODEL_NAME}: alias champion is on version 1, by the audit trail on 1@run1"


def test_a_version_in_anothers_place_gets_none_of_its_tags_and_is_blocked() -> None:
    known = record("1", ApprovalState.APPROVED_PROD)
    version = ModelVersion(MODEL_NAME, "1", 1.0, "other", tags={"deployment_blocked": "false"})
    replaced, blocked = reconcile([version], {}, history(known))
    assert (replaced.kind, blocked.subject, blocked.audited) == (Kind.REPLACED, "deployment_blocked", "true")


def test_findings_come_in_the_order_of_versions() -> None:
    versions = [
        ModelVersion(MODEL_NAME, number, 1.0, tags={"deployment_blocked": "true"}) for number in ("10", "9", "x")
    ]
    assert [finding.version for finding in reconcile(versions, {}, history())] == ["x", "9", "10"]
