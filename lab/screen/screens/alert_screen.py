"""One alert: what to think and to do, what it says of itself, the silences."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from lab.base.alerts import Alert
from lab.base.monitoring import KnownSilence
from lab.observe.snapshot import Slice
from lab.screen.binding import Binding, BindingType
from lab.screen.messages import ActionWanted
from lab.screen.screens.detail_screen import DetailScreen, Page
from lab.screen.screens.fetching import Want
from lab.screen.widgets.page import TablePage, TextPage
from lab.screen.widgets.tabs import subject
from lab.views.cells import Line, PanelView
from lab.views.details import alert_views as present
from lab.views.document import page
from lab.views.drift_panel import alert_key
from lab.views.view import note

if TYPE_CHECKING:
    from lab.observe.details.alert_source import AlertSource


class AlertScreen(DetailScreen["AlertSource"]):
    """An alert in full."""

    KIND: ClassVar[str] = "alerts"
    CHANGING: ClassVar[frozenset[str]] = frozenset({"silence"})
    BINDINGS: ClassVar[list[BindingType]] = [Binding("m,s", "silence", "Silence")]

    def pages(self) -> Sequence[Page]:
        self._last: Alert | None = None
        return [TextPage("runbook", 1), TextPage("about", 2), TablePage("silences", 3)]

    def wants(self, details: "AlertSource") -> Sequence[Want]:
        return [
            Want("runbook", "The runbook", lambda: self._runbook(details)),
            Want("silences", "Alertmanager", lambda: details.silences(), deadline_s=8.0, every_s=5.0),
        ]

    async def _runbook(self, details: "AlertSource") -> Any:
        alert = self.alert
        return await details.runbook(alert.runbook if alert else "", self.key.split("/")[1])

    @property
    def listed(self) -> Alert | None:
        """The alert, while it is pending or firing."""
        return next((one for one in self.view.snapshot.alerts.value or () if alert_key(one) == self.key), None)

    @property
    def alert(self) -> Alert | None:
        """The alert as it is, or as it was when it was last active."""
        self._last = self.listed or self._last
        return self._last

    @property
    def silences(self) -> "Slice[tuple[KnownSilence, ...]]":
        """What Alertmanager said."""
        return self.got("silences")

    def subject(self) -> Line:
        silenced = present.is_silenced(self.listed, self.silences.value or ())
        return subject(*present.subject_spans(self.listed, self.key, silenced, self.view))

    def must_be_listed(self) -> bool:
        """The subject line says already that it is over."""
        return False

    def draw(self, name: str) -> PanelView:
        if name == "runbook":
            return page("Runbook", self.got("runbook"), self.view, "The section is empty.", present.runbook)
        if name == "silences":
            nothing = f"Nothing is silenced.\n`{self.view.key('silence', 's')}` silences this alert."
            return page("Silences", self.silences, self.view, nothing, lambda known: present.silences(known, self.view))
        if self.alert is None:
            return PanelView("About", message=note("It isn't active any more."))
        return present.about(self.alert, self.view)

    def opened(self, page: str, key: str) -> None:
        """A silence's whole comment."""
        found = next((one for one in self.silences.value or () if page == "silences" and one.id == key), None)
        if found:
            said = f"{' '.join(found.matchers)}\n{found.comment}\n{found.author}"
            self.notify(said, title=f"Silence {found.state}", timeout=15, markup=False)

    def action_silence(self) -> None:
        """The app asks for the reason first."""
        self.post_message(ActionWanted("silence", self.key))
