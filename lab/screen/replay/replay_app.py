"""The screen, fed from a recording instead of a lab: nothing here reaches for anything but the file."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import tzinfo
from time import monotonic
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult, SystemCommand
from textual.binding import ActiveBinding, Binding, BindingType
from textual.screen import Screen
from textual.widgets import Input

from lab.base.errors import LabError
from lab.observe.polling import Connection
from lab.recording.playback import Recording
from lab.screen.app import LabApp
from lab.screen.replay.moments import parse_moment
from lab.screen.replay.player import Player
from lab.screen.replay.replay_widgets import GoTo, Timeline
from lab.screen.screens.help_screen import HelpScreen, Keys, groups_for
from lab.screen.screens.main_screen import MainScreen

if TYPE_CHECKING:
    from lab.screen.user.reading import Loaded

FRAMES_PER_S = 10
LITTLE_S, MUCH_S = 60.0, 3600.0


class ReplayScreen(MainScreen):
    """The main screen with a timeline under it."""

    def __init__(self, app: "ReplayApp") -> None:
        super().__init__(app.view, app.layout_kept, app.user)
        self.timeline = Timeline(app.player)

    @property
    def active_bindings(self) -> dict[str, ActiveBinding]:
        """The replay's keys before those of the panels: the line of keys has room for few."""
        found = super().active_bindings
        own = [b.key for b in ReplayApp.BINDINGS if isinstance(b, Binding) and b.key in found]
        return {key: found[key] for key in (*own, *(key for key in found if key not in own))}

    def compose(self) -> ComposeResult:
        for widget in super().compose():
            if widget.id == "keys":
                yield self.timeline
            yield widget


class ReplayApp(LabApp):
    """Plays `recording`; its keys go before the panels' own, except where text is typed."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "play", "Play/pause", priority=True),
        Binding("left", "step(-1)", "Step back", key_display="←", show=False, priority=True),
        Binding("right", "step(1)", "Step", key_display="→", priority=True),
        Binding("shift+left", f"jump({-LITTLE_S})", "A minute back", show=False, priority=True),
        Binding("shift+right", f"jump({LITTLE_S})", "A minute on", show=False, priority=True),
        Binding("ctrl+left", f"jump({-MUCH_S})", "An hour back", show=False, priority=True),
        Binding("ctrl+right", f"jump({MUCH_S})", "An hour on", show=False, priority=True),
        Binding("comma", "mark(-1)", "Change before", key_display=",", show=False, priority=True),
        Binding("full_stop", "mark(1)", "Next change", key_display=".", priority=True),
        Binding("left_square_bracket", "faster(-1)", "Slower", key_display="[", show=False, priority=True),
        Binding("right_square_bracket", "faster(1)", "Faster", key_display="]", priority=True),
        Binding("home", "edge(0)", "Beginning", show=False, priority=True),
        Binding("end", "edge(-1)", "End", show=False, priority=True),
        Binding("g", "go_to", "Go to", priority=True),
    ]
    _OWN: ClassVar[set[str]] = {"play", "step", "jump", "mark", "faster", "edge", "go_to"}

    def __init__(self, recording: Recording, zone: tzinfo | None = None, user: "Loaded | None" = None) -> None:
        self.player = Player(recording, zone)
        # What a recording holds comes from somewhere else: no command of the person's is run on it.
        own = user and replace(user, config=user.config.without_commands())
        super().__init__(_no_lab, readonly=True, clock=lambda: self.player.now, user=own)
        self._drawn: tuple[object, ...] = ()
        self._ticked = monotonic()
        self._load()

    def get_default_screen(self) -> Screen[None]:
        return ReplayScreen(self)

    def on_mount(self) -> None:
        self.set_interval(1 / FRAMES_PER_S, self._tick)

    def poll(self) -> None:  # type: ignore[override]  # a recording is all there is to ask
        """Asks nobody."""

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """The replay's keys belong to its screen, and to text where text is typed."""
        if action in self._OWN:
            return isinstance(self.screen, ReplayScreen) and not isinstance(self.focused, Input)
        if action in {"refresh_now", "activity"}:
            return False
        return super().check_action(action, parameters)

    def action_play(self) -> None:
        """Plays or pauses."""
        self.player.toggle()
        self._ticked = monotonic()
        self._move()

    def action_step(self, by: int) -> None:
        """By one snapshot."""
        self.player.step(by)
        self._move()

    def action_jump(self, seconds: float) -> None:
        """By time."""
        self.player.jump(seconds)
        self._move()

    def action_mark(self, direction: int) -> None:
        """To where something changed."""
        if self.player.to_mark(direction) is None:
            self.notify("Nothing else changed in that direction.", timeout=2)
        self._move()

    def action_faster(self, steps: int) -> None:
        """Another speed."""
        self.player.faster(steps)
        self._move()

    def action_edge(self, index: int) -> None:
        """To the first snapshot (0) or the last (-1)."""
        self.player.step(-self.player.index if index == 0 else self.player.recording.count)
        self._move()

    async def action_go_to(self) -> None:
        """Asks for a moment."""
        if not self.screen.query(GoTo):
            before = self.focused

            def leave() -> None:
                self.screen.query(GoTo).remove()
                self.screen.set_focus(before)

            line = GoTo(self._go_to_moment, leave)
            await self.screen.mount(line, before="#timeline")
            # At once, so that what is typed right after `g` goes into the line.
            self.screen.set_focus(line)

    def action_help(self) -> None:
        """The keys that work here; one that the replay took from a panel isn't listed with the panel."""
        if isinstance(self.screen, HelpScreen):
            return
        title, groups = groups_for(self.screen)
        taken = {"home", "end", "g"} if isinstance(self.screen, ReplayScreen) else set()
        self.push_screen(
            HelpScreen(title, [*((name, _without(keys, taken)) for name, keys in groups[:-1]), groups[-1]])
        )

    def get_system_commands(self, _: Screen[object]) -> Iterable[SystemCommand]:
        """What the palette offers: nothing that needs the lab."""
        yield SystemCommand("Play or pause", "Space", self.action_play)
        yield SystemCommand("Next change", "Go to where something changed", lambda: self.action_mark(1))
        yield SystemCommand("Change before", "Go to where something changed", lambda: self.action_mark(-1))
        yield SystemCommand("Beginning", "The first snapshot", lambda: self.action_edge(0))
        yield SystemCommand("End", "The last snapshot", lambda: self.action_edge(-1))
        yield SystemCommand("Keys", "The keys that work here", self.action_help)
        yield SystemCommand("Theme", "Choose a theme", self.action_change_theme)
        yield SystemCommand("Quit", "Leave the replay", self.action_quit)

    def show_moment(self, moment: float) -> None:
        """Goes to a moment (epoch seconds) and pauses there."""
        self.player.playing = False
        self.player.seek(moment)
        self._move()

    @on(Timeline.Moved)
    def _pointed(self, event: Timeline.Moved) -> None:
        self.show_moment(event.moment)

    def _go_to_moment(self, typed: str) -> None:
        self.show_moment(parse_moment(typed, self.player))

    def _tick(self) -> None:
        before, self._ticked = self._ticked, monotonic()
        if self.player.playing:
            self.player.advance(self._ticked - before)
            self._move()

    def _move(self) -> None:
        """Shows where the player is: panels only when there is another snapshot or another second."""
        player = self.player
        state = (player.index, int(player.position), player.trouble)
        if state != self._drawn:
            self._drawn = state
            self._load()
            self._show(self.view)
        for screen in self.screen_stack:
            if isinstance(screen, ReplayScreen):
                screen.timeline.draw()

    def _load(self) -> None:
        player = self.player
        snapshot, history = player.snapshot(), player.history()
        self.view = replace(self.view, snapshot=snapshot, history=history, now=player.now, trouble=player.trouble)


def _without(keys: Keys, taken: set[str]) -> Keys:
    left = ((" ".join(word for word in spelled.split() if word not in taken), meaning) for spelled, meaning in keys)
    return [entry for entry in left if entry[0]]


def _no_lab() -> Connection:
    raise LabError("A replay has no lab.")
