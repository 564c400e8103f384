"""The part of the application that has several labs: a tab for each, with its own screens, poller and account."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from textual import on

from lab.observe.polling import Poller
from lab.observe.snapshot import LabInfo, Snapshot
from lab.screen.lab_session import LabPlace, LabSession
from lab.screen.messages import LabChosen, PollFailed, SnapshotTaken
from lab.screen.user.user_app import UserApp
from lab.views import View

if TYPE_CHECKING:
    from lab.screen.screens.detail_screen import OpenDetails


class LabsApp(UserApp):
    """Keys act on the lab that is shown and on no other. What nobody looks at is asked more rarely."""

    # Each lab's screens are a mode of Textual's; the first one's is what the app begins in.
    DEFAULT_MODE = "lab-0"
    _opened: frozenset[str] = frozenset()

    def take_labs(self, places: Sequence[LabPlace], interval_s: float, now: datetime) -> None:
        """Makes what each lab needs; nobody is asked yet."""
        self.labs = [self._session(number, place, interval_s, now) for number, place in enumerate(places)]
        self.lab = self.labs[0]
        for unseen in self.labs[1:]:
            unseen.look_away()
        self._others_asked = len(places) == 1

    def _session(self, number: int, place: LabPlace, interval_s: float, now: datetime) -> LabSession:
        nothing = Snapshot(now.timestamp(), LabInfo(place.name, "", "", "", ""))
        poller = Poller(
            place.factory,
            publish=lambda snapshot: self.post_message(SnapshotTaken(snapshot, number)),
            complain=lambda reason: self.post_message(PollFailed(reason, number)),
            interval_s=interval_s,
        )
        view = View(nothing, now, interval_s=interval_s, readonly=place.readonly, keys=self.keys_called)
        return LabSession(number, place, view, poller)

    @property
    def open_details(self) -> "OpenDetails | None":
        """Where drill-downs of the lab that is shown ask."""
        return self.lab.place.open_details

    @open_details.setter
    def open_details(self, given: "OpenDetails | None") -> None:
        self.lab.place = replace(self.lab.place, open_details=given)

    def ask_others(self) -> None:
        """The other labs are asked when the first one has had its turn: each by a loop of its own."""
        if not self._others_asked:
            self._others_asked = True
            for lab in self.labs[1:]:
                self.run_worker(lab.poller.run(), group=f"poll-{lab.number}", exclusive=True, exit_on_error=False)

    def show_labs(self) -> None:
        """Draws the line of labs wherever it is in sight."""
        if len(self.labs) == 1:
            return
        # Imported where there are several: before the first paint that would cost time.
        from lab.screen.widgets.lab_bar import LabBar
        from lab.views.lab_tabs import tab_of

        tabs = [tab_of(lab.name, lab.view) for lab in self.labs]
        for screen in self.screen_stack:
            for bar in screen.query(LabBar):
                bar.show(tabs, self.lab.number)

    def action_step_lab(self, by: int) -> None:
        """The lab after or before this one."""
        self.show_lab((self.lab.number + by) % len(self.labs))

    @on(LabChosen)
    def _lab_chosen(self, event: LabChosen) -> None:
        event.stop()
        self.show_lab(event.number)

    def show_lab(self, number: int) -> None:
        """Shows a lab as it was left, drill-downs included."""
        lab = self.labs[number]
        if lab is self.lab:
            return
        for one in (self.lab, lab):
            if one.mode not in self._opened:
                self._opened |= {one.mode}
                self.add_mode(one.mode, self.get_default_screen)
        self.lab.look_away()
        self._rest(True)
        self.lab = lab
        self.switch_mode(lab.mode)
        self._rest(False)
        self._show(self.view)
        lab.look()

    def _rest(self, resting: bool) -> None:
        """Drill-downs of a lab that isn't shown ask nothing."""
        # Imported with the first change of labs: before the first paint that would cost time.
        from lab.screen.screens.detail_screen import DetailScreen

        for screen in self.screen_stack:
            if isinstance(screen, DetailScreen):
                screen.rest(resting)

    def _show(self, view: View, lab: LabSession | None = None) -> None:
        """Takes the newest view of a lab, without one that of the lab that is shown."""
        raise NotImplementedError
