"""One service: its log, alone or among all, its probes, what it is, who needs it, what it uses."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from lab.observe.snapshot import ServiceState, SliceState
from lab.screen.binding import Binding, BindingType
from lab.screen.messages import ActionWanted
from lab.screen.screens.detail_screen import DetailScreen, Page
from lab.screen.screens.fetching import Want
from lab.screen.widgets.feedpage import FeedPage
from lab.screen.widgets.page import TablePage, TextPage
from lab.screen.widgets.tabs import subject
from lab.views.cells import Line, PanelView
from lab.views.details import service_views as present
from lab.views.details.dependency_views import dependencies, service_of_row
from lab.views.document import page

if TYPE_CHECKING:
    from lab.observe.details.log_source import LogSource


class ServiceScreen(DetailScreen["LogSource"]):
    """A service in full."""

    KIND: ClassVar[str] = "services"
    CHANGING: ClassVar[frozenset[str]] = frozenset({"act"})
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("m", "merge", "All services"),
        Binding("R", "act('restart')", "Restart", show=False),
        Binding("u", "act('start')", "Start", show=False),
        Binding("x", "act('stop')", "Stop", show=False),
        Binding("d", "needs", "Who needs whom"),
    ]

    def pages(self) -> Sequence[Page]:
        self._logs = FeedPage("logs", 1)
        # What is asked for, and what the lines that are shown came from.
        self._merged = self._shown_merged = False
        self._reading = -1
        self._last = -1
        self._usage = TextPage("usage", 5, wrapping=False)
        return [self._logs, TablePage("probes", 2), TextPage("about", 3), TablePage("needs", 4), self._usage]

    def wants(self, details: "LogSource") -> Sequence[Want]:
        return [Want("logs", "The log", lambda: details.more(self._wanted), deadline_s=10.0, every_s=0.05)]

    @property
    def _wanted(self) -> str:
        return "" if self._merged else self.key

    @property
    def state(self) -> ServiceState | None:
        """The service as the snapshot has it."""
        return next((one for one in self.view.snapshot.services.value or () if one.name == self.key), None)

    def subject(self) -> Line:
        return subject(*present.subject_spans(self.key, self.state))

    def draw(self, name: str) -> PanelView:
        if name == "probes":
            return present.probes(self.view.history.of(self.key), self.view)
        if name == "about":
            return super().draw(name)
        if name == "needs":
            return dependencies(self.key, self.view)
        if name == "usage":
            return self._draw_usage()
        part = self.got("logs")
        if part.state is SliceState.OK and len(self._logs.feed):
            return present.logs(self._shown_merged)
        title = present.logs(self._merged).title
        return page(title, part, self.view, "No line in the log yet.", lambda _: present.logs(self._merged))

    def took(self, name: str) -> None:
        """New lines; those of another source than is wanted now came too late."""
        batch = self.got("logs").value
        if name != "logs" or batch is None or batch.source != self._wanted:
            return
        if batch.reading != self._reading:
            self._reading, self._shown_merged = batch.reading, self._merged
            self._logs.clear()
        elif batch.number <= self._last:
            return
        self._last = batch.number
        if batch.lines:
            self._logs.extend([present.log_line(line, self._merged) for line in batch.lines])

    def action_merge(self) -> None:
        """The logs of all services together, or of this one alone."""
        self._merged = not self._merged
        self.ask_anew("logs")
        self.action_view(0)

    def action_needs(self) -> None:
        """Who needs whom."""
        self.action_view(self.names.index("needs"))

    def opened(self, page: str, key: str) -> None:
        """Another service of the tree in full."""
        if page == "needs" and (name := service_of_row(key)) != self.key:
            self.open("services", name)

    def _draw_usage(self) -> PanelView:
        # Imported when it is looked at: the drawing of dashboards weighs on the first drill-down.
        from lab.screen.curves import usage

        room = self._usage.text.scrollable_content_region
        width, height = room.width or self.size.width - 4, room.height or self.size.height - 6
        return usage(self.view.history.usage_of(self.key), self.view, width, height)

    def on_resize(self) -> None:
        """Curves grow with the window."""
        self.call_after_refresh(self.redraw)

    def action_act(self, name: str) -> None:
        """The app asks first."""
        self.post_message(ActionWanted(name, self.key))
