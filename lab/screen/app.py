"""The terminal screen's application: polls, keeps the newest view, hands it to the screens."""

import asyncio
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

from textual import on, work
from textual.app import SystemCommand
from textual.command import Provider
from textual.screen import Screen

from lab.base.errors import LabError
from lab.base.threads import LeavingThreads
from lab.observe.polling import Factory
from lab.screen import themes
from lab.screen.binding import Binding, BindingType
from lab.screen.lab_session import LabPlace, LabSession
from lab.screen.labs_app import LabsApp
from lab.screen.messages import Narrowed, PollFailed, SnapshotTaken
from lab.screen.saved_layout import SavedLayout
from lab.screen.screens.main_screen import MainScreen, main_screen
from lab.screen.textual_private import style_with_theme
from lab.views import View
from lab.views.jobs import Jobs

if TYPE_CHECKING:
    from lab.screen.action_runner import Runner
    from lab.screen.dash.dash_loop import Dashboards
    from lab.screen.screens.detail_screen import OpenDetails
    from lab.screen.user.reading import Loaded


def local_time() -> datetime:
    """The time of day with this machine's zone."""
    return datetime.now().astimezone()


def _commands() -> "type[Provider]":
    # Imported when the palette opens: before the first paint that would cost time.
    from lab.screen.palette import LabCommands

    return LabCommands


class LabApp(LabsApp):
    """`factory` makes the observer, in a thread after the first paint; `clock` is replaced in tests.

    `runner` does what the screen is asked for, `memory` keeps how it was left; without one it isn't kept.
    `open_details` is where drill-downs ask, by the kind of thing; None where there is nobody to ask, as in a recording.
    `dashboards` is what dashboards need of the lab; None where there is no lab. `others` are more labs, each in a tab
    of its own; with them `name` is what the first one's is called.
    `user` is what the person's own file says. `painted` is called after the first paint.
    """

    TITLE = "mlops-lab"
    CSS_PATH = Path(__file__).with_name("lab.tcss")
    ENABLE_COMMAND_PALETTE = True
    COMMANDS: ClassVar[set[type[Provider] | Callable[[], type[Provider]]]] = {_commands}
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
        Binding("A", "activity", "Activity", show=False),
        Binding("D", "dashboards", "Dashboards", show=False),
        Binding("greater_than_sign", "step_lab(1)", "Next lab", key_display=">"),
        Binding("less_than_sign", "step_lab(-1)", "Lab before", key_display="<", show=False),
        Binding("colon", "command_palette", "Palette", key_display=":"),
        Binding("ctrl+p", "command_palette", "Palette", key_display="^p"),
        Binding("question_mark", "help", "Help", key_display="?"),
        Binding("q", "quit", "Quit"),
        # Without a name: whatever a person binds, this goes on leaving.
        Binding("ctrl+c", "quit", "Quit", show=False, id=""),
        Binding("ctrl+z", "suspend_process", "Suspend", show=False),
    ]

    def __init__(
        self,
        factory: Factory,
        *,
        interval_s: float = 2.0,
        readonly: bool = False,
        clock: Callable[[], datetime] = local_time,
        theme: str = themes.DARK.name,
        open_details: "OpenDetails | None" = None,
        dashboards: "Callable[[], Dashboards] | None" = None,
        name: str = "",
        others: Sequence[LabPlace] = (),
        runner: "Runner | None" = None,
        memory: SavedLayout | None = None,
        user: "Loaded | None" = None,
        painted: Callable[[], None] = lambda: None,
    ) -> None:
        # Asked for no colour, Textual draws in greys; with the terminal's own colours it draws in none.
        super().__init__(ansi_color=True if os.environ.get("NO_COLOR") else None)
        for own in themes.OWN:
            self.register_theme(own)
        self._begin_with(self.take_user(user, self.remember(memory, theme)))
        self._runner = runner
        self._painted = painted
        self._clock = clock
        first = LabPlace(factory, name, readonly, open_details, dashboards)
        self.take_labs((first, *others), interval_s, clock())

    @classmethod
    def of_labs(cls, places: Sequence[LabPlace], **options: Any) -> Self:
        """The screen of these labs, the first one shown; `options` as an app's."""
        first, *others = places
        return cls(
            first.factory,
            name=first.name,
            readonly=first.readonly,
            open_details=first.open_details,
            dashboards=first.dashboards,
            others=others,
            **options,
        )

    def _begin_with(self, theme: str) -> None:
        """Sets the theme before anything is styled, so that nothing has to be styled again for it."""
        self._styled = self.theme == theme
        self.theme = theme
        style_with_theme(self)

    def refresh_css(self, animate: bool = True) -> None:
        """As every app; but the first theme, which Textual takes for a change, is in place already."""
        if self._styled:
            super().refresh_css(animate)
        self._styled = True

    def get_default_screen(self) -> Screen[None]:
        screen = main_screen(self.view, self.layout_kept, self.user, len(self.labs) > 1)
        # With the class of this width from the start, the first resize has nothing to style again.
        name = [name for width, name in self.HORIZONTAL_BREAKPOINTS if width <= self.size.width][-1]
        screen.add_class(name, update=False)
        return screen

    def on_mount(self) -> None:
        # Back from Ctrl-Z the terminal is empty, and Textual paints only what changes.
        self.app_resume_signal.subscribe(self, lambda _: self.refresh(layout=True))
        self.set_interval(1.0, self._heartbeat)
        self.call_after_refresh(self._begin)

    def _begin(self) -> None:
        """What can wait for the first paint."""
        self._painted()
        # A name that is looked up in vain must hold up neither other labs nor leaving.
        asyncio.get_running_loop().set_default_executor(LeavingThreads())
        self.judge_user()
        self.poll()

    @work(exclusive=True, group="poll", exit_on_error=False)
    async def poll(self) -> None:
        """The loop that fetches of the first lab; it only posts messages."""
        await self.labs[0].poller.run()

    @on(SnapshotTaken)
    def _taken(self, event: SnapshotTaken) -> None:
        self.ask_others()
        lab = self.labs[event.lab]
        self.record_shown(event.snapshot, lab)
        self.tell_news(lab.view.snapshot, event.snapshot, lab)
        history = lab.view.history.with_snapshot(event.snapshot)
        self._show(replace(lab.view, snapshot=event.snapshot, history=history, trouble="", now=self._clock()), lab)

    @on(PollFailed)
    def _failed(self, event: PollFailed) -> None:
        self.ask_others()
        lab = self.labs[event.lab]
        self._show(replace(lab.view, trouble=event.reason, now=self._clock()), lab)

    def _heartbeat(self) -> None:
        """Time goes on without snapshots: the header every second, ages in panels when nothing else redraws them."""
        for lab in self.labs:
            view = lab.view = replace(lab.view, now=self._clock())
            if lab is not self.lab:
                continue
            if (view.now - lab.shown_at).total_seconds() > 2 * view.interval_s:
                self._show(view)
                continue
            for screen in self.screen_stack:
                if isinstance(screen, MainScreen):
                    screen.show_time(view)

    def _show(self, view: View, lab: LabSession | None = None) -> None:
        """Takes the newest view of a lab, without one that of the lab that is shown."""
        lab = lab or self.lab
        lab.view = view
        lab.shown_at = view.now
        self.show_labs()
        if lab is not self.lab:
            return
        # Imported with the first news: before the first paint that would cost time.
        from lab.screen.screens.activity_screen import ActivityScreen
        from lab.screen.screens.detail_screen import DetailScreen

        for screen in self.screen_stack:
            if isinstance(screen, MainScreen | DetailScreen | ActivityScreen):
                screen.show(view)

    def take_jobs(self, jobs: Jobs, lab: LabSession) -> None:
        """Shows what is under way in a lab, and done."""
        self._show(replace(lab.view, jobs=jobs), lab)

    @on(Narrowed)
    def _narrowed(self, event: Narrowed) -> None:
        self.narrow(event.model)

    def narrow(self, model: str) -> None:
        """Shows one model only; all of them when `model` is empty."""
        self._show(replace(self.view, model=model))

    def take_recording(self, path: str, lab: LabSession) -> None:
        """Shows that the file at `path` is being recorded to, or with an empty one that none is."""
        self._show(replace(lab.view, recording=path), lab)

    def action_refresh_now(self) -> None:
        """Ends the pause between two ticks."""
        self.lab.poller.hurry()

    def action_next_theme(self) -> None:
        """The next of the cycle."""
        self.theme = themes.following(self.theme)
        self.notify(self.theme, title="Theme", timeout=2)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Without a lab there are no dashboards, with one nothing to go to."""
        if action == "dashboards":
            return self.lab.place.dashboards is not None
        if action == "step_lab":
            return len(self.labs) > 1
        return super().check_action(action, parameters)

    def action_dashboards(self) -> None:
        """A Grafana dashboard, drawn here."""
        from lab.screen.dash.dash_loop import overview
        from lab.screen.dash.dash_screen import DashScreen

        opened = self.lab.place.dashboards
        if opened is None or isinstance(self.screen, DashScreen):
            return
        try:
            dashboards = opened()
            self.push_screen(DashScreen(dashboards, *overview(dashboards.root), self._clock))
        except LabError as err:
            self.notify(str(err), title="Dashboards", severity="error", markup=False)

    def action_help(self) -> None:
        """The keys of the place where the focus is."""
        from lab.screen.screens.help_screen import open_help

        open_help(self)

    def get_system_commands(self, _: Screen[object]) -> Iterable[SystemCommand]:
        """What the palette offers."""
        from lab.screen.palette import commands

        return commands(self)
