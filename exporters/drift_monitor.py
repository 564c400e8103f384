"""The drift monitor: compares the lab's current data with the baseline, and says so as metrics."""

import logging
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Protocol

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from exporters.exporter_config import ExporterConfig
from exporters.poller import ROUND_PATIENCE_S, Poller
from exporters.serve import Exporter, LabCollector, counter, gauge, gauges, main
from exporters.watched import Bucket
from lab.base.dataset import BASELINE_KEY, CURRENT_KEY, DatasetRef, profile_key, read_rows
from lab.base.drift import DriftReport, Profile, compare
from lab.base.errors import DatasetInvalid, LabError, NotFound, ServiceUnavailable

# A 300 MB data set takes about a minute on a slow core; one that takes longer than this isn't arriving.
CHECK_DEADLINE_S = 300.0

log = logging.getLogger("exporter.drift")

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
    """Checks the current data; the costly comparison happens only when the data or the baseline changed."""

    def __init__(
        self,
        source: DataSource,
        baseline_hash: str = "",
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        deadline_s: float = CHECK_DEADLINE_S,
    ) -> None:
        self._source, self._baseline_hash = source, baseline_hash
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
        _tell(before, self._status)

    def _report(self, known: DriftReport | None, end: float) -> DriftReport:
        current = self._reference(CURRENT_KEY)
        baseline = self._baseline_hash or self._reference(BASELINE_KEY).sha256
        if known and (known.current_hash, known.baseline_hash) == (current.sha256, baseline):
            return replace(known, checked_at=self._clock())
        lines = _until(self._source.lines(current.key), end, self._monotonic)
        return compare(self._profile(baseline), read_rows(lines), current.sha256, self._clock())

    def _reference(self, key: str) -> DatasetRef:
        try:
            return DatasetRef.from_json(self._source.get(key))
        except NotFound as err:
            raise _Unseeded(f"{err.message} The lab's data isn't seeded yet.", "Run `invoke seed`.") from None

    def _profile(self, digest: str) -> Profile:
        try:
            profile = Profile.from_json(self._source.get(profile_key(digest)))
        except NotFound:
            origin = "BASELINE_DATA_HASH" if self._baseline_hash else BASELINE_KEY
            raise NotFound(
                f"{origin} names the baseline {digest}, which has no profile.", "Run `invoke seed`."
            ) from None
        if profile.sha256 != digest:
            raise DatasetInvalid(f"The profile of baseline {digest} belongs to {profile.sha256}.", "Run `invoke seed`.")
        return profile


def _until(lines: Iterable[str], end: float, monotonic: Callable[[], float]) -> Iterator[str]:
    for line in lines:
        if monotonic() > end:
            raise ServiceUnavailable("The data set didn't arrive in time.", "Type `invoke status`.")
        yield line


def _tell(before: DriftStatus, now: DriftStatus) -> None:
    """Logs what changed; a check that found the same as the one before says nothing."""
    if now.reason and now.reason != before.reason:
        log.warning("event=check-failed reason=%r", now.reason)
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
            "event=checked detected=%d rows=%d current=%.12s baseline=%.12s drifted=%s seconds=%.3f",
            report.detected, report.rows, report.current_hash, report.baseline_hash,
            ",".join(report.drifted) or "none", now.duration_s,
        )  # fmt: skip


class DriftCollector(LabCollector):
    """The monitor's status as metrics."""

    def __init__(self, status: Callable[[], DriftStatus], interval_s: float) -> None:
        super().__init__()
        self._current, self._interval = status, interval_s

    def families(self) -> Iterable[Metric]:
        """Zeros stand for "not yet"; a feature's PSI and the hashes are left out until they are known."""
        status = self._current()
        report, name = status.report or _NOTHING, "synthetic_data_"
        drifted, checked_at = report.detected, report.checked_at
        yield gauge(name + "drift_detected", "1 when a feature drifted: PSI > 0.25, and p-value ≤ 0.005.", drifted)
        yield gauge(name + "row_count", "Rows of the current data.", report.rows)
        yield gauge(name + "last_check_timestamp", "Unix time of the last successful check, in seconds.", checked_at)
        yield gauge(name + "check_success", "1 when the newest check succeeded.", status.success)
        yield gauge(name + "seeded", "0 when the newest check found no data, or no baseline.", status.seeded)
        yield gauge(name + "check_duration_seconds", "Duration of the newest check.", status.duration_s)
        yield gauge(name + "check_interval_seconds", "Time between two checks.", self._interval)
        yield counter(name + "check_failures", "Checks that failed since the start.", status.failures)
        match = bool(status.report) and report.current_hash == report.baseline_hash
        yield gauge(name + "baseline_match", "1 when the current data is the baseline itself.", match)
        psi = {feature.name: feature.psi for feature in report.features}
        yield gauges(name + "feature_psi", "Population stability index against the baseline.", "feature", psi)
        chances = {feature.name: feature.p_value for feature in report.features}
        said = "How often chance alone makes any feature differ as much, at most (Bonferroni)."
        yield gauges(name + "feature_p_value", said, "feature", chances)
        if status.report:
            info = GaugeMetricFamily(
                name + "info", "SHA-256 of the data compared.", labels=["baseline_hash", "current_hash"]
            )
            info.add_metric([report.baseline_hash, report.current_hash], 1)
            yield info


def build(config: ExporterConfig) -> Exporter:
    """The monitor of the lab that `config` describes; ready once its first check is over."""
    monitor = DriftMonitor(Bucket(config.data_bucket), config.baseline_hash)
    poller = Poller(
        "check",
        config.check_interval_s,
        monitor.check,
        CHECK_DEADLINE_S + ROUND_PATIENCE_S,
        succeeded=lambda: monitor.status.success,
    )

    def status() -> DriftStatus:
        return replace(monitor.status, reason=poller.trouble) if poller.trouble else monitor.status

    collector = DriftCollector(status, config.check_interval_s)
    return Exporter("drift-monitor", [collector], [poller], lambda: monitor.status.checks > 0)


if __name__ == "__main__":
    sys.exit(main(build))
