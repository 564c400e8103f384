"""Which drill-down belongs to a row. Screens are imported when the first of their kind opens."""

from lab.tui.present import View
from lab.tui.screens.detail import DetailScreen, OpenDesk


def detail_screen(part: str, key: str, view: View, open_desk: OpenDesk | None = None) -> DetailScreen:
    """The screen for row `key` of panel `part`; without a desk it shows what the snapshot has."""
    return _kind(part, key)(part, key, view, open_desk)


def _kind(part: str, key: str) -> type[DetailScreen]:
    if part == "runs":
        from lab.tui.screens.run import RunScreen

        return RunScreen
    if part == "services":
        from lab.tui.screens.service import ServiceScreen

        return ServiceScreen
    if part == "models":
        from lab.tui.screens.version import VersionScreen

        return VersionScreen
    if part == "drift":
        if key.startswith("alert/"):
            from lab.tui.screens.alert import AlertScreen

            return AlertScreen
        from lab.tui.screens.drift import DriftScreen

        return DriftScreen
    if part == "audit":
        from lab.tui.screens.entry import EntryScreen

        return EntryScreen
    return DetailScreen
