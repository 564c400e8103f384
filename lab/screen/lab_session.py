"""One lab of the screen: where it is asked, what is known of it, and what was done to it from here."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab.observe.polling import Factory, Poller
from lab.views import View

if TYPE_CHECKING:
    from lab.recording.recorder import ScreenRecording
    from lab.screen.action_controller import ActionController
    from lab.screen.dash.dash_loop import Dashboards
    from lab.screen.screens.detail_screen import OpenDetails

# A lab that nobody looks at is asked this much more rarely, at least after so many seconds.
UNSEEN_FACTOR, UNSEEN_LEAST_S = 10.0, 15.0


@dataclass(frozen=True)
class LabPlace:
    """A lab to show: `factory` makes its observer, `name` is what its tab is called; None where there is nobody to ask
    for drill-downs or dashboards.
    """

    factory: Factory
    name: str = ""
    readonly: bool = False
    open_details: "OpenDetails | None" = None
    dashboards: "Callable[[], Dashboards] | None" = None


class LabSession:
    """A lab on the screen, seen or not: its own poller, and its own newest view."""

    def __init__(self, number: int, place: LabPlace, view: View, poller: Poller) -> None:
        self.number, self.place, self.poller = number, place, poller
        self.view = view
        self.shown_at = view.now
        self.controller: ActionController | None = None
        self.recording: ScreenRecording | None = None

    @property
    def name(self) -> str:
        """What the lab is called: as it calls itself, once that is known."""
        return self.view.snapshot.lab.name or self.place.name

    @property
    def mode(self) -> str:
        """What Textual calls its stack of screens."""
        return f"lab-{self.number}"

    def look_away(self) -> None:
        """Asks more rarely from now on."""
        self.poller.pace(max(UNSEEN_FACTOR * self.view.interval_s, UNSEEN_LEAST_S))

    def look(self) -> None:
        """Asks at once, and as often as the screen is to be fresh."""
        self.poller.pace(self.view.interval_s)
        self.poller.hurry()
