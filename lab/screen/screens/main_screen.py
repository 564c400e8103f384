"""The one screen: header, five panels, footer."""

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.screen import Screen
from textual.widgets import Static

from lab.screen.binding import Binding, BindingType
from lab.screen.messages import Narrowed, OwnCommandWanted
from lab.screen.saved_layout import Layout
from lab.screen.screens.row_actions import browse, copy
from lab.screen.user.user_config import UserConfig
from lab.screen.widgets.keybar import KeyBar
from lab.screen.widgets.needs_strip import NeedsStrip
from lab.screen.widgets.paint import content
from lab.screen.widgets.panel import Panel
from lab.screen.widgets.parts import panel_of, with_commands
from lab.screen.widgets.titlebar import TitleBar
from lab.views import PARTS, Detail, View, banner
from lab.views.activity import line as activity_line
from lab.views.by_model import model_of_row, narrowed
from lab.views.cells import Line
from lab.views.needs import needs
from lab.views.sorting import Order

LEFT = ("services", "audit")
# All five panels, header and keys need as many lines.
LEAST_HEIGHT = 24
# Lines of header, needs, what goes on and keys; and of the lowest panel.
_AROUND, _LOWEST = 4, 3
NUMBERS = {name: number for number, name in enumerate(PARTS, 1)}


class MainScreen(Screen[None]):
    """Shows a `View`; knows which row a person is on."""

    # The panel that gets the focus is known.
    AUTO_FOCUS = ""
    BINDINGS: ClassVar[list[BindingType]] = [
        *(
            Binding(str(number), f"focus_panel('{name}')", name.capitalize(), show=False)
            for name, number in NUMBERS.items()
        ),
        Binding("exclamation_mark", "next_need", "What needs you", key_display="!", show=False),
        Binding("z", "zoom", "Zoom", show=False),
        Binding("M", "narrow", "Model"),
        Binding("escape", "widen", "Every model", key_display="esc"),
        Binding("o", "browse", "Browser"),
        Binding("y", "copy", "Copy"),
    ]

    def __init__(
        self, view: View, layout: Layout | None = None, user: UserConfig | None = None, several_labs: bool = False
    ) -> None:
        super().__init__()
        self._several_labs = several_labs
        self._view = view
        self._kept = layout or Layout()
        self._user = user or UserConfig()
        self._banner: Line = ()
        # Held here, not looked up: a snapshot may come while the screen is being built or taken down.
        self._bar = TitleBar()
        self._strip = Static(id="banner", markup=False)
        self._needs = NeedsStrip()
        self._activity = Static(id="activity-line", markup=False)
        self._doing: Line = ()
        self._zoomed = False
        self._choice = ("", False)
        self._panels = {name: self._panel(name, number, view.readonly) for name, number in NUMBERS.items()}
        self._left, self._right, self._hidden = self._columns()

    def _panel(self, name: str, number: int, readonly: bool) -> Panel:
        own = {at: one for at, one in enumerate(self._user.commands) if one.panel == name}
        panel = panel_of(name, number, readonly, own)
        panel.wanted_columns = self._user.panel(name).columns
        return panel

    def _columns(self) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
        """The panels on the left, on the right, and those that are shown alone only."""
        left, right = self._user.left, self._user.right
        if not (left or right):
            return LEFT, tuple(name for name in NUMBERS if name not in LEFT), ()
        return left, right, tuple(name for name in NUMBERS if name not in (*left, *right))

    @property
    def _least_height(self) -> int:
        """Lines in which every panel can be seen."""
        user = self._user.panels
        tallest = max(
            sum(user[name].height or _LOWEST if name in user else _LOWEST for name in names)
            for names in (self._left, self._right)
        )
        return max(LEAST_HEIGHT, tallest + _AROUND + self._several_labs)

    def compose(self) -> ComposeResult:
        if self._several_labs:
            from lab.screen.widgets.lab_bar import LabBar

            yield LabBar()
        yield self._bar
        yield self._strip
        yield self._needs
        with Vertical(id="columns"):
            with Vertical(id="left", classes="column" if self._left else "column -empty"):
                yield from (self._panels[name] for name in self._left)
            with Vertical(id="right", classes="column" if self._right else "column -empty"):
                yield from (self._panels[name] for name in (*self._right, *self._hidden))
        yield self._activity
        yield KeyBar()

    def on_mount(self) -> None:
        for name in self._hidden:
            self._panels[name].add_class("-hidden")
        for name, order in self._kept.orders.items():
            if name in self._panels:
                self._panels[name].sort_by(order)
        self.show(self._view)
        self.action_focus_panel(self._kept.panel if self._kept.panel in self._panels else "services")

    def show(self, view: View) -> None:
        """Takes a new moment."""
        self._view = view
        self._bar.show(view)
        line = banner(view)
        if line != self._banner:
            self._banner = line
            self._strip.display = bool(line)
            self._strip.update(content(line))
        choice = (view.model, view.several)
        if choice != self._choice:
            self._choice = choice
            self.refresh_bindings()
        shown = narrowed(view)
        self._needs.show(needs(shown), view.key("what-needs-you", "!"))
        for name, panel in self._panels.items():
            panel.show(PARTS[name].panel(shown))
        self._show_activity(view)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """With one model there is nothing to choose from."""
        if action == "narrow":
            return bool(self._view.model) or self._view.several
        if action == "widen":
            return bool(self._view.model)
        if action == "own_command":
            return bool(self.app.may_run_own(*parameters))  # type: ignore[attr-defined]  # only a lab's app has them
        return super().check_action(action, parameters)

    def action_next_need(self) -> None:
        """Goes to the row of the next thing that needs a person."""
        need = self._needs.step()
        if need is None:
            self.notify("Nothing needs you now.", timeout=3, markup=False)
        else:
            self.go_to_row(need.part, need.key)

    @on(NeedsStrip.Chosen)
    def _need_chosen(self, event: NeedsStrip.Chosen) -> None:
        event.stop()
        self.go_to_row(event.need.part, event.need.key)
        self.post_message(Panel.Opened(event.need.part, event.need.key))

    def go_to_row(self, part: str, key: str) -> None:
        """Focuses the panel and puts its cursor on the row; what is filtered away comes back."""
        self._panels[part].reveal(key)
        self.action_focus_panel(part)

    def action_narrow(self) -> None:
        """Shows the chosen row's model only, or every model again."""
        if self._view.model:
            self.action_widen()
            return
        panel = self.focused_panel
        key = panel.rows.current if panel else None
        model = model_of_row(str(panel.id), key, self._view.snapshot) if panel and key else ""
        if model:
            self.post_message(Narrowed(model))
        else:
            palette = self._view.key("palette", ":")
            self.notify(f"This row is of no model: choose another one, or type its name after {palette}.", markup=False)

    def action_widen(self) -> None:
        """Shows every model again."""
        self.post_message(Narrowed(""))

    def show_time(self, view: View) -> None:
        """Only the header moves on, and the line of what is under way."""
        self._view = view
        self._bar.show(view)
        self._show_activity(view)

    def _show_activity(self, view: View) -> None:
        line = activity_line(view)
        if line != self._doing:
            # Its height is fixed: only its coming and going lays out the screen again.
            self._doing = line
            self._activity.display = bool(line)
            self._activity.update(content(line), layout=False)

    def on_resize(self) -> None:
        self._zoom_on(self.panel_name)

    def action_zoom(self) -> None:
        """Gives the whole room to the panel that has the focus, or shows all of them again."""
        self._zoomed = not self._zoomed
        self._zoom_on(self.panel_name)

    def _zoom_on(self, name: str) -> None:
        """In a window too low for all panels the one with the focus is alone: no key acts on what can't be seen."""
        alone = self._zoomed or name in self._hidden or 0 < self.size.height < self._least_height
        self.set_class(alone, "-zoomed")
        for panel in self._panels.values():
            panel.set_class(alone and panel.id == name, "-zoom")
        for column in self.query(".column"):
            column.set_class(alone and (column.id == "left") is (name in self._left), "-zoom")

    def action_focus_panel(self, name: str) -> None:
        self._zoom_on(name)
        # At once, so that a key pressed right after goes to the new panel; `focus()` would wait for the next round.
        self.set_focus(self._panels[name].rows)

    @property
    def focused_panel(self) -> Panel | None:
        """The panel that has the focus, on its table or its filter."""
        node = self.focused
        return next((a for a in node.ancestors if isinstance(a, Panel)), None) if node else None

    @property
    def panel_name(self) -> str:
        """The panel that has the focus, or had it last."""
        panel = self.focused_panel
        return str(panel.id) if panel else "services"

    @property
    def orders(self) -> dict[str, Order]:
        """How the panels are sorted, where somebody sorted them."""
        return {name: panel.order for name, panel in self._panels.items() if panel.order}

    def chosen(self, part: str) -> str:
        """The key of the row under the cursor of a panel; empty without one."""
        return self._panels[part].rows.current or ""

    def _chosen(self) -> Detail | None:
        panel = self.focused_panel
        key = panel.rows.current if panel else None
        return PARTS[str(panel.id)].detail(key, self._view) if panel and key is not None else None

    def action_browse(self) -> None:
        """Opens the chosen row's page."""
        found = self._chosen()
        browse(self, found)

    def action_own_command(self, number: int) -> None:
        """Asks for a command of the user's that is about the whole lab."""
        self.post_message(OwnCommandWanted(number))

    def action_copy(self) -> None:
        """Copies the chosen row."""
        copy(self, self._chosen())

    @on(Panel.Opened)
    def _open(self, event: Panel.Opened) -> None:
        event.stop()
        if event.part == "models" and event.key.endswith("/"):
            self.post_message(Narrowed(event.key.rstrip("/")))
        elif PARTS[event.part].detail(event.key, self._view):
            # Its screens are imported when they are wanted: before the first paint that would cost time.
            from lab.screen.screens.opening import detail_screen

            screen = detail_screen(event.part, event.key, self._view, getattr(self.app, "open_details", None))
            screen.begin = event.page
            self.app.push_screen(screen)


def main_screen(view: View, layout: Layout, user: UserConfig, several_labs: bool = False) -> MainScreen:
    """The screen as a person wants it, with the keys of their commands about the whole lab."""
    commands = {number: one for number, one in enumerate(user.commands) if not one.panel}
    return with_commands(MainScreen, commands)(view, layout, user, several_labs)
