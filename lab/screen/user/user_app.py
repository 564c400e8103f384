"""The part of the application that follows a person's own file: keys, looks, layout and commands."""

import asyncio
import os
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from textual import on, work

from lab.base.errors import LabError
from lab.screen.action_app import ActionApp
from lab.screen.messages import OwnCommandWanted
from lab.screen.terminal import DRIVER
from lab.screen.textual_private import style_too

if TYPE_CHECKING:
    from lab.screen.user.own_commands import OwnCommands
    from lab.screen.user.reading import Loaded

_NOTICE_S = 20.0


class UserApp(ActionApp):
    """What the file says is how the screen starts; what it leaves out is as it was left."""

    keys_refused = False
    _loaded: "Loaded | None" = None
    _own: "OwnCommands | None" = None

    def take_user(self, loaded: "Loaded | None", theme: str) -> str:
        """Takes what the file says, and returns the theme to begin with; `theme` is that without a file."""
        if loaded is None:
            return theme
        self._loaded, self.user = loaded, loaded.config
        if os.environ.get(DRIVER):
            # Whoever learns the address of a browser's screen must not get at more than the lab.
            self.user = self.user.without_commands()
        self.set_keymap(self.user.keys)
        sorts = {name: panel.sort for name, panel in self.user.panels.items() if panel.sort}
        kept = self.layout_kept
        self.layout_kept = replace(
            kept,
            orders={**kept.orders, **sorts},
            panel=self.user.start or kept.panel,
            bell=kept.bell if self.user.bell is None else self.user.bell,
        )
        # Imported where there is a file.
        from lab.screen.user.styles import css

        if rules := css(self.user):
            style_too(self, rules)
        return self.user.theme or theme

    @work(exclusive=True, group="user", exit_on_error=False)
    async def judge_user(self) -> None:
        """Says what is wrong with the file. Names and clashes are judged only now: that imports every screen."""
        if self._loaded is None:
            return
        self._complain(self._loaded.problem)
        if self.user.keys or self.user.commands:
            judged = await asyncio.to_thread(_judged, self._loaded)
            if judged is not self._loaded:
                self.keys_refused = True
                self.set_keymap({})
                for lab in self.labs:
                    lab.view = replace(lab.view, keys={})
                self._complain(judged.problem)

    def _complain(self, problem: LabError | None) -> None:
        if problem:
            self.notify(str(problem), title="Your configuration", severity="error", timeout=_NOTICE_S, markup=False)

    @property
    def keys_in_force(self) -> Mapping[str, str]:
        """The keys that a person has set, by name; none where they were refused."""
        return {} if self.keys_refused else self.user.keys

    @on(OwnCommandWanted)
    def _own_wanted(self, event: OwnCommandWanted) -> None:
        event.stop()
        self.want_own(event.number, event.key)

    def want_own(self, number: int, key: str = "") -> None:
        """Runs one of the person's own commands for a row, after asking what has to be asked."""
        if self._own is None:
            from lab.screen.user.own_commands import OwnCommands

            self._own = OwnCommands(self, self.user.commands)
        self._own.want(number, key)

    def may_run_own(self, number: int) -> bool:
        """Whether the command is offered here."""
        return not self.keys_refused and not (self.view.readonly and self.user.commands[number].changes)


def _judged(loaded: "Loaded") -> "Loaded":
    from lab.screen.user.checking import judged

    return judged(loaded)
