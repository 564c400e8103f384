"""One data set: which versions were trained on it, which audit entries name it, what it is."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from lab.base.model_versions import ModelVersion
from lab.observe.snapshot import Slice
from lab.screen.binding import Binding, BindingType
from lab.screen.screens.detail_screen import DetailScreen, Page
from lab.screen.screens.fetching import Want
from lab.screen.screens.row_actions import browse
from lab.screen.widgets.page import TablePage, TextPage
from lab.screen.widgets.tabs import subject
from lab.views.cells import Line, PanelState, PanelView
from lab.views.details import data_views as present
from lab.views.document import page
from lab.views.models_panel import version_key
from lab.views.view import note

if TYPE_CHECKING:
    from lab.observe.details.version_source import VersionSource


class DataScreen(DetailScreen["VersionSource"]):
    """A data set in full; `key` is its hash."""

    KIND: ClassVar[str] = "models"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("V", "version", "Its newest version"),
        Binding("u", "run", "Its newest run", show=False),
        Binding("e", "entries", "Its entries"),
    ]

    def pages(self) -> Sequence[Page]:
        return [TablePage("versions", 1), TablePage("entries", 2), TextPage("about", 3)]

    def wants(self, details: "VersionSource") -> Sequence[Want]:
        return [Want("versions", "MLflow", lambda: details.trained_on(self.key), deadline_s=10.0, every_s=10.0)]

    @property
    def versions(self) -> Sequence[ModelVersion]:
        """Those trained on it: as fetched, else as the snapshot lists them."""
        fetched: Slice[tuple[ModelVersion, ...]] = self.got("versions")
        return fetched.value if fetched.value is not None else present.versions_on(self.key, self.view)

    def subject(self) -> Line:
        return subject(*present.subject_spans(self.key, self.view))

    def must_be_listed(self) -> bool:
        """Data stays, whoever names it."""
        return False

    def draw(self, name: str) -> PanelView:
        if name == "about":
            return present.about(self.key, self.view)
        if name == "entries":
            shown = present.entries(self.key, self.view)
            nothing = note("None of the newest entries names it; a version's own entry is one of its views.")
            return shown if shown.rows else PanelView("Entries", shown.status, PanelState.EMPTY, message=nothing)
        fetched: Slice[tuple[ModelVersion, ...]] = self.got("versions")
        if fetched.value is None and (known := self.versions):
            return present.versions(known, self.view)
        empty = "No version was trained on it."
        return page("Versions", fetched, self.view, empty, lambda found: present.versions(found, self.view))

    def opened(self, page: str, key: str) -> None:
        """A version, or an entry, in full."""
        self.open("models" if page == "versions" else "audit", key)

    def action_version(self) -> None:
        """The newest version that was trained on it."""
        if self.versions:
            self.open("models", version_key(self.versions[0]))
        else:
            self.notify("No version was trained on it.", timeout=3, markup=False)

    def action_run(self) -> None:
        """The run that trained the newest version on it."""
        run = next((one.tags["dagster_run_id"] for one in self.versions if one.tags.get("dagster_run_id")), "")
        run = run or next((one.run_id for one in present.entries_on(self.key, self.view) if one.run_id), "")
        if run:
            self.open("runs", run)
        else:
            self.notify("No run that is known trained on it.", timeout=3, markup=False)

    def action_entries(self) -> None:
        """The audit entries that name it."""
        self.action_view(self.names.index("entries"))

    def action_browse(self) -> None:
        browse(self, None)
