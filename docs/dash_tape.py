"""What a lab's Prometheus answered to dashboards, kept in a file, so that their pictures can be drawn without a lab."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lab.base.errors import NotFound
from lab.base.monitoring import Series
from lab.services.prometheus_data import PrometheusData

Found = tuple[tuple[Series, ...], tuple[str, ...]]


class DashTaping:
    """Asks Prometheus as dashboards do, at the moment `at` (epoch seconds), and keeps what it says."""

    def __init__(self, source: Callable[[], PrometheusData], at: float) -> None:
        self.at = at
        self.answers: dict[str, Any] = {}
        self._open, self._source = source, source()

    async def query(self, expr: str, at: float) -> Found:
        return self._kept(f"query {expr}", await self._source.query(expr, at))

    async def query_range(self, expr: str, begin: float, end: float, step_s: float) -> Found:
        found = await self._source.query_range(expr, begin, end, step_s)
        return self._kept(f"range {step_s:g} {expr}", found)

    async def label_values(self, label: str, selector: str, begin: float, end: float) -> tuple[str, ...]:
        found = await self._source.label_values(label, selector, begin, end)
        self.answers[f"values {label} {selector}"] = list(found)
        return found

    async def aclose(self) -> None:
        """The next dashboard needs connections of its own."""
        await self._source.aclose()
        self._source = self._open()

    def _kept(self, question: str, found: Found) -> Found:
        self.answers[question] = [[dict(one.labels), one.times, one.values] for one in found[0]]
        return found

    def save(self, path: Path, clean: Callable[[str], str]) -> None:
        """Writes the answers; `clean` takes out what belongs to this machine."""
        text = clean(json.dumps({"at": self.at, "answers": self.answers}, sort_keys=True, ensure_ascii=False))
        path.write_bytes(gzip.compress(text.encode(), mtime=0))


class DashTape:
    """Answers from a tape."""

    def __init__(self, path: Path) -> None:
        kept = json.loads(gzip.decompress(path.read_bytes()))
        self.at: float = kept["at"]
        self._answers: dict[str, Any] = kept["answers"]

    async def query(self, expr: str, at: float) -> Found:  # noqa: ARG002 - one moment is all there is
        return self._series(f"query {expr}")

    async def query_range(self, expr: str, begin: float, end: float, step_s: float) -> Found:  # noqa: ARG002
        return self._series(f"range {step_s:g} {expr}")

    async def label_values(self, label: str, selector: str, begin: float, end: float) -> tuple[str, ...]:  # noqa: ARG002
        return tuple(self._said(f"values {label} {selector}"))

    async def label_names(self, begin: float, end: float) -> tuple[str, ...]:  # noqa: ARG002
        return ()

    async def aclose(self) -> None:
        """Nothing is open."""

    def _series(self, question: str) -> Found:
        return tuple(Series(labels, tuple(times), tuple(values)) for labels, times, values in self._said(question)), ()

    def _said(self, question: str) -> Any:
        if question not in self._answers:
            raise NotFound(f"{question[:80]} isn't on the tape.", "Type `python docs/pictures.py dash`.")
        return self._answers[question]
