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
from lab.views.cells import Line, PanelView
from lab.views.details import run_views as present
from lab.views.document import page
from lab.views.feed import FeedLine
from lab.views.links import data_of_run, version_of_run

if TYPE_CHECKING:
    from lab.governance.ledger import Entry
    from lab.observe.details.run_source import RunEntries, RunSource

_LIVE_S = 1.0


class RunScreen(DetailScreen["RunSource"]):
    """A run in full."""

    KIND: ClassVar[str] = "runs"
    CHANGING: ClassVar[frozenset[str]] = frozenset({"relaunch", "cancel"})
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("R", "relaunch", "Re-launch"),
        Binding("c", "cancel", "Cancel"),
        Binding("V", "link('version')", "Its version"),
        Binding("d", "link('data')", "Its data", show=False),
        Binding("e", "entries", "Its audit entries", show=False),
    ]

    def pages(self) -> Sequence[Page]:
        self._known = self._nobody = Run(self.key, "", RunStatus.NOT_STARTED)
        self._events = FeedPage("events", 2)
        self._seen = 0
        # What a person asked for before the trail had told where it is.
        self._wanted_link = ""
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

    @property
    def unknown(self) -> bool:
        """Whether nobody knows the run: an older one that wasn't answered yet, or one that was deleted."""
        return self.run is self._nobody

    def subject(self) -> Line:
        if self.unknown:
            return present.unknown_spans(self.key, failed=self.got("run").state is SliceState.FAILED)
        return subject(*present.subject_spans(self.run, self.view))

    def draw(self, name: str) -> PanelView:
        detail = self.got("run")
        if name == "steps" and self.unknown:
            return page("Steps", detail, self.view, "No step began.", lambda found: present.steps(found.run, self.view))
        if name == "steps":
            return present.steps(self.run, self.view, found.events if (found := self.got("events").value) else ())
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
        if name == "audit" and self._wanted_link:
            what, self._wanted_link = self._wanted_link, ""
            if self.is_current:
                self._follow(what)
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

    def _entries(self) -> "Sequence[Entry]":
        """The run's audit entries, as fetched, else as far as the snapshot lists them."""
        fetched: RunEntries | None = self.got("audit").value
        if fetched:
            return fetched.entries
        audit = self.view.snapshot.audit.value
        return [one for one in audit.entries if one.run_id == self.key] if audit else []

    def _linked(self, what: str) -> tuple[str, str]:
        """Kind and key of what belongs to the run; an empty key where nothing tells."""
        if what == "version":
            return "models", version_of_run(self.key, self._entries(), self.view)
        return "data", data_of_run(self.key, self._entries(), self.view)

    def _follow(self, what: str) -> None:
        kind, key = self._linked(what)
        if key:
            self.open(kind, key)
        else:
            said = "It registered no version." if what == "version" else "Nothing tells which data it read."
            self.notify(said, timeout=3, markup=False)

    def action_link(self, what: str) -> None:
        """Its version, or its data, in full; the audit trail is asked where the snapshot doesn't tell."""
        asked = self.recorded or self.got("audit").state is not SliceState.WAITING
        if self._linked(what)[1] or asked or not self._fetcher:
            self._follow(what)
        else:
            self._wanted_link = what
            self._fetcher.look("audit")

    def action_entries(self) -> None:
        """Its audit entries."""
        self.action_view(self.names.index("audit"))

    def action_relaunch(self) -> None:
        """The app asks first."""
        self.post_message(ActionWanted("relaunch", self.key))

    def action_cancel(self) -> None:
        """The app asks first."""
        self.post_message(ActionWanted("cancel", self.key))
