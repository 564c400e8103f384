"""What a person's own file says about the screen, as values; what it leaves out is as it would be without it.

Named tuples where there are many fields: a data class takes a millisecond to make, and the first paint waits for it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import NamedTuple

from lab.views.sorting import Order


class Output(StrEnum):
    """Where what a command of the user's prints is shown."""

    SCREEN = "screen"
    TERMINAL = "terminal"
    NONE = "none"


class OwnCommand(NamedTuple):
    """A command of the user's: `argv` with placeholders, run without a shell.

    `panel` is where its key works and whose row it is about; empty: the whole lab. `changes` is false for what only
    looks, which a read-only screen offers, too.
    """

    key: str
    title: str
    argv: tuple[str, ...]
    panel: str = ""
    confirm: bool = True
    changes: bool = True
    output: Output = Output.SCREEN


class PanelConfig(NamedTuple):
    """One panel: its columns in order (none: all that there is room for), order, and height in lines or as a share."""

    columns: tuple[str, ...] = ()
    sort: Order | None = None
    height: int = 0
    share: int = 0


@dataclass(frozen=True)
class UserConfig:
    """The whole file. `keys` are the keys of each name, comma-separated as Textual takes them; `left` and `right` the
    panels of the columns from above (both empty: as they are), `widths` the columns' shares.
    """

    theme: str = ""
    bell: bool | None = None
    start: str = ""
    left: tuple[str, ...] = ()
    right: tuple[str, ...] = ()
    widths: tuple[int, ...] = ()
    panels: Mapping[str, PanelConfig] = field(default_factory=dict)
    keys: Mapping[str, str] = field(default_factory=dict)
    commands: tuple[OwnCommand, ...] = ()

    def panel(self, name: str) -> PanelConfig:
        """What is said of a panel."""
        return self.panels.get(name, PanelConfig())

    def without_commands(self) -> "UserConfig":
        """For a screen that must not run any."""
        return replace(self, commands=())
