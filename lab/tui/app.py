"""The terminal screen's application: polls, keeps the newest view, hands it to the screens."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import ClassVar

from textual import on, work
from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.screen import Screen

from lab.core.snapshot import LabInfo, Snapshot
from lab.tui import themes
from lab.tui.messages import PollFailed, SnapshotTaken
from lab.tui.observer import Factory, Poller
from lab.tui.present import PARTS, View
from lab.tui.screens.detail import DetailScreen
from lab.tui.screens.help import HelpScreen
from lab.tui.screens.keys import groups_for
from lab.tui.screens.main import MainScreen


def local_time() -> datetime:
    """The time of day with this machine's zone."""
    return datetime.now().astimezone()


class LabApp(App[None]):
    """`factory` makes the observer, in a thread after the first paint; `clock` is replaced in tests."""

    TITLE = "mlops-lab"
    CSS_PATH = Path(__file__).with_name("lab.tcss")
    ENABLE_COMMAND_PALETTE = True
    # Textual writes this ClassVar's type in a way that mypy reads as an instance variable's.
    HORIZONTAL_BREAKPOINTS: ClassVar[list[tuple[int, str]]] = [  # type: ignore[misc]
        (0, "-narrow"),
        (70, "-normal"),
        (110, "-wide"),
        (160, "-full"),
    ]
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "refresh_now", "Refresh"),
        Binding("t", "next_theme", "Theme", show=False),
        Binding("question_mark", "help", "Help", key_display="?"),
        Binding("q", "quit", "Quit"),
        Binding("ctrl+c", "quit", "Quit", show=False),
    ]

    def __init__(
        self,
        factory: Factory,
        *,
        interval_s: float = 2.0,
        readonly: bool = False,
        clock: Callable[[], datetime] = local_time,
        theme: str = themes.DARK.name,
    ) -> None:
        super().__init__()
        for own in themes.OWN:
            self.register_theme(own)
        self.theme = theme
        self._clock = clock
        now = clock()
        self.view = View(
            Snapshot(now.timestamp(), LabInfo("", "", "", "", "")), now, interval_s=interval_s, readonly=readonly
        )
        self._shown_at = now
        self._poller = Poller(
            factory,
            publish=lambda snapshot: self.post_message(SnapshotTaken(snapshot)),
            complain=lambda reason: self.post_message(PollFailed(reason)),
            interval_s=interval_s,
        )

    def get_default_screen(self) -> Screen[None]:
        return MainScreen(self.view)

    def on_mount(self) -> None:
        self.set_interval(1.0, self._heartbeat)
        self.call_after_refresh(self.poll)

    @work(exclusive=True, group="poll", exit_on_error=False)
    async def poll(self) -> None:
        """The one loop that fetches; it only posts messages."""
        await self._poller.run()

    @on(SnapshotTaken)
    def _taken(self, event: SnapshotTaken) -> None:
        history = self.view.history.with_snapshot(event.snapshot)
        self._show(replace(self.view, snapshot=event.snapshot, history=history, trouble="", now=self._clock()))

    @on(PollFailed)
    def _failed(self, event: PollFailed) -> None:
        self._show(replace(self.view, trouble=event.reason, now=self._clock()))

    def _heartbeat(self) -> None:
        """Time goes on without snapshots: the header every second, ages in panels when nothing else redraws them."""
        view = replace(self.view, now=self._clock())
        if (view.now - self._shown_at).total_seconds() > 2 * view.interval_s:
            self._show(view)
        else:
            self.view = view
            for screen in self.screen_stack:
                if isinstance(screen, MainScreen):
                    screen.show_time(view)

    def _show(self, view: View) -> None:
        self.view = view
        self._shown_at = view.now
        for screen in self.screen_stack:
            if isinstance(screen, MainScreen | DetailScreen):
                screen.show(view)

    def _go_to(self, panel: str) -> None:
        while isinstance(self.screen, DetailScreen | HelpScreen):
            self.pop_screen()
        if isinstance(self.screen, MainScreen):
            self.screen.action_focus_panel(panel)

    def action_refresh_now(self) -> None:
        """Ends the pause between two ticks."""
        self._poller.hurry()

    def action_next_theme(self) -> None:
        """The next of the cycle."""
        self.theme = themes.following(self.theme)
        self.notify(self.theme, title="Theme", timeout=2)

    def action_help(self) -> None:
        """The keys of the place where the focus is."""
        if not isinstance(self.screen, HelpScreen):
            self.push_screen(HelpScreen(*groups_for(self.screen)))

    def get_system_commands(self, _: Screen[object]) -> Iterable[SystemCommand]:
        """What the palette offers."""
        yield SystemCommand("Refresh now", "Ask every source again", self.action_refresh_now)
        yield SystemCommand("Keys", "The keys that work here", self.action_help)
        yield SystemCommand("Theme", "Choose a theme", self.action_change_theme)
        for number, name in enumerate(PARTS, 1):
            yield SystemCommand(f"Go to {name}", f"Key {number}", partial(self._go_to, name))
        for service in self.view.snapshot.services.value or ():
            if service.url.startswith("http"):
                yield SystemCommand(f"Open {service.title}", service.url, partial(self.open_url, service.url))
        yield SystemCommand("Quit", "Leave; the lab stays up", self.action_quit)
