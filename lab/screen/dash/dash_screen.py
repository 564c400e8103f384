"""The screen of a dashboard: a head line, the board, the keys."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.content import Content
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Static

from lab.base.errors import LabError
from lab.commands.dash_commands import Wish, known, open_board
from lab.dashboards.looking import Looked, Times
from lab.dashboards.model import Choice
from lab.dashboards.times import written
from lab.dashboards.variables import Resolved
from lab.screen.binding import Binding, BindingType
from lab.screen.dash.board import Board
from lab.screen.dash.dash_loop import DEFAULT_PAUSE_S, Dashboards, DashLoop
from lab.screen.dash.head import head_of
from lab.screen.dash.picking import Picking, with_all
from lab.screen.failed_work import TellsFailedWork
from lab.screen.widgets.keybar import KeyBar


class Told(Message):
    """A new look at the dashboard."""

    def __init__(self, looked: Looked) -> None:
        super().__init__()
        self.looked = looked


class Unreachable(Message):
    """There is nobody to ask; `reason` is for people."""

    def __init__(self, reason: str) -> None:
        super().__init__()
        self.reason = reason


class DashScreen(TellsFailedWork, Screen[None]):
    """Shows the dashboard of a wish; `pause_s` None asks only when a person does."""

    CSS_PATH = Path(__file__).parents[1] / "dash.tcss"
    AUTO_FOCUS = "Board"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,backspace", "back", "Back", key_display="esc"),
        Binding("d", "other", "Dashboards"),
        Binding("v", "variable", "Variables"),
        Binding("minus", "wider(1)", "Longer range", key_display="-"),
        Binding("plus,equals_sign", "wider(-1)", "Shorter range", key_display="+"),
        Binding("comma", "shift(-1)", "Earlier", key_display=",", show=False),
        Binding("full_stop", "shift(1)", "Later", key_display=".", show=False),
        Binding("0", "newest", "Now", show=False),
        Binding("r", "again", "Refresh", show=False),
        Binding("p", "pause", "Pause", show=False),
    ]

    def __init__(
        self,
        dashboards: Dashboards,
        wish: Wish,
        pause_s: float | None,
        clock: Callable[[], datetime],
        own_app: bool = False,
    ) -> None:
        """`own_app` where there is no screen to go back to."""
        super().__init__()
        self._dashboards, self._clock, self._own_app = dashboards, clock, own_app
        self._board, self._head = Board(clock), Static(id="dash-head", markup=False)
        self._loop = DashLoop(wish, pause_s, clock, lambda: self._board.wanted, self._publish)
        self._looked: Looked | None = None
        self._trouble = ""

    def compose(self) -> ComposeResult:
        yield self._head
        yield self._board
        yield KeyBar()

    def on_mount(self) -> None:
        self.set_interval(1.0, self._show_head)
        self._show_head()
        self._ask()

    def _publish(self, looked: Looked) -> None:
        self.post_message(Told(looked))

    @work(exclusive=True, group="dash", exit_on_error=False)
    async def _ask(self) -> None:
        """Only posts messages, and ends with the screen."""
        try:
            # Settings are read and httpx is imported: both would hold up a key.
            source = await asyncio.to_thread(self._dashboards.source)
        except LabError as err:
            self.post_message(Unreachable(str(err)))
        else:
            await self._loop.run(source)

    @on(Board.Seen)
    def _seen(self, event: Board.Seen) -> None:
        event.stop()
        # What it counts is of the panels in sight.
        self._show_head()
        self._wake_if_unasked()

    @on(Told)
    def _told(self, event: Told) -> None:
        event.stop()
        self._looked = event.looked
        self._board.show(event.looked)
        # The board knows now which panels can be seen.
        self._loop.go_on()
        self._show_head()
        self._wake_if_unasked()

    def _wake_if_unasked(self) -> None:
        looked = self._looked
        if looked and any(key not in looked.data for key in self._board.wanted):
            self._loop.wake()

    @on(Unreachable)
    def _unreachable(self, event: Unreachable) -> None:
        event.stop()
        self._trouble = event.reason
        self._show_head()

    def _show_head(self) -> None:
        shown = head_of(self._loop, self._looked, self._board.wanted, self._clock(), self._trouble)
        self._head.update(Content.assemble(*shown))

    # --- keys ---

    def _change(self, wish: Wish) -> None:
        self._loop.hurry(wish)
        self._show_head()

    @property
    def _wish(self) -> Wish:
        return self._loop.wish

    def action_back(self) -> None:
        """From one panel to all; from there to where the dashboard was opened."""
        if not self._board.unzoom() and not self._own_app:
            self.dismiss(None)

    def action_again(self) -> None:
        """Asks at once, variables too."""
        self._loop.hurry()

    def action_pause(self) -> None:
        """Stops asking by itself, or goes on."""
        self._loop.paused = not self._loop.paused
        self._loop.wake()
        self._show_head()

    def action_wider(self, by: int) -> None:
        """A longer or shorter range, with the same end."""
        self._change(replace(self._wish, times=self._wish.times.wider(by, self._clock())))

    def action_shift(self, by: int) -> None:
        """Half a range earlier or later, never beyond now."""
        self._change(replace(self._wish, times=self._wish.times.shifted(by, self._clock())))

    def action_newest(self) -> None:
        """The same length, up to now."""
        begin, end = self._wish.times.between(self._clock())
        self._change(replace(self._wish, times=Times(f"now-{written(round(end - begin))}", "now")))

    @work(exclusive=True, group="pick")
    async def action_other(self) -> None:
        """Asks for another of the lab's dashboards."""
        choices = [Choice(stem.removeprefix("mlops-"), stem) for stem in known(self._dashboards.root)]
        picked = await self.app.push_screen_wait(Picking("Dashboards", choices, ()))
        if picked:
            try:
                board = open_board(self._dashboards.root, picked[0])
            except LabError as err:
                self.notify(str(err), severity="error", markup=False)
                return
            self._board.unzoom()
            if self._loop.pause_s is not None:
                self._loop.pause_s = board.refresh_s or DEFAULT_PAUSE_S
            self._change(Wish(board, Times(board.begin, board.end), {}))

    @work(exclusive=True, group="pick")
    async def action_variable(self) -> None:
        """Asks for a variable, where there are several, and for its value."""
        found = _changeable(self._looked)
        if not found:
            self.notify("This dashboard has no variables.", timeout=2)
            return
        name = next(iter(found))
        if len(found) > 1:
            choices = [Choice(f"{one.variable.label or key}: {one.shown or '–'}", key) for key, one in found.items()]
            picked = await self.app.push_screen_wait(Picking("Variables", choices, ()))
            if not picked:
                return
            name = picked[0]
        one = found[name]
        listed = with_all(one.choices, one.variable.include_all)
        title = one.variable.label or name
        values = await self.app.push_screen_wait(Picking(title, listed, one.chosen, one.variable.multi))
        if values:
            kept: Mapping[str, Sequence[str]] = {**self._wish.values, name: list(values)}
            self._change(replace(self._wish, values=kept))


def _changeable(looked: Looked | None) -> Mapping[str, Resolved]:
    """The variables that a person may change."""
    variables = looked.scope.variables if looked else {}
    kept = {name: one for name, one in variables.items() if not one.variable.hidden}
    return {name: one for name, one in kept.items() if one.variable.kind not in {"datasource", "constant"}}
