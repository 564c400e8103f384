"""What each gate compares, case by case; the whole way through them is tested with the use case."""

from dataclasses import replace

import pytest

from lab.base.model_versions import ApprovalState, ModelVersion
from lab.governance.cases import gates
from lab.governance.cases.gates import Case
from lab.governance.cases.signing import Claimant
from lab.governance.cases.trail import TrailState
from lab.governance.ledger import Entry, Fault, Status, Verification
from lab.governance.rules.baselines import Baselines
from lab.governance.rules.history import History, Record
from lab.governance.rules.identities import Identities
from lab.governance.rules.policy import Action, Actor, Environment, Policy, Role
from tests.support.contracts import MODEL_NAME

DETAILS = {"model": MODEL_NAME, "drift": "stable", "baseline_hash": "b"}
ACTOR = Actor("emil", Role.ML_ENGINEER, Environment.PROD)


def record(version: str, **metrics: str) -> Record:
    entry = Entry("register_model", Status.REQUESTED, "dora", "data-scientist", "dev", "t", details=DETAILS)
    return Record(version, ApprovalState.APPROVED_PROD, entry, "n" * 64, metrics)


def found(version: str, **metrics: float) -> ModelVersion:
    return ModelVersion(MODEL_NAME, version, 0.0, tags={"drift_state": "stable"}, metrics=metrics)


def case(ours: dict[str, str], champion: dict[str, str] | None, margins: dict[str, str]) -> Case:
    known = (record("2", **ours), *((record("1", **champion),) if champion else ()))
    records = {(MODEL_NAME, one.version): one for one in known}
    holders = {(MODEL_NAME, "champion"): known[1].key} if champion else {}
    history = History(records, holders, Identities(), baselines={MODEL_NAME: Baselines({"b": 1})})
    return Case(
        action=Action.PROMOTE,
        model=MODEL_NAME,
        version="2",
        claimant=Claimant(ACTOR),
        policy=Policy((), margins=margins),
        trail=TrailState(history, Verification(3, None, ())),
        found=found("2", **{name: float(value) for name, value in ours.items()}),
        champion=found("1", **{name: float(value) for name, value in champion.items()}) if champion else None,
        aliases={},
    )


@pytest.mark.parametrize(
    ("metric", "ours", "theirs", "margin", "passed"),
    [
        ("auc", "0.77", "0.78", "0.01", True),
        ("auc", "0.769999", "0.78", "0.01", False),
        ("auc", "0.8", "0.78", "0", True),
        ("auc", "0.78", "0.78", "0", True),
        # Exact decimals: as binary floats 0.3 - 0.2 is more than 0.1.
        ("auc", "0.2", "0.3", "0.1", True),
        ("log_loss", "0.51", "0.5", "0.01", True),
        ("log_loss", "0.52", "0.5", "0.01", False),
        ("log_loss", "0.4", "0.5", "0", True),
    ],
)
def test_a_metric_may_be_worse_by_its_margin(metric: str, ours: str, theirs: str, margin: str, passed: bool) -> None:
    gate = gates.metric(case({metric: ours}, {metric: theirs}, {metric: margin}))
    assert gate.passed is passed
    assert f"{metric} {ours} against {theirs} of champion 1" in gate.detail


def test_one_metric_that_is_too_bad_closes_the_gate() -> None:
    both = {"auc": "0.01", "log_loss": "0.01"}
    gate = gates.metric(case({"auc": "0.9", "log_loss": "0.9"}, {"auc": "0.8", "log_loss": "0.5"}, both))
    assert not gate.passed
    assert "0.1 better" in gate.detail
    assert "0.4 worse" in gate.detail


def test_without_a_champion_there_is_nothing_to_be_worse_than() -> None:
    gate = gates.metric(case({"auc": "0.1"}, None, {"auc": "0.01"}))
    assert (gate.passed, gate.detail) == (True, "auc 0.1; there is no champion yet")


def test_a_metric_that_nobody_audited_closes_the_gate() -> None:
    gate = gates.metric(case({}, {"auc": "0.8"}, {"auc": "0.01"}))
    assert (gate.passed, "isn't audited" in gate.detail) == (False, True)


def test_a_champions_metric_changed_in_mlflow_closes_the_gate() -> None:
    honest = case({"auc": "0.7"}, {"auc": "0.9"}, {"auc": "0.01"})
    forged = replace(honest, champion=found("1", auc=0.5))
    assert gates.metric(forged).detail == "champion 1: auc is 0.5 in MLflow, audited 0.9"


@pytest.mark.parametrize(
    ("audited", "tag", "passed"),
    [("stable", "stable", True), ("drifted", "drifted", False), ("unknown", "unknown", False), ("", "", False)],
)
def test_only_data_that_is_known_to_be_stable_passes(audited: str, tag: str, passed: bool) -> None:
    one = case({}, None, {})
    changed = replace(record("2"), registered=replace(record("2").registered, details={**DETAILS, "drift": audited}))
    trail = replace(one.trail, history=replace(one.trail.history, records={(MODEL_NAME, "2"): changed}))
    one = replace(one, trail=trail, found=replace(found("2"), tags={"drift_state": tag}))
    assert gates.drift(one).passed is passed


def test_a_baseline_that_nobody_audited_proves_no_stability() -> None:
    one = case({}, None, {})
    trail = replace(one.trail, history=replace(one.trail.history, baselines={MODEL_NAME: Baselines({"c": 1})}))
    gate = gates.drift(replace(one, trail=trail))
    assert (gate.passed, "nobody who may made b the baseline" in gate.detail) == (False, True)


def test_the_ledger_gate_names_the_entry() -> None:
    one = case({}, None, {})
    broken = replace(one.trail, verification=Verification(3, None, (Fault(2, "entry is missing"),)))
    gate = gates.ledger(replace(one, trail=broken))
    assert (gate.passed, gate.detail) == (False, "entry 2: entry is missing")
    assert gates.ledger(one).passed


def test_a_version_that_only_one_side_knows_closes_gates() -> None:
    one = replace(case({}, None, {}), version="9", found=found("9"))
    for gate in (gates.state, gates.four_eyes, gates.registry, gates.drift, gates.metric):
        assert not gate(replace(one, found=None)).passed, gate.__name__
        assert not gate(one).passed, gate.__name__


def test_where_no_signature_is_required_a_name_is_enough() -> None:
    gate = gates.identity(case({}, None, {}))
    assert gate.passed
    assert "no signature is required" in gate.detail


@pytest.mark.parametrize("ours", ["NaN", "sNaN", "Infinity"])
def test_a_metric_that_is_no_number_closes_the_gate(ours: str) -> None:
    one = case({"auc": "0.7"}, {"auc": "0.7"}, {"auc": "0.01"})
    records = {**one.trail.history.records, (MODEL_NAME, "2"): record("2", auc=ours)}
    odd = replace(one, trail=replace(one.trail, history=replace(one.trail.history, records=records)))
    assert not gates.metric(replace(odd, found=found("2"))).passed
