"""Two model versions side by side, and the question which."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from textual.screen import Screen

from lab.dashboards.model import Choice
from lab.observe.snapshot import Slice
from lab.screen.binding import Binding, BindingType
from lab.screen.dash.picking import Picking
from lab.screen.screens.detail_screen import DetailScreen, OpenDetails, Page
from lab.screen.screens.fetching import Want
from lab.screen.widgets.page import TablePage, TextPage
from lab.screen.widgets.tabs import subject
from lab.views import View, formats
from lab.views.cells import Line, PanelView
from lab.views.details import comparison_views as present
from lab.views.document import page
from lab.views.models_panel import approval, version_key

if TYPE_CHECKING:
    from lab.observe.comparison import Comparison
    from lab.observe.details.version_source import VersionSource


class VersionPicking(Picking):
    """Picks a version, from wherever it is asked."""

    CSS_PATH = Path(__file__).parents[1] / "dash.tcss"


class CompareScreen(DetailScreen["VersionSource"]):
    """What the version `key` gains or loses, measured against `other`."""

    KIND: ClassVar[str] = "models"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("C", "other", "Another version"),
        Binding("V", "version", "The other version", show=False),
    ]

    def __init__(self, key: str, other: str, view: View, open_details: OpenDetails | None = None) -> None:
        self.other = other
        super().__init__("models", key, view, open_details)

    def pages(self) -> Sequence[Page]:
        self._curves = TextPage("curves", 4, wrapping=False)
        return [TablePage("metrics", 1), TablePage("parameters", 2), TextPage("data", 3), self._curves]

    def wants(self, details: "VersionSource") -> Sequence[Want]:
        return [
            Want("compared", "MLflow", lambda: details.compared(self.other, self.key), deadline_s=10.0),
            Want("curves", "MLflow", lambda: self._evaluations(details), deadline_s=15.0, lazy=True),
        ]

    async def _evaluations(self, details: "VersionSource") -> Any:
        return await asyncio.gather(details.evaluation_of(self.other), details.evaluation_of(self.key))

    @property
    def found(self) -> "Slice[Comparison]":
        """The comparison as fetched."""
        return self.got("compared")

    def subject(self) -> Line:
        return subject(*present.subject_spans(self.other, self.key, self.found.value))

    def must_be_listed(self) -> bool:
        """Older versions than the newest can be compared as well."""
        return False

    def draw(self, name: str) -> PanelView:
        if name == "curves":
            return self._draw_curves()
        fill = {"metrics": present.metrics, "parameters": present.parameters, "data": present.facts}[name]
        title = {"metrics": "Metrics", "parameters": "Parameters", "data": "Data and code"}[name]
        return page(title, self.found, self.view, "Neither has any.", fill)

    def _draw_curves(self) -> PanelView:
        from lab.screen.curves import overlaid

        room = self._curves.text.scrollable_content_region
        width, height = room.width or self.size.width - 4, room.height or self.size.height - 6
        names = [formats.clean(key.replace("/", " v")) for key in (self.other, self.key)]
        both: Slice[Any] = self.got("curves")
        return page("Curves", both, self.view, "Nothing was kept.", lambda two: overlaid(two, names, width, height))

    def on_resize(self) -> None:
        """Curves grow with the window."""
        self.call_after_refresh(self.redraw)

    def action_other(self) -> None:
        """The same version against another one, in place of this comparison."""

        def take(other: str) -> None:
            self.other = other
            self.fetched.clear()
            self.redraw()
            for name in ("compared", "curves"):
                self.ask_anew(name)
            self.ask_again()

        pick_other(self, self.key, self.view, take, self.other)

    def action_version(self) -> None:
        """The one that it is measured against, in full."""
        self.open("models", self.other)

    def action_browse(self) -> None:
        self.notify("A comparison has no page to open.", timeout=3, markup=False)


def pick_other(screen: Screen[Any], key: str, view: View, take: Callable[[str], object], chosen: str = "") -> None:
    """Asks which version `key` is to be compared with; its model's champion is proposed, else the one before it."""
    listed = [one for one in view.snapshot.models.value or () if version_key(one) != key]
    model = key.rpartition("/")[0]
    ordered = sorted(listed, key=lambda one: one.name != model)
    if not ordered:
        screen.notify("There is no other version to compare with.", timeout=3, markup=False)
        return
    champion = next((version_key(one) for one in ordered if one.name == model and "champion" in one.aliases), "")
    choices = [Choice(_called(one), version_key(one)) for one in ordered]

    def picked(found: tuple[str, ...] | None) -> None:
        if found:
            take(found[0])

    title = f"Compare {formats.clean(key.replace('/', ' v'))} with"
    screen.app.push_screen(VersionPicking(title, choices, (chosen or champion or version_key(ordered[0]),)), picked)


def _called(version: Any) -> str:
    aliases = "".join(f" @{alias}" for alias in version.aliases)
    state = approval(version.tags.get("approval_state", "")).text
    return f"{formats.clean(version.name)} v{formats.clean(version.version)}{formats.clean(aliases)}  {state}"


def compare(screen: Screen[Any], key: str, view: View, open_details: OpenDetails | None) -> None:
    """Asks with which version `key` is to be compared, and shows both."""

    def take(other: str) -> None:
        screen.app.push_screen(CompareScreen(key, other, view, open_details))

    pick_other(screen, key, view, take)
