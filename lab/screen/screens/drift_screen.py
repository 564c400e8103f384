"""The data's drift: every feature's histogram, baseline against current."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from lab.observe.snapshot import Slice
from lab.screen.binding import Binding, BindingType
from lab.screen.screens.detail_screen import DetailScreen, Page
from lab.screen.screens.fetching import Want
from lab.screen.widgets.page import TablePage, TextPage
from lab.screen.widgets.tabs import subject
from lab.views.by_model import report_of
from lab.views.cells import Line, PanelView
from lab.views.details import drift_views as present
from lab.views.document import page
from lab.views.drift_panel import feature_of_row, model_of_row

if TYPE_CHECKING:
    from lab.observe.details.drift_source import DriftDetail, DriftSource

_EMPTY = "No feature was compared."


class DriftScreen(DetailScreen["DriftSource"]):
    """Drift in full; `n` and `p` go to the feature after and before."""

    KIND: ClassVar[str] = "drift"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "walk(1)", "Next feature"),
        Binding("p", "walk(-1)", "Feature before"),
        Binding("d", "data", "The data", show=False),
    ]

    def pages(self) -> Sequence[Page]:
        self._histograms = TextPage("histograms", 1, wrapping=False)
        self._begins: dict[str, int] = {}
        self._feature = feature_of_row(self.key)
        self._revealed = False
        return [self._histograms, TablePage("features", 2), TextPage("about", 3)]

    def wants(self, details: "DriftSource") -> Sequence[Want]:
        return [Want("drift", "The data set", lambda: details.drift(self._model), deadline_s=15.0, every_s=5.0)]

    @property
    def _model(self) -> str:
        return model_of_row(self.key)

    @property
    def found(self) -> "Slice[DriftDetail]":
        """The comparison as fetched."""
        return self.got("drift")

    def subject(self) -> Line:
        return subject(*present.subject_spans(self.found.value, self._model, self.view))

    def must_be_listed(self) -> bool:
        """The screen is about all features."""
        return False

    def draw(self, name: str) -> PanelView:
        if self.recorded:
            return super().draw(name)
        if name == "features":
            return page("Features, worst first", self.found, self.view, _EMPTY, present.features)
        if name == "about":
            return page("About", self.found, self.view, _EMPTY, present.about)
        return page("Histograms, worst first", self.found, self.view, _EMPTY, self._draw_histograms)

    def _draw_histograms(self, detail: "DriftDetail") -> PanelView:
        width = self._histograms.text.scrollable_content_region.width or self.size.width - 4
        shown, self._begins = present.histograms(detail, width)
        return shown

    def redraw(self) -> None:
        """Draws; the feature that was asked for comes to the top when its histogram is there."""
        super().redraw()
        if self._begins and not self._revealed and self.page is self._histograms:
            self._revealed = True
            self.call_after_refresh(self._reveal)

    def _reveal(self) -> None:
        if self._feature in self._begins:
            self._histograms.text.reveal(self._begins[self._feature])

    def on_resize(self) -> None:
        """Bars grow with the window."""
        self.call_after_refresh(self.redraw)

    def action_data(self) -> None:
        """The current data set, in full."""
        report = report_of(self._model, self.view)
        if report:
            self.open("data", report.current_hash)
        else:
            self.notify("Nothing tells which data is current.", timeout=3, markup=False)

    def opened(self, page: str, key: str) -> None:
        """A feature's histogram."""
        if page == "features":
            self._feature = key
            self.action_view(0)
            self.call_after_refresh(self._reveal)

    def action_walk(self, by: int) -> None:
        """To the histogram after or before."""
        names = list(self._begins)
        if not names:
            return
        index = names.index(self._feature) + by if self._feature in names else 0
        self._feature = names[max(0, min(index, len(names) - 1))]
        self.action_view(0)
        self._reveal()
