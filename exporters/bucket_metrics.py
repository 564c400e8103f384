"""Whether the audit bucket still protects its entries as promised, as metrics."""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from prometheus_client.metrics_core import Metric

from exporters.serve import LabCollector, gauge, gauges
from lab.base.errors import LabError
from lab.governance.ledger.retention import SETTINGS, BucketSettings, Promise, Weakness, weaknesses

log = logging.getLogger("exporter.governance")


@dataclass(frozen=True)
class BucketStatus:
    """The newest look at the bucket's settings; `known` is false before the first one."""

    up: bool = False
    known: bool = False
    weak: tuple[Weakness, ...] = ()
    error: str = ""


class BucketWatch:
    """Compares the bucket's settings with the promise; a failure keeps what was known."""

    def __init__(self, settings: Callable[[], BucketSettings], promise: Promise) -> None:
        self._settings, self._promise = settings, promise
        self._status = BucketStatus()

    @property
    def status(self) -> BucketStatus:
        return self._status

    def refresh(self) -> None:
        """One look."""
        before = self._status
        try:
            self._status = BucketStatus(True, True, weaknesses(self._settings(), self._promise))
        except LabError as err:
            self._status = replace(before, up=False, error=str(err))
        if self._status.error != before.error:
            level = logging.WARNING if self._status.error else logging.INFO
            log.log(level, "event=audit-bucket error=%r", self._status.error)
        for one in set(self._status.weak) - set(before.weak):
            log.error("event=audit-bucket-weak setting=%s problem=%r", one.setting, one.problem)


class BucketCollector(LabCollector):
    """The newest look as metrics; before the first one nothing is claimed."""

    def __init__(self, status: Callable[[], BucketStatus]) -> None:
        super().__init__()
        self._current = status

    def families(self) -> Iterable[Metric]:
        status, name = self._current(), "governance_audit_bucket_"
        yield gauge(name + "up", "1 when the audit bucket's settings could be read.", status.up)
        if status.known:
            weak = {one.setting for one in status.weak}
            values = {setting: float(setting in weak) for setting in SETTINGS}
            yield gauges(name + "weak", "1 where a setting protects entries less than promised.", "setting", values)
