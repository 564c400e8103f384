"""The main screen's panels: each with the keys of what can be done with its rows."""

from collections.abc import Mapping
from typing import Any, ClassVar, TypeVar

from lab.screen.actions import ACTIONS
from lab.screen.binding import Binding, BindingType
from lab.screen.messages import ActionWanted, OwnCommandWanted
from lab.screen.user.user_config import OwnCommand
from lab.screen.widgets.panel import Panel

Commands = Mapping[int, OwnCommand]
T = TypeVar("T")


class PartPanel(Panel):
    """A panel whose rows can be acted on; a read-only one has no keys for what changes something."""

    def __init__(self, name: str, number: int, readonly: bool = False) -> None:
        super().__init__(name, number)
        self._readonly = readonly

    def check_action(self, action: str, parameters: tuple[Any, ...]) -> bool | None:
        """Whether a key works here."""
        if action == "want" and self._readonly and ACTIONS[parameters[0]].changes:
            return False
        if action == "own_command":
            return bool(self.app.may_run_own(*parameters))  # type: ignore[attr-defined]  # only a lab's app has them
        return super().check_action(action, parameters)

    def action_own_command(self, number: int) -> None:
        """Asks for a command of the user's on the chosen row."""
        self.post_message(OwnCommandWanted(number, self.rows.current or ""))

    def action_want(self, name: str) -> None:
        """Asks for an action on the chosen row."""
        self.post_message(ActionWanted(name, self.rows.current or ""))


class ServicesPanel(PartPanel):
    """Services have logs, need each other, and can be started, stopped and restarted."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("l", "logs", "Logs"),
        Binding("R", "want('restart')", "Restart"),
        Binding("u", "want('start')", "Start", show=False),
        Binding("x", "want('stop')", "Stop", show=False),
        Binding("d", "needs", "Who needs whom", show=False),
    ]

    def action_logs(self) -> None:
        """A service's log is the first thing that is shown of it in full."""
        if self.rows.current:
            self.post_message(self.Opened(str(self.id), self.rows.current))

    def action_needs(self) -> None:
        """The tree of who needs whom, with the chosen service in it."""
        if self.rows.current:
            self.post_message(self.Opened(str(self.id), self.rows.current, "needs"))


class RunsPanel(PartPanel):
    """A run can be launched again, or stopped, or a new one launched."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("R", "want('relaunch')", "Re-launch"),
        Binding("c", "want('cancel')", "Cancel"),
        Binding("n", "want('demo-run')", "New demo run"),
    ]


class ModelsPanel(PartPanel):
    """Versions are decided on, and compared."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("a", "want('approve')", "Approve"),
        Binding("P", "want('promote')", "Promote"),
        Binding("x", "want('reject')", "Reject", show=False),
        Binding("X", "want('archive')", "Archive", show=False),
        Binding("C", "compare", "Compare", show=False),
    ]

    def action_compare(self) -> None:
        """The chosen version beside another one."""
        # Imported when it is wanted: before the first paint that would cost time.
        from lab.screen.screens.compare_screen import compare

        key = self.rows.current or ""
        if not key.rpartition("/")[2]:
            self.notify("Choose a version first.", timeout=3, markup=False)
            return
        compare(self.screen, key, self.app.view, self.app.open_details)  # type: ignore[attr-defined]  # LabApp's


class AuditPanel(PartPanel):
    """The trail is only looked at."""


class DriftPanel(PartPanel):
    """Alerts can be silenced."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("m", "want('silence')", "Silence")]


PANELS: dict[str, type[PartPanel]] = {
    "services": ServicesPanel,
    "runs": RunsPanel,
    "models": ModelsPanel,
    "audit": AuditPanel,
    "drift": DriftPanel,
}


def with_commands(kind: type[T], commands: Commands) -> type[T]:
    """The same panel or screen, with the keys of a person's own commands."""
    if not commands:
        return kind
    # An id that no line of [keys] can name: the title may be that of another key.
    own = [
        Binding(one.key, f"own_command({number})", one.title, id=f"command {number}")
        for number, one in commands.items()
    ]
    keys = {one.key for one in commands.values()}
    # A class takes keys away from those that it is made of; a command that is refused gives its key back.
    usual = [one for base in kind.__mro__ for one in vars(base).get("BINDINGS", ()) if keys & set(one.key.split(","))]
    return type(kind.__name__, (kind,), {"BINDINGS": [*own, *usual], "__module__": kind.__module__})


def panel_of(name: str, number: int, readonly: bool, commands: Commands) -> PartPanel:
    """The panel, with the keys of a person's own commands on its rows."""
    return with_commands(PANELS[name], commands)(name, number, readonly)
