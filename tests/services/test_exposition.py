import pytest
from prometheus_client import CollectorRegistry, Gauge, generate_latest

from lab.base.drift_report import DriftReport, FeatureDrift
from lab.governance.rules.entry_validity import EntryValidity
from lab.services.exposition import read_drift, read_entry_validity, samples

DRIFT = """
# HELP synthetic_data_drift_detected 1 when drifted.
# TYPE synthetic_data_drift_detected gauge
synthetic_data_drift_detected{model="M"} 1.0
synthetic_data_row_count{model="M"} 1000.0
synthetic_data_last_check_timestamp{model="M"} 1.7954447e+09
synthetic_data_check_success{model="M"} 1.0
synthetic_data_check_interval_seconds 30.0
synthetic_data_check_failures_total{model="M"} 2.0
synthetic_data_feature_psi{model="M",feature="age_in_years"} 0.05
synthetic_data_feature_psi{model="M",feature="credit_amount"} 0.41
synthetic_data_info{model="M",baseline_hash="b",current_hash="c"} 1.0
"""


def test_what_the_official_library_writes_is_read_back() -> None:
    registry = CollectorRegistry()
    gauge = Gauge("odd", "help", ["label", "other"], registry=registry)
    labels = [('back\\slash "quoted", {x="1"}', "a\nb"), ("", "é \\n")]
    for number, (one, other) in enumerate(labels):
        gauge.labels(one, other).set(number + 0.5)
    Gauge("plain", "help", registry=registry).set(float("inf"))
    found = list(samples(generate_latest(registry).decode()))
    assert [(s.labels["label"], s.labels["other"], s.value) for s in found if s.name == "odd"] == [
        (*labels[0], 0.5),
        (*labels[1], 1.5),
    ]
    assert [s.value for s in found if s.name == "plain"] == [float("inf")]


def test_text_that_is_not_metrics_holds_no_samples() -> None:
    assert list(samples("<html>\n<body class='x'>hello 1.2.3</body>\n</html>\n# comment\n\nname notanumber")) == []


def test_the_drift_monitors_metrics_are_its_report() -> None:
    found = read_drift(DRIFT)["M"]
    features = (FeatureDrift("credit_amount", 0.41), FeatureDrift("age_in_years", 0.05))
    assert found.report == DriftReport("b", "c", 1000, features, 1795444700.0, "M")
    assert found.report.drifted == ("credit_amount",)
    assert not found.failing
    stricter = read_drift(DRIFT + 'synthetic_data_drift_threshold{model="M"} 0.04\n')["M"].report
    assert stricter
    assert stricter.drifted == ("credit_amount", "age_in_years")


def test_each_model_has_its_own_report() -> None:
    other = DRIFT.replace('model="M"', 'model="N"').replace("0.41", "0.01")
    waiting = 'synthetic_data_last_check_timestamp{model="O"} 0.0\nsynthetic_data_seeded{model="O"} 0.0\n'
    found = read_drift(DRIFT + other + waiting)
    assert sorted(found) == ["M", "N", "O"]
    reports = {name: one.report.drifted if one.report else None for name, one in found.items()}
    assert reports == {"M": ("credit_amount",), "N": (), "O": None}
    assert {name: one.seeded for name, one in found.items()} == {"M": True, "N": True, "O": False}


def test_a_lab_without_models_has_no_report() -> None:
    assert read_drift("synthetic_data_check_interval_seconds 30.0\n") == {}


def test_a_feature_that_chance_explains_has_not_drifted() -> None:
    found = read_drift(DRIFT + 'synthetic_data_feature_p_value{model="M",feature="credit_amount"} 0.2\n')["M"]
    assert found.report is not None
    assert found.report.features[0] == FeatureDrift("credit_amount", 0.41, 0.2)
    assert found.report.drifted == ()


def test_before_the_first_check_there_is_no_report() -> None:
    young = (
        "synthetic_data_check_interval_seconds 30.0\n"
        'synthetic_data_last_check_timestamp{model="M"} 0.0\nsynthetic_data_check_success{model="M"} 0.0\n'
    )
    found = read_drift(young)["M"]
    assert (found.report, found.failing) == (None, False)
    found = read_drift(young + 'synthetic_data_check_failures_total{model="M"} 3.0\n')["M"]
    assert (found.report, found.failing) == (None, True)


def test_verdicts_are_there_once_the_whole_trail_was_read() -> None:
    assert read_entry_validity("governance_ledger_entries 7.0\n") is None
    assert read_entry_validity("governance_entries_judged 7.0\n") == EntryValidity(7)
    named = "".join(f'governance_uncounted_entry{{seq="{seq}"}} 1.0\n' for seq in ("3", "x"))
    named += 'governance_uncounted_entry{seq="5",probe="true"} 1.0\n'
    assert read_entry_validity(f"governance_entries_judged 7.0\n{named}") == EntryValidity(
        7, frozenset({3, 5}), frozenset({5})
    )


def test_metrics_of_another_service_are_refused() -> None:
    with pytest.raises(KeyError):
        read_drift("dagster_webserver_up 1.0\n")
