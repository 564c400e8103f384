"""The drift monitor: compares each model's current data with its baseline, and says so as metrics."""

import logging
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

from prometheus_client.metrics_core import Metric

from exporters.exporter_config import ExporterConfig
from exporters.poller import ROUND_PATIENCE_S, Poller
from exporters.serve import Exporter, LabCollector, gauge, main, series, series_total
from exporters.watched import Bucket
from lab.base.dataset import DatasetRef, read_rows
from lab.base.drift import Profile, compare
from lab.base.drift_report import DRIFTED, DriftReport
from lab.base.errors import DatasetInvalid, LabError, NotFound, ServiceUnavailable
from lab.base.model_id import ModelId
from lab.models.listing import drift_limit, listed_models

# A 300 MB data set takes about a minute on a slow core; one that takes longer than this isn't arriving.
CHECK_DEADLINE_S = 300.0

log = logging.getLogger("exporter.drift")

_PSI, _P_VALUE = "synthetic_data_feature_psi", "synthetic_data_feature_p_value"
_NOTHING = DriftReport("", "", 0, ())


class _Unseeded(NotFound):
    """There are no current data, or no baseline."""


class DataSource(Protocol):
    """Objects of the data bucket; both raise NotFound and ServiceUnavailable."""

    def get(self, key: str) -> bytes: ...

    def lines(self, key: str) -> Iterable[str]: ...


@dataclass(frozen=True)
class DriftStatus:
    """What the monitor knows: the last good report, and how the newest check went. Times are epoch seconds.

    `seeded` is whether that check found data to compare, and something to compare them with.
    """

    report: DriftReport | None = None
    checks: int = 0
    failures: int = 0
    reason: str = ""
    duration_s: float = 0.0
    seeded: bool = True

    @property
    def success(self) -> bool:
        return self.checks > 0 and not self.reason


class DriftMonitor:
    """Checks one model's current data; the costly comparison happens only when the data or the baseline changed."""

    def __init__(
        self,
        model: ModelId,
        source: DataSource,
        baseline_hash: str = "",
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        deadline_s: float = CHECK_DEADLINE_S,
        limit: Callable[[], float] = lambda: DRIFTED,
    ) -> None:
        """`limit` gives the PSI above which a feature has drifted, by the contract as it is then."""
        self._model, self._source, self._limit = model, source, limit
        # What the settings name is the default model's.
        self._baseline_hash = baseline_hash if model.default else ""
        self._clock, self._monotonic, self._deadline = clock, monotonic, deadline_s
        self._status = DriftStatus()

    @property
    def status(self) -> DriftStatus:
        return self._status

    def check(self) -> None:
        """One check. A failure keeps the last good report, whose time then ages."""
        before, began = self._status, self._monotonic()
        report, seeded, failures, reason = before.report, True, before.failures, ""
        try:
            report = self._report(before.report, began + self._deadline)
        except LabError as err:
            reason, failures, seeded = str(err), failures + 1, not isinstance(err, _Unseeded)
        duration = self._monotonic() - began
        self._status = DriftStatus(report, before.checks + 1, failures, reason, duration, seeded)
        _tell(self._model.name, before, self._status)

    def _report(self, known: DriftReport | None, end: float) -> DriftReport:
        current = self._reference(self._model.current_key)
        baseline = self._baseline_hash or self._reference(self._model.baseline_key).sha256
        if known and (known.current_hash, known.baseline_hash) == (current.sha256, baseline):
            return replace(known, checked_at=self._clock()).limited(self._limit())
        lines = _until(self._source.lines(current.key), end, self._monotonic)
        found = compare(self._profile(baseline), read_rows(lines), current.sha256, self._clock())
        return found.limited(self._limit())

    def _reference(self, key: str) -> DatasetRef:
        try:
            return DatasetRef.from_json(self._source.get(key))
        except NotFound as err:
            raise _Unseeded(f"{err.message} The data aren't seeded yet.", f"Run `{self._model.seeding}`.") from None

    def _profile(self, digest: str) -> Profile:
        try:
            profile = Profile.from_json(self._source.get(self._model.profile_key(digest)))
        except NotFound:
            origin = "BASELINE_DATA_HASH" if self._baseline_hash else self._model.baseline_key
            raise NotFound(
                f"{origin} names the baseline {digest}, which has no profile.", f"Run `{self._model.seeding}`."
            ) from None
        if profile.sha256 != digest:
            raise DatasetInvalid(
                f"The profile of baseline {digest} belongs to {profile.sha256}.", f"Run `{self._model.seeding}`."
            )
        return profile


def _until(lines: Iterable[str], end: float, monotonic: Callable[[], float]) -> Iterator[str]:
    for line in lines:
        if monotonic() > end:
            raise ServiceUnavailable("The data set didn't arrive in time.", "Type `invoke status`.")
        yield line


class DriftMonitors:
    """One monitor for each model that there is just now."""

    def __init__(self, models: Callable[[], Sequence[ModelId]], monitor: Callable[[ModelId], DriftMonitor]) -> None:
        self._models, self._made = models, monitor
        # What isn't checked yet has metrics already: a series that isn't there would answer no alert.
        self._monitors = {model: monitor(model) for model in models()}
        self._rounds = 0

    @property
    def rounds(self) -> int:
        return self._rounds

    @property
    def statuses(self) -> Mapping[str, DriftStatus]:
        """By the model's name."""
        return {model.name: monitor.status for model, monitor in self._monitors.items()}

    def check(self) -> None:
        """One check of each; what is wrong with one is no other one's concern."""
        self._monitors = {model: self._monitors.get(model) or self._made(model) for model in self._models()}
        for monitor in self._monitors.values():
            monitor.check()
        self._rounds += 1


def _tell(model: str, before: DriftStatus, now: DriftStatus) -> None:
    """Logs what changed; a check that found the same as the one before says nothing."""
    if now.reason and now.reason != before.reason:
        log.warning("event=check-failed model=%s reason=%r", model, now.reason)
    report = now.report
    if now.reason or report is None:
        return
    old = before.report
    if (
        before.reason
        or old is None
        or (old.current_hash, old.baseline_hash) != (report.current_hash, report.baseline_hash)
    ):
        log.info(
            "event=checked model=%s detected=%d rows=%d current=%.12s baseline=%.12s drifted=%s seconds=%.3f",
            model, report.detected, report.rows, report.current_hash, report.baseline_hash,
            ",".join(report.drifted) or "none", now.duration_s,
        )  # fmt: skip


class DriftCollector(LabCollector):
    """The monitors' statuses as metrics."""

    def __init__(self, statuses: Callable[[], Mapping[str, DriftStatus]], interval_s: float) -> None:
        super().__init__()
        self._current, self._interval = statuses, interval_s

    def families(self) -> Iterable[Metric]:
        """Zeros stand for "not yet"; a feature's PSI and the hashes are left out until they are known."""
        found, name = self._current(), "synthetic_data_"
        reports = {model: status.report or _NOTHING for model, status in found.items()}

        def each(metric: str, help_text: str, value: Callable[[DriftReport, DriftStatus], float]) -> Metric:
            rows = {(model,): float(value(reports[model], status)) for model, status in found.items()}
            return series(name + metric, help_text, ("model",), rows.items())

        said = "1 when a feature drifted: PSI above the contract's limit, and p-value ≤ 0.005."
        yield each("drift_detected", said, lambda report, _: report.detected)
        said = "PSI above which a feature has drifted, by the model's contract."
        yield each("drift_threshold", said, lambda report, _: report.limit)
        yield each("row_count", "Rows of the current data.", lambda report, _: report.rows)
        said = "Unix time of the last successful check, in seconds."
        yield each("last_check_timestamp", said, lambda report, _: report.checked_at)
        yield each("check_success", "1 when the newest check succeeded.", lambda _, status: status.success)
        said = "0 when the newest check found no data, or no baseline."
        yield each("seeded", said, lambda _, status: status.seeded)
        yield each("check_duration_seconds", "Duration of the newest check.", lambda _, status: status.duration_s)
        yield gauge(name + "check_interval_seconds", "Time between two checks.", self._interval)
        failures = {(model,): float(status.failures) for model, status in found.items()}
        said = "Checks that failed since the start."
        yield series_total(name + "check_failures", said, ("model",), failures.items())
        said = "1 when the current data is the baseline itself."
        yield each("baseline_match", said, lambda one, status: bool(status.report) and _unchanged(one))
        hashes = {
            (model, status.report.baseline_hash, status.report.current_hash): 1.0
            for model, status in found.items()
            if status.report
        }
        labels = ("model", "baseline_hash", "current_hash")
        yield series(name + "info", "SHA-256 of the data compared.", labels, hashes.items())


class FeatureCollector(LabCollector):
    """What each feature of each model differs by: nearly all that a monitor of many models has to say."""

    def __init__(self, statuses: Callable[[], Mapping[str, DriftStatus]]) -> None:
        super().__init__()
        self._current = statuses

    @property
    def names(self) -> Collection[str]:
        return (_PSI, _P_VALUE)

    def families(self) -> Iterable[Metric]:
        """None of a model that wasn't checked yet."""
        reports = {model: status.report for model, status in self._current().items() if status.report}
        psi = {(model, one.name): one.psi for model, report in reports.items() for one in report.features}
        said = "Population stability index against the baseline."
        yield series(_PSI, said, ("model", "feature"), psi.items())
        chances = {(model, one.name): one.p_value for model, report in reports.items() for one in report.features}
        said = "How often chance alone makes any feature differ as much, at most (Bonferroni)."
        yield series(_P_VALUE, said, ("model", "feature"), chances.items())


def _unchanged(report: DriftReport) -> bool:
    return report.current_hash == report.baseline_hash


def collectors(statuses: Callable[[], Mapping[str, DriftStatus]], interval_s: float) -> tuple[LabCollector, ...]:
    """Everything that is published of the checks."""
    return DriftCollector(statuses, interval_s), FeatureCollector(statuses)


def build(config: ExporterConfig) -> Exporter:
    """The monitor of the lab that `config` describes; ready once its first check is over."""
    bucket = Bucket(config.data_bucket)

    def monitor(model: ModelId) -> DriftMonitor:
        limit = partial(drift_limit, config.pipelines / model.slug)
        return DriftMonitor(model, bucket, config.baseline_hash, limit=limit)

    monitors = DriftMonitors(lambda: listed_models(config.pipelines), monitor)
    poller = Poller(
        "check",
        config.check_interval_s,
        monitors.check,
        CHECK_DEADLINE_S + ROUND_PATIENCE_S,
        # One model whose data can't be read is told by that model's own metrics.
        succeeded=lambda: any(one.success for one in monitors.statuses.values()),
    )

    def statuses() -> Mapping[str, DriftStatus]:
        found = monitors.statuses
        if not poller.trouble:
            return found
        return {model: replace(status, reason=poller.trouble) for model, status in found.items()}

    made = collectors(statuses, config.check_interval_s)
    return Exporter("drift-monitor", made, [poller], lambda: monitors.rounds > 0)


if __name__ == "__main__":
    main(build)
