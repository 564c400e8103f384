"""What both the main screen and a detail screen do with the thing they show, and which drill-down belongs to a row.

Screens are imported when the first of their kind opens."""

from textual.screen import Screen

from lab.screen.screens.detail_screen import DetailScreen, OpenDesk
from lab.views import Detail, View


def detail_screen(part: str, key: str, view: View, open_desk: OpenDesk | None = None) -> DetailScreen:
    """The screen for row `key` of panel `part`; without a desk it shows what the snapshot has."""
    return _kind(part, key)(part, key, view, open_desk)


def _kind(part: str, key: str) -> type[DetailScreen]:
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


def browse(screen: Screen[None], found: Detail | None) -> None:
    """Opens the thing's page in a browser, or says that there is none."""
    if found is None or not found.url:
        screen.notify("This has no page to open.", timeout=3, markup=False)
        return
    screen.app.open_url(found.url)
    screen.notify(f"Opened {found.url}", timeout=3, markup=False)


def copy(screen: Screen[None], found: Detail | None) -> None:
    """Copies the thing through the terminal (OSC 52), also over SSH."""
    if found is None or not found.copy:
        screen.notify("There is nothing to copy here.", timeout=3, markup=False)
        return
    screen.app.copy_to_clipboard(found.copy)
    first = found.copy.splitlines()[0]
    screen.notify(f"Copied {first[:60]}" + (" …" if found.copy != first[:60] else ""), timeout=3, markup=False)
