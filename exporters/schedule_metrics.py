"""Whether the schedule runs as it should: turned on if it is to be, and ticking when a tick is due."""

import logging
import time
from collections.abc import Callable, Iterable

from prometheus_client.metrics_core import Metric

from exporters.serve import gauges
from lab.base.errors import LabError
from lab.base.runs import ScheduleState

log = logging.getLogger("exporter.dagster")


class ScheduleWatch:
    """Remembers when a tick was due; Dagster itself tells of the next one only, whoever misses the last.

    `fetch` gives the time of the last tick (epoch seconds, 0: never), and raises LabError.
    """

    def __init__(self, expected: bool, fetch: Callable[[], float], clock: Callable[[], float] = time.time) -> None:
        self._expected, self._fetch, self._clock = expected, fetch, clock
        self._next, self._due = 0.0, 0.0
        self._last: float | None = None

    def note(self, schedule: ScheduleState) -> None:
        """Takes the schedule as it is now."""
        if 0.0 < self._next <= self._clock():
            self._due = self._next
        running = schedule.status == "RUNNING"
        self._next = (schedule.next_tick or 0.0) if running else 0.0

    def ask_for_ticks(self) -> None:
        """Asks when it last ticked, as long as that isn't known or a tick that was due isn't seen."""
        if self._last is not None and self._last >= self._due:
            return
        try:
            self._last = self._fetch()
        except LabError as err:
            log.warning("event=ticks error=%r", err.message)

    def families(self, schedule: ScheduleState) -> Iterable[Metric]:
        name, label = "dagster_schedule_", schedule.name
        text = "1 when the settings want the schedule to run."
        yield gauges(name + "expected", text, "schedule", {label: float(self._expected)})
        text = "Unix time at which a tick was due last, of those seen; 0: none."
        yield gauges(name + "due_timestamp_seconds", text, "schedule", {label: self._due})
        if self._last is not None:
            text = "Unix time of the last tick; 0 means never."
            yield gauges(name + "last_tick_timestamp_seconds", text, "schedule", {label: self._last})
