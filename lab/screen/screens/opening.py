"""Which drill-down belongs to a row. Screens are imported when the first of their kind opens."""

from typing import Any

from lab.screen.screens.detail_screen import DetailScreen, OpenDetails
from lab.views import View


def detail_screen(part: str, key: str, view: View, open_details: OpenDetails | None = None) -> DetailScreen[Any]:
    """The screen for row `key` of panel `part`; without a source it shows what the snapshot has."""
    return _kind(part, key)(part, key, view, open_details)


def _kind(part: str, key: str) -> type[DetailScreen[Any]]:
    if part == "runs":
        from lab.screen.screens.run_screen import RunScreen

        return RunScreen
    if part == "services":
        from lab.screen.screens.service_screen import ServiceScreen

        return ServiceScreen
    if part == "models":
        from lab.screen.screens.version_screen import VersionScreen

        return VersionScreen
    if part == "drift":
        if key.startswith("alert/"):
            from lab.screen.screens.alert_screen import AlertScreen

            return AlertScreen
        from lab.screen.screens.drift_screen import DriftScreen

        return DriftScreen
    if part == "audit":
        from lab.screen.screens.entry_screen import EntryScreen

        return EntryScreen
    return DetailScreen
