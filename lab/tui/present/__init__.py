"""What the screen shows of a snapshot: pure functions of data and time."""

from collections.abc import Callable
from dataclasses import dataclass

from lab.tui.cells import PanelView
from lab.tui.present import audit, drift, models, runs, services
from lab.tui.present.base import View
from lab.tui.present.document import Detail
from lab.tui.present.frame import banner, title_line


@dataclass(frozen=True)
class Part:
    """One of the screen's five parts: its table, and one of its rows in full (None when the row is gone)."""

    panel: Callable[[View], PanelView]
    detail: Callable[[str, View], Detail | None]


PARTS: dict[str, Part] = {
    "services": Part(services.panel, services.detail),
    "runs": Part(runs.panel, runs.detail),
    "models": Part(models.panel, models.detail),
    "audit": Part(audit.panel, audit.detail),
    "drift": Part(drift.panel, drift.detail),
}

__all__ = ["PARTS", "Detail", "Part", "View", "banner", "title_line"]
