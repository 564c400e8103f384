"""The screen of a dashboard: a head line, the board, the keys; and the loop that asks for what can be seen."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Static

from lab.base.errors import LabError
from lab.commands.dash_commands import Wish, known, open_board
from lab.dashboards.asking import Asking
from lab.dashboards.looking import Looked, Times, ask, prepare
from lab.dashboards.model import Choice
from lab.dashboards.times import seconds, written
from lab.screen.dash.board import Board
from lab.screen.dash.picking import Picking, with_all
from lab.screen.widgets.keybar import KeyBar
from lab.views.formats import age

if TYPE_CHECKING:
    from lab.services.prometheus_data import PrometheusData

DEFAULT_PAUSE_S = 30.0
_RANGES = ("5m", "15m", "30m", "1h", "3h", "6h", "12h", "1d", "2d", "7d", "30d", "90d")


@dataclass(frozen=True)
class Dashboards:
    """What dashboards need of the lab: how to reach its Prometheus, and the folder with its own dashboards."""

    source: "Callable[[], PrometheusData]"
    root: Path


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


class DashScreen(Screen[None]):
    """Shows the dashboard of a wish; `pause_s` None asks only when a person does."""

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
        self, dashboards: Dashboards, wish: Wish, pause_s: float | None, clock: Callable[[], datetime]
    ) -> None:
        super().__init__()
        self._dashboards, self._wish, self._clock = dashboards, wish, clock
        self._pause_s, self._paused = pause_s, False
        self._board, self._head = Board(clock), Static(id="dash-head", markup=False)
        self._looked: Looked | None = None
        self._trouble = ""
        self._wake = asyncio.Event()
        self._anew = True

    def compose(self) -> ComposeResult:
        yield self._head
        yield self._board
        yield KeyBar()

    def on_mount(self) -> None:
        self.set_interval(1.0, self._show_head)
        self._show_head()
        self._loop()

    # --- asking ---

    @work(exclusive=True, group="dash", exit_on_error=False)
    async def _loop(self) -> None:
        """Asks for what can be seen, again and again. Only posts messages."""
        try:
            source = await asyncio.to_thread(self._dashboards.source)
        except LabError as err:
            self.post_message(Unreachable(str(err)))
            return
        asking = Asking(source)
        try:
            looked: Looked | None = None
            while True:
                self._wake.clear()
                looked = await self._look(asking, looked)
                self.post_message(Told(looked))
                await self._wait()
        finally:
            await source.aclose()

    async def _look(self, asking: Asking, before: Looked | None) -> Looked:
        now, wish = self._clock(), self._wish
        if before is None or self._anew:
            self._anew = False
            before = await prepare(asking, wish.board, wish.values, wish.times, now)
            # The board must know its panels before it knows which of them can be seen.
            self.post_message(Told(before))
            await asyncio.sleep(0)
            self._wake.clear()
            while not self._board.wanted and not self._wake.is_set() and before.panels:
                await self._wake.wait()
        begin, end = wish.times.between(now)
        looked = replace(before, begin=begin, end=end, scope=before.scope)
        return await ask(asking, looked, self._due(looked, now.timestamp()))

    def _due(self, looked: Looked, now: float) -> dict[str, int]:
        """Panels in sight that were never asked for, or so long ago that they are due again."""
        pause_s = self._pause_s or DEFAULT_PAUSE_S
        due = {}
        for key, columns in self._board.wanted.items():
            data = looked.data.get(key)
            if data is None or data.asked_at is None or self._hurried or now - data.asked_at >= pause_s * 0.9:
                due[key] = columns
        self._hurried = False
        return due

    _hurried = False

    async def _wait(self) -> None:
        """Until something has to be asked for, or the pause is over."""
        pause_s = None if self._paused else self._pause_s
        try:
            await asyncio.wait_for(self._wake.wait(), pause_s)
        except TimeoutError:
            return

    @on(Board.Seen)
    def _seen(self, event: Board.Seen) -> None:
        event.stop()
        looked = self._looked
        if looked is not None and any(key not in looked.data for key in self._board.wanted):
            self._wake.set()

    @on(Told)
    def _told(self, event: Told) -> None:
        event.stop()
        self._looked, self._trouble = event.looked, ""
        self._board.show(event.looked)
        self._show_head()
        self._wake_if_unasked()

    def _wake_if_unasked(self) -> None:
        if self._looked and any(key not in self._looked.data for key in self._board.wanted):
            self._wake.set()

    @on(Unreachable)
    def _unreachable(self, event: Unreachable) -> None:
        event.stop()
        self._trouble = event.reason
        self._show_head()

    # --- the head ---

    def _show_head(self) -> None:
        self._head.update(Content.assemble(*self._head_parts()))

    def _head_parts(self) -> Sequence[tuple[str, str]]:
        if self._trouble:
            return [(f" {self._wish.board.title} ", "bold"), (f" ✗ {self._trouble}", "bold $error")]
        parts = [(f" {self._wish.board.title} ", "bold"), (f" {self._wish.times.shown} ", "$accent")]
        looked = self._looked
        if looked is None:
            return [*parts, (" waiting for Prometheus", "$foreground-muted")]
        for name, one in looked.scope.variables.items():
            if not one.variable.hidden and one.variable.kind != "datasource":
                label, bad = one.variable.label or name, bool(one.trouble)
                shown = one.shown or ("✗" if bad else "–")
                parts += [(f" {label} ", "$foreground-muted"), (f"{shown[:40]} ", "$error" if bad else "$foreground")]
        return [*parts, *self._freshness(looked)]

    def _freshness(self, looked: Looked) -> Sequence[tuple[str, str]]:
        asked = [data.asked_at for key in self._board.wanted if (data := looked.data.get(key)) and data.asked_at]
        failed = sum(1 for key in self._board.wanted if (data := looked.data.get(key)) and data.troubles)
        since = age(self._clock().timestamp() - min(asked)) if asked else "–"
        every = "paused" if self._paused else f"every {written(self._pause_s)}" if self._pause_s else "no refresh"
        parts = [(f" {since} old · {every} ", "$foreground-muted")]
        return [*parts, (f" ✗ {failed} failed ", "bold $error")] if failed else parts

    # --- keys ---

    def _change(self, wish: Wish) -> None:
        """Another wish: everything is asked anew."""
        self._wish, self._anew = wish, True
        self._show_head()
        self.action_again()

    def action_back(self) -> None:
        """From one panel to all; from there to where the dashboard was opened."""
        if not self._board.unzoom() and len(self.app.screen_stack) > 2:
            self.dismiss(None)

    def action_again(self) -> None:
        """Asks at once, variables too."""
        self._anew = self._hurried = True
        self._wake.set()

    def action_pause(self) -> None:
        """Stops asking by itself, or goes on."""
        self._paused = not self._paused
        self._wake.set()
        self._show_head()

    def action_wider(self, by: int) -> None:
        """A longer or shorter range, with the same end."""
        begin, end = self._wish.times.between(self._clock())
        lengths = [seconds(text) or 0.0 for text in _RANGES]
        at = min(range(len(lengths)), key=lambda n: abs(lengths[n] - (end - begin)))
        length = lengths[max(0, min(at + by, len(lengths) - 1))]
        to = self._wish.times.end
        start = f"now-{written(length)}" if to == "now" else f"{round((end - length) * 1000)}"
        self._change(replace(self._wish, times=Times(start, to)))

    def action_shift(self, by: int) -> None:
        """Half a range earlier or later, never beyond now."""
        begin, end = self._wish.times.between(self._clock())
        move = min(by * (end - begin) / 2, self._clock().timestamp() - end)
        times = Times(f"{round((begin + move) * 1000)}", f"{round((end + move) * 1000)}")
        self._change(replace(self._wish, times=times))

    def action_newest(self) -> None:
        """The same length, up to now."""
        begin, end = self._wish.times.between(self._clock())
        self._change(replace(self._wish, times=Times(f"now-{written(round(end - begin))}", "now")))

    @work(exclusive=True, group="pick")
    async def action_other(self) -> None:
        """Asks for another of the lab's dashboards."""
        own = known(self._dashboards.root)
        choices = [Choice(stem.removeprefix("mlops-"), stem) for stem in own]
        picked = await self.app.push_screen_wait(Picking("Dashboards", choices, ()))
        if picked:
            try:
                board = open_board(self._dashboards.root, picked[0])
            except LabError as err:
                self.notify(str(err), severity="error", markup=False)
                return
            self._board.unzoom()
            self._looked = None
            self._change(Wish(board, Times(board.begin, board.end), {}))

    @work(exclusive=True, group="pick")
    async def action_variable(self) -> None:
        """Asks for a variable, where there are several, and for its value."""
        looked = self._looked
        found = {name: one for name, one in looked.scope.variables.items()
                 if not one.variable.hidden and one.variable.kind != "datasource"} if looked else {}  # fmt: skip
        if not found:
            self.notify("This dashboard has no variables.", timeout=2)
            return
        name: str | None = next(iter(found))
        if len(found) > 1:
            choices = [Choice(f"{one.variable.label or key}: {one.shown or '–'}", key) for key, one in found.items()]
            picked = await self.app.push_screen_wait(Picking("Variables", choices, ()))
            name = picked[0] if picked else None
        if name is not None:
            one = found[name]
            choices = list(with_all(one.choices, one.variable.include_all))
            title = one.variable.label or name
            values = await self.app.push_screen_wait(Picking(title, choices, one.chosen, one.variable.multi))
            if values:
                kept: Mapping[str, Sequence[str]] = {**self._wish.values, name: list(values)}
                self._change(replace(self._wish, values=kept))
