"""What the drift monitor found of each model, read again only when it has looked again."""

from collections.abc import Iterable

from lab.base.drift_report import DriftReport
from lab.services.exposition import LAST_SUCCESS, POLLER_UP, REPORTS, Sample, chosen, drift_among, samples
from lab.services.http import Http
from lab.services.json_reading import understanding

_LOOKS = (POLLER_UP, LAST_SUCCESS)


class DriftReports:
    """The newest report of each model. With many models they are long, and change once in many ticks."""

    def __init__(self, http: Http) -> None:
        self._http = http
        self._known: tuple[DriftReport, ...] | None = None
        self._of: frozenset[tuple[str, str, float]] = frozenset()

    async def fetch(self) -> tuple[DriftReport, ...] | None:
        """None before the first check. Raises LabError."""
        asked = () if self._of else REPORTS
        found = await self._samples(*_LOOKS, *asked)
        if self._of and _looks(found) == self._of:
            return self._known
        # A monitor that can't choose has told all already.
        if self._of and not any(one.name in REPORTS for one in found):
            found = await self._samples(*_LOOKS, *REPORTS)
        self._of, self._known = frozenset(), self._read(found)
        self._of = _looks(found) if self._known else frozenset()
        return self._known

    async def _samples(self, *names: str) -> list[Sample]:
        return list(samples(await self._http.get_text("/metrics", chosen(*names))))

    def _read(self, found: Iterable[Sample]) -> tuple[DriftReport, ...] | None:
        http = self._http
        with understanding(http.title, http.remedy):
            read = drift_among(found)
        reports = tuple(sorted((one.report for one in read.values() if one.report), key=lambda one: one.model))
        if not reports and any(one.failing for one in read.values()):
            raise http.unavailable("has not managed a check of the data yet.")
        return reports or None


def _looks(found: Iterable[Sample]) -> frozenset[tuple[str, str, float]]:
    """When the monitor looked last, and whether it goes on; empty where it doesn't say."""
    return frozenset((one.name, one.labels.get("poller", ""), one.value) for one in found if one.name in _LOOKS)
