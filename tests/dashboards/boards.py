"""Dashboards for tests, written here in the forms that Grafana wrote over the years."""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from lab.base.errors import LabError
from lab.base.monitoring import Series
from lab.dashboards.model import Dashboard
from lab.dashboards.parse import read

NOW = 1_790_000_000.0


def panel(kind: str, expr: str = "up", **more: Any) -> dict[str, Any]:
    """A panel with one query."""
    place = {"x": 0, "y": 0, "w": 12, "h": 8}
    targets = [{"refId": "A", "expr": expr, "legendFormat": "{{job}}"}]
    return {"type": kind, "title": kind, "gridPos": place, "targets": targets} | more


def board(*panels: dict[str, Any], **more: Any) -> Dashboard:
    """A dashboard of these panels, read as a file is."""
    return read(json.dumps({"title": "A board", "panels": list(panels)} | more).encode(), "board.json")


def at(x: int, y: int, w: int, h: int) -> dict[str, Any]:
    return {"gridPos": {"x": x, "y": y, "w": w, "h": h}}


def wave(begin: float, end: float, step_s: float, phase: float = 0.0) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Points of a curve between 10 and 90."""
    times = tuple(begin + number * step_s for number in range(int((end - begin) / step_s) + 1))
    return times, tuple(50 + 40 * math.sin(at / 700 + phase) for at in times)


class Played:
    """A Prometheus that answers every query with a curve per job; `faults` are texts that make it fail."""

    def __init__(self, jobs: Sequence[str] = ("mlflow", "dagster"), faults: Mapping[str, str] | None = None) -> None:
        self.jobs, self.faults = jobs, faults or {}
        self.asked: list[str] = []

    async def query(self, expr: str, at: float) -> tuple[tuple[Series, ...], tuple[str, ...]]:
        self._note(expr)
        return tuple(Series({"job": job}, (at,), (float(n),)) for n, job in enumerate(self.jobs)), ()

    async def query_range(
        self, expr: str, begin: float, end: float, step_s: float
    ) -> tuple[tuple[Series, ...], tuple[str, ...]]:
        self._note(expr)
        return tuple(Series({"job": job}, *wave(begin, end, step_s, n)) for n, job in enumerate(self.jobs)), ()

    async def label_values(self, label: str, selector: str, begin: float, end: float) -> tuple[str, ...]:
        self._note(f"{label} of {selector}")
        return tuple(self.jobs)

    async def label_names(self, begin: float, end: float) -> tuple[str, ...]:
        self._note("labels")
        return ("job", "instance")

    def _note(self, expr: str) -> None:
        self.asked.append(expr)
        for part, why in self.faults.items():
            if part in expr:
                raise LabError(why)
