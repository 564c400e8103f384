"""Reading the Prometheus text format, as far as the lab's own exporters use it."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from lab.base.drift_report import DRIFTED, DriftReport, FeatureDrift
from lab.base.names import whole_number
from lab.governance.rules.entry_validity import JUDGED, OVERTAKEN_ENTRY, UNCOUNTED_ENTRY, EntryValidity

_LINE = re.compile(r"(?P<name>[a-zA-Z_:][\w:]*)(?:\{(?P<labels>.*)\})? +(?P<value>\S+)(?: +-?\d+)?\Z")
_LABEL = re.compile(r'([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"')
_ESCAPED = {r"\\": "\\", r"\"": '"', r"\n": "\n"}
# What an exporter says of its own looks; it is the same until it has looked again.
POLLER_UP, LAST_SUCCESS = "exporter_poller_up", "exporter_poller_last_success_timestamp_seconds"
_DRIFT = "synthetic_data_"
# What tells how the checks of a model's data went, and what a report of them is made of.
CHECKS = tuple(
    f"{_DRIFT}{name}"
    for name in ("check_interval_seconds", "last_check_timestamp", "check_success", "check_failures_total", "seeded")
)
REPORTS = (
    *CHECKS,
    *(f"{_DRIFT}{name}" for name in ("row_count", "drift_threshold", "feature_psi", "feature_p_value", "info")),
)


class Sample(NamedTuple):
    """One value of one series. Plain, because an exporter may have thousands."""

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


def chosen(*names: str) -> dict[str, Sequence[str]]:
    """The query by which an exporter gives these metrics only; one that doesn't know it gives all."""
    return {"name[]": names}


def samples(exposition: str) -> Iterator[Sample]:
    """Every sample in the text; lines that aren't samples are passed over."""
    for line in exposition.splitlines():
        found = _LINE.match(line.strip())
        if not found:
            continue
        name, labels, value = found.groups()
        try:
            number = float(value)
        except ValueError:
            continue
        yield Sample(name, _labels(labels) if labels else {}, number)


def read_drift(exposition: str) -> Mapping[str, DriftMetrics]:
    """The drift monitor's metrics by model; KeyError when they aren't there."""
    return drift_among(list(samples(exposition)))


def drift_among(found: Iterable[Sample]) -> Mapping[str, DriftMetrics]:
    """As `read_drift`, of what was read already."""
    of_model: dict[str, list[Sample]] = {}
    there = False
    for one in found:
        there = there or one.name == CHECKS[0]
        if "model" in one.labels and one.name.startswith(_DRIFT):
            of_model.setdefault(one.labels["model"], []).append(one)
    if not there:
        raise KeyError(CHECKS[0])
    return {model: _drift_of(model, ours) for model, ours in of_model.items()}


def _drift_of(model: str, found: list[Sample]) -> DriftMetrics:
    single = {sample.name: sample.value for sample in found if len(sample.labels) == 1}
    checked_at = single["synthetic_data_last_check_timestamp"]
    failing = (
        single.get("synthetic_data_check_success") == 0 and single.get("synthetic_data_check_failures_total", 0) > 0
    )
    seeded = single.get("synthetic_data_seeded", 1) == 1
    if not checked_at:
        return DriftMetrics(None, failing, seeded)
    hashes = next((sample.labels for sample in found if sample.name == "synthetic_data_info"), {})
    report = DriftReport(
        hashes.get("baseline_hash", ""),
        hashes.get("current_hash", ""),
        int(single.get("synthetic_data_row_count", 0)),
        _features(found, single.get("synthetic_data_drift_threshold", DRIFTED)),
        checked_at,
        model,
    )
    return DriftMetrics(report, failing, seeded)


def _features(found: Sequence[Sample], limit: float) -> tuple[FeatureDrift, ...]:
    chances = {one.labels.get("feature"): one.value for one in found if one.name == "synthetic_data_feature_p_value"}
    named = [(one.labels["feature"], one.value) for one in found if one.name == "synthetic_data_feature_psi"]
    named.sort(key=lambda one: (-one[1], one[0]))
    return tuple(FeatureDrift(name, psi, chances.get(name, 0.0), limit) for name, psi in named)


def stalled_pollers(found: Iterable[Sample]) -> list[str]:
    """Parts of an exporter that no longer look at what they are there for, by name."""
    return [one.labels.get("poller", "?") for one in found if one.name == POLLER_UP and one.value == 0]


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
    found = dict(_LABEL.findall(inside))
    if "\\" not in inside:
        return found
    return {key: re.sub(r"\\.", _unescape, value) for key, value in found.items()}


def _unescape(found: re.Match[str]) -> str:
    return _ESCAPED.get(found[0], found[0])
