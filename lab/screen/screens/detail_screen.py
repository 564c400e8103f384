"""One thing in full: what the snapshot says of it at once, and views of what is fetched while it is open."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar, Generic, cast

from textual import on, work
from textual.app import ComposeResult
from textual.message import Message
from textual.screen import Screen
from textual.widgets import ContentSwitcher

from lab.observe.details import DetailSource
from lab.observe.snapshot import Slice
from lab.screen.binding import Binding, BindingType
from lab.screen.failed_work import TellsFailedWork
from lab.screen.screens.fetching import NOT_RECORDED, Fetcher, SourceT, Want
from lab.screen.screens.opening import detail_screen
from lab.screen.screens.row_actions import browse, copy
from lab.screen.widgets.keybar import KeyBar
from lab.screen.widgets.lab_bar import LabBar
from lab.screen.widgets.page import TablePage, TextPage
from lab.screen.widgets.panel import Panel
from lab.screen.widgets.tabs import Subject, TabBar
from lab.screen.widgets.titlebar import TitleBar
from lab.views import Detail, View, detail_of
from lab.views.cells import Line, PanelState, PanelView, Span, Tone

OpenDetails = Callable[[str], DetailSource]
Page = TablePage | TextPage
_GONE = Span("no longer in the newest data", Tone.WARN)


class Fetched(Message):
    """One of the things that a drill-down asked for came, or didn't."""

    def __init__(self, name: str, part: Slice[Any]) -> None:
        super().__init__()
        self.name = name
        self.part = part


class DetailScreen(TellsFailedWork, Screen[None], Generic[SourceT]):
    """Shows one row of a panel until Esc. This class shows what the snapshot has; others add views and a source."""

    CSS_PATH = Path(__file__).parents[1] / "detail.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,backspace", "back", "Back", key_display="esc"),
        Binding("tab", "step(1)", "Next view", show=False),
        Binding("shift+tab", "step(-1)", "View before", show=False),
        Binding("r", "again", "Refresh", show=False),
        Binding("o", "browse", "Browser"),
        Binding("y", "copy", "Copy"),
        *(Binding(str(number), f"view({number - 1})", f"View {number}", show=False) for number in range(1, 9)),
    ]
    # Actions that change the lab: a read-only screen has none of them.
    CHANGING: ClassVar[frozenset[str]] = frozenset()
    # What kind of source to open; empty: nothing is asked for.
    KIND: ClassVar[str] = ""

    def __init__(self, part: str, key: str, view: View, open_details: OpenDetails | None = None) -> None:
        super().__init__()
        self.part, self.key, self.view = part, key, view
        self.fetched: dict[str, Slice[Any]] = {}
        self.gone = False
        self._detail: Detail | None = detail_of(part, key, view)
        self._open_details = open_details
        self._fetcher: Fetcher[SourceT] | None = None
        self._bar, self._subject = TitleBar(), Subject()
        self._pages = self.pages()
        self._tabs = TabBar([name.capitalize() for name in self.names])
        self._current = 0
        # The view to begin with; the first one where there is none of that name.
        self.begin = ""
        # Textual calls a screen mounted only after `on_mount`.
        self._drawable = False

    @property
    def _several_labs(self) -> bool:
        return len(getattr(self.app, "labs", ())) > 1

    @property
    def names(self) -> list[str]:
        """The views' names, in order."""
        return [str(page.id) for page in self._pages]

    @property
    def page(self) -> Page:
        """The view that is shown."""
        return self._pages[self._current]

    def pages(self) -> Sequence[Page]:
        """The views."""
        return [TextPage("about", 1)]

    def wants(self, details: SourceT) -> Sequence[Want]:  # noqa: ARG002 - for the screens that ask for something
        """What is asked for; each name is one of those that `draw` looks up in `fetched`."""
        return ()

    def subject(self) -> Line:
        """The line under the header."""
        return (Span(self._detail.title, Tone.STRONG),) if self._detail else ()

    def draw(self, name: str) -> PanelView:  # noqa: ARG002 - for the screens with several views
        """What view `name` shows now."""
        lines = self._detail.lines if self._detail else ()
        return PanelView("About", state=PanelState.OK, lines=lines)

    def got(self, name: str) -> Slice[Any]:
        """What is known of one of the wants."""
        return self.fetched.get(name, Slice())

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Hides what a read-only screen must not do."""
        return False if self.view.readonly and action in self.CHANGING else super().check_action(action, parameters)

    @property
    def recorded(self) -> bool:
        """Whether there is nobody to ask: then the snapshot's word is all there is."""
        return self._open_details is None

    def compose(self) -> ComposeResult:
        if self._several_labs:
            yield LabBar()
        yield self._bar
        yield self._subject
        yield self._tabs
        with ContentSwitcher(initial=self.names[0], id="views"):
            yield from self._pages
        yield KeyBar()

    def on_mount(self) -> None:
        self._drawable = True
        self._tabs.display = len(self._pages) > 1
        self.action_view(self.names.index(self.begin) if self.begin in self.names else 0)
        self.show(self.view)
        if self._open_details is None:
            for name in self.wants_names():
                self.fetched[name] = Slice[Any]().failed(NOT_RECORDED, self.view.epoch)
            self.redraw()
        elif self.KIND:
            self._fetch(self._open_details)

    def wants_names(self) -> Sequence[str]:
        """The names of the wants, known without a source."""
        # A want asks its source when it is fetched, not when it is named.
        return [want.name for want in self.wants(cast("SourceT", None))] if self.KIND else []

    @work(exclusive=True, group="detail", exit_on_error=False)
    async def _fetch(self, open_details: OpenDetails) -> None:
        """Ends with the screen: a late answer has nobody to tell. Only posts messages."""

        def opened() -> SourceT:
            return cast("SourceT", open_details(self.KIND))

        def publish(name: str, part: Slice[Any]) -> None:
            self.post_message(Fetched(name, part))

        self._fetcher = Fetcher(opened, self.wants, publish, lambda: self.view.epoch)
        self._fetcher.look(self.names[self._current])
        await self._fetcher.run(self.wants_names())

    @on(Fetched)
    def _take(self, event: Fetched) -> None:
        event.stop()
        self.fetched[event.name] = event.part
        self.took(event.name)
        self.redraw()

    def took(self, name: str) -> None:
        """Something came."""

    def show(self, view: View) -> None:
        """Takes a new moment; what is gone from it stays as it was, and says so."""
        found = detail_of(self.part, self.key, view)
        self.view, self.gone = view, found is None
        self._detail = found or self._detail
        self._bar.show(view)
        self.redraw()

    def redraw(self) -> None:
        """Draws the head and the view that is shown."""
        if not self._drawable:
            return
        line = self.subject()
        self._subject.show((_GONE, Span(" · ", Tone.MUTED), *line) if self.gone and self.must_be_listed() else line)
        self.page.show(self.draw(self.names[self._current]))

    def must_be_listed(self) -> bool:
        """Whether a row that isn't in the newest snapshot is worth a word."""
        return True

    def action_view(self, index: int) -> None:
        """Shows view `index`."""
        if not 0 <= index < len(self._pages):
            return
        self._current = index
        name = self.names[index]
        self.query_one("#views", ContentSwitcher).current = name
        self._tabs.show(index)
        if self._fetcher:
            self._fetcher.look(name)
        self.redraw()
        self.page.take_focus()

    def action_step(self, by: int) -> None:
        """The view after or before this one."""
        self.action_view((self._current + by) % len(self._pages))

    @on(TabBar.Chosen)
    def _chosen(self, event: TabBar.Chosen) -> None:
        event.stop()
        self.action_view(event.index)

    @on(Panel.Opened)
    def _row_opened(self, event: Panel.Opened) -> None:
        event.stop()
        self.opened(event.part, event.key)

    def opened(self, page: str, key: str) -> None:
        """A person wants row `key` of view `page` in full."""

    def open(self, part: str, key: str) -> None:
        """Another thing in full, on top of this one; one that is open below comes up again, with nothing above it.

        Whoever goes round in circles would otherwise pile up screens, each of which goes on asking its source.
        """
        screen = detail_screen(part, key, self.view, self._open_details)
        for below in self.app.screen_stack[:-1]:
            if type(below) is type(screen) and (below.part, below.key) == (part, key):
                while self.app.screen is not below:
                    self.app.pop_screen()
                return
        self.app.push_screen(screen)

    def action_back(self) -> None:
        self.dismiss(None)

    def action_again(self) -> None:
        """Asks once more for everything, here and for the snapshot."""
        self.ask_again()
        self.app.action_refresh_now()  # type: ignore[attr-defined]  # the app that shows drill-downs has it

    def ask_again(self) -> None:
        """Ends the pauses between two attempts, also of what was thought to be final."""
        if self._fetcher:
            self._fetcher.hurry()

    def rest(self, resting: bool) -> None:
        """Asks nothing while another lab is shown."""
        if self._fetcher:
            self._fetcher.rest(resting)

    def ask_anew(self, name: str) -> None:
        """What `name` asks for has changed."""
        if self._fetcher:
            self._fetcher.anew(name)

    def action_browse(self) -> None:
        browse(self, self._detail)

    def action_copy(self) -> None:
        copy(self, self._detail)
