"""The application of `mlops-lab dash`: one dashboard, without the lab's own screen around it."""

import os
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import ClassVar

from textual.app import App

from lab.base.errors import UsageError
from lab.commands.dash_commands import Wish
from lab.dashboards.times import seconds
from lab.screen import themes
from lab.screen.binding import Binding, BindingType
from lab.screen.dash.dash_loop import DEFAULT_PAUSE_S, Dashboards
from lab.screen.dash.dash_screen import DashScreen

SHORTEST_PAUSE_S = 1.0


def local_time() -> datetime:
    """The time of day with this machine's zone."""
    return datetime.now().astimezone()


def read_pause(text: str) -> float | None:
    """Seconds between two looks; None for `off`. Raises UsageError."""
    if text == "off":
        return None
    found = seconds(text if not text.isdigit() else f"{text}s")
    if found is None or found < SHORTEST_PAUSE_S:
        raise UsageError(f"--refresh {text!r} is no pause of at least 1 s.", "Type it as 30s, 1m or off.")
    return found


class DashApp(App[None]):
    """Shows one dashboard until it is left."""

    TITLE = "mlops-lab dash"
    CSS_PATH = Path(__file__).parents[1] / "lab.tcss"
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("t", "next_theme", "Theme", show=False),
        Binding("question_mark", "help", "Help", key_display="?"),
        Binding("q", "quit", "Quit"),
        Binding("ctrl+c", "quit", "Quit", show=False),
    ]

    def __init__(
        self,
        dashboards: Dashboards,
        wish: Wish,
        pause_s: float | None = DEFAULT_PAUSE_S,
        clock: Callable[[], datetime] = local_time,
    ) -> None:
        super().__init__(ansi_color=True if os.environ.get("NO_COLOR") else None)
        for own in themes.OWN:
            self.register_theme(own)
        self.theme = themes.DARK.name
        self._dash = DashScreen(dashboards, wish, pause_s, clock, own_app=True)

    def on_mount(self) -> None:
        self.push_screen(self._dash)

    def action_next_theme(self) -> None:
        """The next of the cycle."""
        self.theme = themes.following(self.theme)

    def action_help(self) -> None:
        """The keys that work here."""
        from lab.screen.screens.help_screen import open_help

        open_help(self)
