"""One model version: metrics, tags, lineage, gates before its next step, decisions, files, curves, groups of people."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from lab.base.errors import NotFound
from lab.base.model_versions import ModelVersion
from lab.observe.snapshot import Slice
from lab.screen.binding import Binding, BindingType
from lab.screen.messages import ActionWanted
from lab.screen.screens.detail_screen import DetailScreen, Page
from lab.screen.screens.fetching import Want
from lab.screen.screens.row_actions import browse
from lab.screen.widgets.page import TablePage, TextPage
from lab.screen.widgets.tabs import subject
from lab.views import formats
from lab.views.by_model import primary
from lab.views.cells import Line, PanelState, PanelView
from lab.views.details import group_views
from lab.views.details import version_views as present
from lab.views.document import Detail, page
from lab.views.models_panel import version_key
from lab.views.view import note

if TYPE_CHECKING:
    from lab.models.evaluation_file import EvaluationFile
    from lab.models.groups import Measured
    from lab.observe.details.version_source import Decisions, VersionDetail, VersionSource


class VersionScreen(DetailScreen["VersionSource"]):
    """A model version in full."""

    KIND: ClassVar[str] = "models"
    CHANGING: ClassVar[frozenset[str]] = frozenset({"act"})
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("a", "act('approve')", "Approve"),
        Binding("P", "act('promote')", "Promote"),
        Binding("x", "act('reject')", "Reject"),
        Binding("X", "act('archive')", "Archive", show=False),
        Binding("C", "compare", "Compare"),
        Binding("u", "run", "Its run", show=False),
        Binding("d", "data", "Its data", show=False),
        Binding("e", "entry", "Its audit entry", show=False),
    ]

    def pages(self) -> Sequence[Page]:
        self._curves = TextPage("curves", 7, wrapping=False)
        return [
            TablePage("metrics", 1),
            TextPage("tags", 2),
            TextPage("lineage", 3),
            TablePage("gates", 4),
            TablePage("decisions", 5),
            TablePage("files", 6),
            self._curves,
            TablePage("groups", 8),
        ]

    @property
    def number(self) -> str:
        """The version's number."""
        return self.key.rpartition("/")[2]

    @property
    def model(self) -> str:
        """The registered name."""
        return self.key.rpartition("/")[0]

    @property
    def detail(self) -> "VersionDetail | None":
        """The version as fetched."""
        found: VersionDetail | None = self.got("version").value
        return found

    @property
    def version(self) -> ModelVersion | None:
        """The version as the snapshot has it, else as fetched."""
        listed = self.view.snapshot.models.value or ()
        known = next((one for one in listed if version_key(one) == self.key), None)
        return known or (self.detail.version if self.detail else None)

    def wants(self, details: "VersionSource") -> Sequence[Want]:
        return [
            Want("version", "MLflow", lambda: details.version(self.model, self.number), deadline_s=10.0, every_s=5.0),
            Want("gates", "The gates", lambda: self._gates(details), deadline_s=150.0, lazy=True),
            Want("curves", "MLflow", lambda: self._evaluation(details), deadline_s=10.0, lazy=True),
            Want("decisions", "The audit trail", lambda: self._decisions(details), 30.0, every_s=5.0, lazy=True),
            Want("groups", "The audit trail", lambda: self._groups(details), 30.0, lazy=True),
        ]

    async def _gates(self, details: "VersionSource") -> Any:
        """None while it isn't known what comes next."""
        action = self._next()
        return await details.gates(action, self.model, self.number) if action else None

    async def _decisions(self, details: "VersionSource") -> Any:
        return await details.decisions(self.version) if self.version else None

    async def _evaluation(self, details: "VersionSource") -> Any:
        """The evaluation, or why there is none: that is no failure."""
        try:
            return await details.evaluation(self.version) if self.version else None
        except NotFound as err:
            return str(err)

    async def _groups(self, details: "VersionSource") -> Any:
        """What was audited of groups, or why there are none: that is no failure."""
        try:
            return await details.groups(self.version) if self.version else None
        except NotFound as err:
            return str(err)

    def _next(self) -> Any:
        from lab.observe.details.version_source import next_action

        return next_action(self.version.tags.get("approval_state", "")) if self.version else None

    def subject(self) -> Line:
        return subject(*present.subject_spans(self.key, self.version))

    def draw(self, name: str) -> PanelView:
        views: dict[str, Callable[[], PanelView]] = {
            "metrics": self._draw_metrics,
            "tags": lambda: page("Tags", self._known(), self.view, "It has no tag.", present.tags),
            "lineage": self._draw_lineage,
            "gates": self._draw_gates,
            "decisions": self._draw_decisions,
            "files": self._draw_files,
            "curves": self._draw_curves,
            "groups": self._draw_groups,
        }
        return views[name]()

    def _known(self) -> Slice[ModelVersion]:
        """The version, in the state of the source that has it."""
        fetched: Slice[VersionDetail] = self.got("version")
        if self.version is None or fetched.value is not None:
            return fetched.map(lambda found: self.version or found.version)
        return Slice(self.version, self.view.snapshot.models.fetched_at, self.view.snapshot.models.error)

    def _draw_metrics(self) -> PanelView:
        listed = self.view.snapshot.models.value or ()
        champion = (
            self.detail.champion
            if self.detail
            else next((v for v in listed if v.name == self.model and "champion" in v.aliases), None)
        )
        return page(
            "Metrics",
            self._known(),
            self.view,
            "Its run has no metric.",
            lambda v: present.metrics(v, champion, primary(v.name, self.view)),
        )

    def _draw_lineage(self) -> PanelView:
        found: Slice[VersionDetail] = self.got("version")
        return page("Lineage", found, self.view, "Nothing is known.", lambda v: present.lineage(v, self.view))

    def _draw_decisions(self) -> PanelView:
        found: Slice[Decisions] = self.got("decisions")
        nothing = "The audit trail holds nothing about this version."
        return page("Decisions", found, self.view, nothing, lambda value: present.decisions(value, self.view))

    def _draw_files(self) -> PanelView:
        found: Slice[VersionDetail] = self.got("version")
        return page("Plots and files", found, self.view, "Its run logged no file.", present.files)

    def _draw_curves(self) -> PanelView:
        # Imported when it is looked at: the drawing of dashboards weighs on the first drill-down.
        from lab.screen.curves import evaluation

        room = self._curves.text.scrollable_content_region
        width, height = room.width or self.size.width - 4, room.height or self.size.height - 6
        found: Slice[Any] = self.got("curves")
        if isinstance(found.value, str):
            return PanelView("Curves", state=PanelState.EMPTY, message=note(formats.clean(found.value)))
        drawn: Slice[EvaluationFile] = found
        return page("Curves", drawn, self.view, "Nothing was kept.", lambda found: evaluation(found, width, height))

    def _draw_groups(self) -> PanelView:
        found: Slice[Any] = self.got("groups")
        if isinstance(found.value, str):
            return PanelView("Groups", state=PanelState.EMPTY, message=note(formats.clean(found.value)))
        measured: Slice[Measured] = found
        return page("Groups of people", measured, self.view, "Nothing was compared.", group_views.groups)

    def on_resize(self) -> None:
        """Curves grow with the window."""
        self.call_after_refresh(self.redraw)

    def _draw_gates(self) -> PanelView:
        if self.version and self._next() is None:
            state = self.version.tags.get("approval_state", "") or "unknown"
            return PanelView("Gates", message=note(f"Its state is {state}: there is nothing to approve or promote."))
        shown = page("Gates", self.got("gates"), self.view, "No gate.", present.gates)
        if self.got("gates").value is None and not self.got("gates").error:
            waiting = note("looking at the gates: the whole audit trail is read; a promotion tries the model, too …")
            return PanelView("Gates", shown.status, shown.state, message=waiting)
        return shown

    def opened(self, page: str, key: str) -> None:
        """A decision's entry, a gate's values, what groups show, a file's page."""
        if page == "decisions":
            self.open("audit", key)
        elif page == "gates" and (outcome := self.got("gates").value):
            lines = present.gate_lines(outcome, key)
            self._tell(key, lines)
        elif page == "groups" and not isinstance(measured := self.got("groups").value, str) and measured:
            self._tell("Groups of people", group_views.group_lines(measured, key))
        elif page == "files" and self.detail:
            browse(self, Detail("", (), "", present.file_url(self.detail, key, self.view)))

    def _tell(self, title: str, lines: Sequence[Line]) -> None:
        self.notify("".join(span.text for line in lines for span in line), title=title, timeout=15, markup=False)

    def action_run(self) -> None:
        """The Dagster run that registered the version, in full."""
        if run_id := self._tag("dagster_run_id"):
            self.open("runs", run_id)
        else:
            self.notify("Its tags name no run.", timeout=2, markup=False)

    def action_data(self) -> None:
        """The data that it was trained on, in full."""
        if digest := self._tag("data_hash"):
            self.open("data", digest)
        else:
            self.notify("Its tags name no data.", timeout=2, markup=False)

    def action_entry(self) -> None:
        """The audit entry that vouches for it, in full."""
        seq = self._tag("audit_seq")
        if seq.isdigit():
            self.open("audit", seq)
        else:
            self.notify("Its tags name no audit entry.", timeout=2, markup=False)

    def action_compare(self) -> None:
        """This version beside another one."""
        from lab.screen.screens.compare_screen import compare

        compare(self, self.key, self.view, self._open_details)

    def _tag(self, name: str) -> str:
        return self.version.tags.get(name, "") if self.version else ""

    def action_act(self, name: str) -> None:
        """The app shows the gates and asks first."""
        self.post_message(ActionWanted(name, self.key))
