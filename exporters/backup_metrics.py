"""When the lab was last backed up, as a metric."""

from collections.abc import Iterable
from pathlib import Path

from prometheus_client.metrics_core import Metric

from exporters.serve import LabCollector, gauge
from lab.base.last_backup import read


class BackupCollector(LabCollector):
    """Reads what `invoke backup` wrote down, at every scrape."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder

    def families(self) -> Iterable[Metric]:
        text = "Unix time of the last backup; 0 means never."
        yield gauge("lab_last_backup_timestamp_seconds", text, read(self._folder))
