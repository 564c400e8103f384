"""What the screen shows of a snapshot: pure functions of data and time."""

from collections.abc import Callable
from dataclasses import dataclass

from lab.views import audit_panel, drift_panel, models_panel, runs_panel, services_panel
from lab.views.cells import Column, PanelView
from lab.views.document import Detail
from lab.views.frame import banner, title_line
from lab.views.view import View


@dataclass(frozen=True)
class Part:
    """One of the screen's five parts: its table, and one of its rows in full (None when the row is gone)."""

    panel: Callable[[View], PanelView]
    detail: Callable[[str, View], Detail | None]


PARTS: dict[str, Part] = {
    "services": Part(services_panel.panel, services_panel.detail),
    "runs": Part(runs_panel.panel, runs_panel.detail),
    "models": Part(models_panel.panel, models_panel.detail),
    "audit": Part(audit_panel.panel, audit_panel.detail),
    "drift": Part(drift_panel.panel, drift_panel.detail),
}

# Every column that a panel may have.
COLUMNS: dict[str, tuple[Column, ...]] = {
    "services": services_panel.COLUMNS,
    "runs": runs_panel.OF_MODELS,
    "models": models_panel.COLUMNS,
    "audit": (*audit_panel.COLUMNS, audit_panel.MODEL),
    "drift": drift_panel.COLUMNS,
}


def detail_of(part: str, key: str, view: View) -> Detail | None:
    """One row of a part in full, or a data set, which is a row of none."""
    if part != "data":
        return PARTS[part].detail(key, view)
    # Imported when one is opened: before the first paint that would cost time.
    from lab.views.details.data_views import detail

    return detail(key, view)


__all__ = ["COLUMNS", "PARTS", "Detail", "Part", "View", "banner", "detail_of", "title_line"]
