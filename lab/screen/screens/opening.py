"""Which drill-down belongs to a row. Screens are imported when the first of their kind opens, and named here only."""

from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any

from lab.views import View

if TYPE_CHECKING:
    from lab.screen.screens.detail_screen import DetailScreen, OpenDetails

_PLACE = "lab.screen.screens"
_SCREENS = {
    "runs": f"{_PLACE}.run_screen:RunScreen",
    "services": f"{_PLACE}.service_screen:ServiceScreen",
    "models": f"{_PLACE}.version_screen:VersionScreen",
    "drift": f"{_PLACE}.drift_screen:DriftScreen",
    "audit": f"{_PLACE}.entry_screen:EntryScreen",
    "data": f"{_PLACE}.data_screen:DataScreen",
}
# Alerts stand among the drift's rows.
_ALERT, _ALERT_SCREEN = "alert/", f"{_PLACE}.alert_screen:AlertScreen"
_ANY = f"{_PLACE}.detail_screen:DetailScreen"


def detail_screen(part: str, key: str, view: View, open_details: "OpenDetails | None" = None) -> "DetailScreen[Any]":
    """The screen for row `key` of panel `part`; without a source it shows what the snapshot has."""
    is_alert = part == "drift" and key.startswith(_ALERT)
    kind: type[DetailScreen[Any]] = resolve_name(_ALERT_SCREEN if is_alert else _SCREENS.get(part, _ANY))
    return kind(part, key, view, open_details)
