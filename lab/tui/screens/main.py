"""The one screen: header, five panels, footer."""

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import Screen
from textual.widgets import Footer, Static

from lab.tui.cells import Line
from lab.tui.present import PARTS, Detail, View, banner
from lab.tui.screens.actions import browse, copy
from lab.tui.screens.detail import DetailScreen
from lab.tui.widgets.paint import content
from lab.tui.widgets.panel import Panel
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
        self._banner: Line = ()
        # Held here, not looked up: a snapshot may come while the screen is being built or taken down.
        self._bar = TitleBar()
        self._strip = Static(id="banner", markup=False)
        self._panels = {name: Panel(name, number) for name, number in NUMBERS.items()}

    def compose(self) -> ComposeResult:
        yield self._bar
        yield self._strip
        with Vertical(id="columns"):
            with Vertical(id="left"):
                yield from (panel for name, panel in self._panels.items() if name in LEFT)
            with Vertical(id="right"):
                yield from (panel for name, panel in self._panels.items() if name not in LEFT)
        yield Footer()

    def on_mount(self) -> None:
        self.show(self._view)
        self.action_focus_panel("services")

    def show(self, view: View) -> None:
        """Takes a new moment."""
        self._view = view
        self._bar.show(view)
        line = banner(view)
        if line != self._banner:
            self._banner = line
            self._strip.display = bool(line)
            self._strip.update(content(line))
        for name, panel in self._panels.items():
            panel.show(PARTS[name].panel(view))

    def show_time(self, view: View) -> None:
        """Only the header moves on."""
        self._view = view
        self._bar.show(view)

    def action_focus_panel(self, name: str) -> None:
        # At once, so that a key pressed right after goes to the new panel; `focus()` would wait for the next round.
        self.set_focus(self._panels[name].rows)

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

    @on(Panel.Opened)
    def _open(self, event: Panel.Opened) -> None:
        event.stop()
        if PARTS[event.part].detail(event.key, self._view):
            self.app.push_screen(DetailScreen(event.part, event.key, self._view))
