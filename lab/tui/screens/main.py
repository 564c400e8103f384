"""The one screen: header, five panels, footer."""

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import Screen
from textual.widgets import Footer, Static

from lab.tui.present import PARTS, Detail, View, banner
from lab.tui.screens.actions import browse, copy
from lab.tui.screens.detail import DetailScreen
from lab.tui.widgets.paint import content
from lab.tui.widgets.panel import Panel
from lab.tui.widgets.rows import RowList
from lab.tui.widgets.titlebar import TitleBar

LEFT = ("services", "audit")
NUMBERS = {name: number for number, name in enumerate(PARTS, 1)}


class MainScreen(Screen[None]):
    """Shows a `View`; knows which row a person is on."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *(
            Binding(str(number), f"focus_panel('{name}')", name.capitalize(), show=False)
            for name, number in NUMBERS.items()
        ),
        Binding("o", "browse", "Browser"),
        Binding("y", "copy", "Copy"),
    ]

    def __init__(self, view: View) -> None:
        super().__init__()
        self._view = view

    def compose(self) -> ComposeResult:
        yield TitleBar()
        yield Static(id="banner", markup=False)
        with Vertical(id="columns"):
            with Vertical(id="left"):
                yield from (Panel(name, NUMBERS[name]) for name in PARTS if name in LEFT)
            with Vertical(id="right"):
                yield from (Panel(name, NUMBERS[name]) for name in PARTS if name not in LEFT)
        yield Footer()

    def on_mount(self) -> None:
        self.show(self._view)
        self.action_focus_panel("services")

    def show(self, view: View) -> None:
        """Takes a new moment."""
        self._view = view
        self.query_one(TitleBar).show(view)
        line = banner(view)
        strip = self.query_one("#banner", Static)
        strip.display = bool(line)
        strip.update(content(line))
        for panel in self.query(Panel):
            panel.show(PARTS[str(panel.id)].panel(view))

    def show_time(self, view: View) -> None:
        """Only the header moves on."""
        self._view = view
        self.query_one(TitleBar).show(view)

    def action_focus_panel(self, name: str) -> None:
        self.query_one(f"#{name}", Panel).rows.focus()

    @property
    def focused_panel(self) -> Panel | None:
        """The panel that has the focus, on its table or its filter."""
        node = self.focused
        return next((a for a in node.ancestors if isinstance(a, Panel)), None) if node else None

    def _chosen(self) -> Detail | None:
        panel = self.focused_panel
        key = panel.rows.current if panel else None
        return PARTS[str(panel.id)].detail(key, self._view) if panel and key is not None else None

    def action_browse(self) -> None:
        """Opens the chosen row's page."""
        found = self._chosen()
        browse(self, found)

    def action_copy(self) -> None:
        """Copies the chosen row."""
        copy(self, self._chosen())

    @on(RowList.Opened)
    def _open(self, event: RowList.Opened) -> None:
        event.stop()
        panel = self.focused_panel
        if panel:
            self.app.push_screen(DetailScreen(str(panel.id), event.key, self._view))
