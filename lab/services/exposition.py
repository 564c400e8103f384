"""Reading the Prometheus text format, as far as the lab's own exporters use it."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from lab.base.drift_report import DRIFTED, DriftReport, FeatureDrift
from lab.base.names import whole_number
from lab.governance.rules.entry_validity import JUDGED, OVERTAKEN_ENTRY, UNCOUNTED_ENTRY, EntryValidity

_LINE = re.compile(r"(?P<name>[a-zA-Z_:][\w:]*)(?:\{(?P<labels>.*)\})? +(?P<value>\S+)(?: +-?\d+)?\Z")
_LABEL = re.compile(r'(?P<key>[a-zA-Z_]\w*)="(?P<value>(?:[^"\\]|\\.)*)"')
_ESCAPED = {r"\\": "\\", r"\"": '"', r"\n": "\n"}


@dataclass(frozen=True)
class Sample:
    """One value of one series."""

    name: str
    labels: dict[str, str]
    value: float


@dataclass(frozen=True)
class DriftMetrics:
    """What the drift monitor publishes of one model: the last good report, None before the first, and how checks went.

    `seeded` is whether there is anything to check.
    """

    report: DriftReport | None
    failing: bool
    seeded: bool = True


def samples(exposition: str) -> Iterator[Sample]:
    """Every sample in the text; lines that aren't samples are passed over."""
    for line in exposition.splitlines():
        found = _LINE.match(line.strip())
        if not found:
            continue
        try:
            value = float(found["value"])
        except ValueError:
            continue
        yield Sample(found["name"], _labels(found["labels"] or ""), value)


def read_drift(exposition: str) -> Mapping[str, DriftMetrics]:
    """The drift monitor's metrics by model; KeyError when they aren't there."""
    found = list(samples(exposition))
    if not any(one.name == "synthetic_data_check_interval_seconds" for one in found):
        raise KeyError("synthetic_data_check_interval_seconds")
    of_model: dict[str, list[Sample]] = {}
    for one in found:
        if one.name.startswith("synthetic_data_") and "model" in one.labels:
            of_model.setdefault(one.labels["model"], []).append(one)
    return {model: _drift_of(model, ours) for model, ours in of_model.items()}


def of_drift(exposition: str) -> str:
    """The lines about data alone: what the process uses differs at each look, and says nothing of them."""
    return "\n".join(line for line in exposition.splitlines() if line.startswith("synthetic_data_"))


def _drift_of(model: str, found: list[Sample]) -> DriftMetrics:
    single = {sample.name: sample.value for sample in found if set(sample.labels) == {"model"}}
    checked_at = single["synthetic_data_last_check_timestamp"]
    failing = (
        single.get("synthetic_data_check_success") == 0 and single.get("synthetic_data_check_failures_total", 0) > 0
    )
    seeded = single.get("synthetic_data_seeded", 1) == 1
    if not checked_at:
        return DriftMetrics(None, failing, seeded)
    hashes = next((sample.labels for sample in found if sample.name == "synthetic_data_info"), {})
    chances = {one.labels.get("feature"): one.value for one in found if one.name == "synthetic_data_feature_p_value"}
    psi = [
        FeatureDrift(sample.labels["feature"], sample.value, chances.get(sample.labels["feature"], 0.0))
        for sample in found
        if sample.name == "synthetic_data_feature_psi"
    ]
    psi.sort(key=lambda feature: (-feature.psi, feature.name))
    limit = single.get("synthetic_data_drift_threshold", DRIFTED)
    report = DriftReport(
        hashes.get("baseline_hash", ""),
        hashes.get("current_hash", ""),
        int(single["synthetic_data_row_count"]),
        tuple(psi),
        checked_at,
        model,
    ).limited(limit)
    return DriftMetrics(report, failing, seeded)


def stalled_pollers(exposition: str) -> list[str]:
    """Parts of an exporter that no longer look at what they are there for, by name."""
    return [
        sample.labels.get("poller", "?")
        for sample in samples(exposition)
        if sample.name == "exporter_poller_up" and sample.value == 0
    ]


def read_entry_validity(exposition: str) -> EntryValidity | None:
    """What the governance exporter found of the audit trail; None while it hasn't read all of it."""
    found = list(samples(exposition))
    judged = next((int(sample.value) for sample in found if sample.name == JUDGED), None)
    if judged is None:
        return None
    named = {
        seq: sample
        for sample in found
        if sample.name in {UNCOUNTED_ENTRY, OVERTAKEN_ENTRY} and (seq := whole_number(sample.labels.get("seq", "")))
    }
    probes = frozenset(seq for seq, sample in named.items() if sample.labels.get("probe") == "true")
    overtaken = frozenset(seq for seq, sample in named.items() if sample.name == OVERTAKEN_ENTRY)
    return EntryValidity(judged, frozenset(named) - overtaken, probes, overtaken)


def _labels(inside: str) -> dict[str, str]:
    return {found["key"]: re.sub(r"\\.", _unescape, found["value"]) for found in _LABEL.finditer(inside)}


def _unescape(found: re.Match[str]) -> str:
    return _ESCAPED.get(found[0], found[0])
