"""One run: its steps, its event log as it grows, what it was started with, its audit entries."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from lab.base.runs import Run, RunDetail, RunStatus
from lab.observe.snapshot import SliceState
from lab.screen.binding import Binding, BindingType
from lab.screen.messages import ActionWanted
from lab.screen.screens.detail_screen import DetailScreen, Page
from lab.screen.screens.fetching import Want
from lab.screen.widgets.feedpage import FeedPage
from lab.screen.widgets.page import TablePage, TextPage
from lab.screen.widgets.tabs import subject
from lab.views import run_views as present
from lab.views.cells import Line, PanelView
from lab.views.document import page
from lab.views.feed import FeedLine

if TYPE_CHECKING:
    from lab.observe.details.run_source import RunSource

_LIVE_S = 1.0


class RunScreen(DetailScreen["RunSource"]):
    """A run in full."""

    KIND: ClassVar[str] = "runs"
    CHANGING: ClassVar[frozenset[str]] = frozenset({"relaunch", "cancel"})
    BINDINGS: ClassVar[list[BindingType]] = [Binding("R", "relaunch", "Re-launch"), Binding("c", "cancel", "Cancel")]

    def pages(self) -> Sequence[Page]:
        self._known = Run(self.key, "", RunStatus.NOT_STARTED)
        self._events = FeedPage("events", 2)
        self._seen = 0
        return [
            TablePage("steps", 1),
            self._events,
            TextPage("config", 3),
            TextPage("about", 4),
            TablePage("audit", 5),
        ]

    def wants(self, details: "RunSource") -> Sequence[Want]:
        over = present.is_over
        return [
            Want("run", "Dagster", lambda: details.run(self.key), every_s=_LIVE_S, until=lambda found: over(found.run)),
            Want(
                "events",
                "Dagster's event log",
                lambda: details.events(self.key),
                deadline_s=10.0,
                every_s=_LIVE_S,
                until=lambda found: found.complete and over(self.run),
            ),
            Want(
                "audit",
                "The audit trail",
                lambda: details.entries(self.run),
                deadline_s=30.0,
                every_s=5.0,
                until=lambda _: over(self.run),
                lazy=True,
            ),
        ]

    @property
    def run(self) -> Run:
        """The newest that is known of it: as fetched, else as the snapshot has it."""
        fetched: RunDetail | None = self.got("run").value
        listed = self.view.snapshot.runs.value
        known = next((one for one in listed.runs if one.run_id == self.key), None) if listed else None
        if fetched and (known is None or not known.status.finished or fetched.run.status.finished):
            return fetched.run
        self._known = known or self._known
        return self._known

    def subject(self) -> Line:
        return subject(*present.subject_spans(self.run, self.view))

    def draw(self, name: str) -> PanelView:
        detail = self.got("run")
        if name == "steps":
            return present.steps(self.run, self.view)
        if name == "events":
            return page("Events", self.got("events"), self.view, "No event yet.", lambda _: PanelView(""))
        if name == "config":
            return page("Configuration", detail, self.view, "The run was started without any.", present.config)
        if name == "about":
            return present.about(self.run, detail.value, self.view)
        if self.got("audit").state is SliceState.WAITING and (listed := present.entries_listed(self.key, self.view)):
            return listed
        return page(
            "Audit entries",
            self.got("audit"),
            self.view,
            "No entry of this run.",
            lambda found: present.entries(found, self.view),
        )

    def took(self, name: str) -> None:
        found = self.got("events").value
        if name != "events" or found is None:
            return
        total = found.dropped + len(found.events)
        fresh = found.events[max(0, len(found.events) - (total - self._seen)) :]
        self._seen = total
        lines: list[FeedLine] = [line for event in fresh for line in present.event_lines(event, self.view)]
        if lines:
            self._events.extend(lines)

    def opened(self, page: str, key: str) -> None:
        """An audit entry of the run in full; a step's events."""
        if page == "steps":
            self.action_view(1)
            self._events.look_for(key)
        elif page == "audit":
            self.open("audit", key)

    def action_relaunch(self) -> None:
        """The app asks first."""
        self.post_message(ActionWanted("relaunch", self.key))

    def action_cancel(self) -> None:
        """The app asks first."""
        self.post_message(ActionWanted("cancel", self.key))
