"""Where each key works, read off the bindings: for the documentation, and to judge the keys that a person sets.

Imports every screen: nothing that comes before the first paint may need it.
"""

import difflib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from textual.binding import Binding

from lab.screen.app import LabApp
from lab.screen.dash.board import Board
from lab.screen.dash.dash_screen import DashScreen
from lab.screen.dash.picking import Picking
from lab.screen.key_spelling import key_spelled
from lab.screen.replay.replay_app import ReplayApp
from lab.screen.screens.alert_screen import AlertScreen
from lab.screen.screens.compare_screen import CompareScreen
from lab.screen.screens.data_screen import DataScreen
from lab.screen.screens.detail_screen import DetailScreen
from lab.screen.screens.drift_screen import DriftScreen
from lab.screen.screens.entry_screen import EntryScreen
from lab.screen.screens.main_screen import MainScreen
from lab.screen.screens.run_screen import RunScreen
from lab.screen.screens.service_screen import ServiceScreen
from lab.screen.screens.version_screen import VersionScreen
from lab.screen.textual_private import key_written
from lab.screen.user.judging import Wrong
from lab.screen.user.user_config import UserConfig
from lab.screen.widgets.feedpage import FeedPage
from lab.screen.widgets.lines import LineList
from lab.screen.widgets.page import TextPage
from lab.screen.widgets.panel import Panel
from lab.screen.widgets.parts import PANELS
from lab.screen.widgets.rows import RowList

Kinds = tuple[Any, ...]
PLACES: Sequence[tuple[str, Kinds]] = (
    ("everywhere", (LabApp,)),
    ("the main screen", (MainScreen,)),
    ("any panel", (RowList, Panel)),
    *((f"the {name} panel", (kind,)) for name, kind in PANELS.items()),
    ("anything in full", (DetailScreen,)),
    ("a service in full", (ServiceScreen,)),
    ("a log", (FeedPage,)),
    ("a text", (LineList, TextPage)),
    ("a run in full", (RunScreen,)),
    ("a model version in full", (VersionScreen,)),
    ("an audit entry in full", (EntryScreen,)),
    ("data in full", (DataScreen,)),
    ("two versions compared", (CompareScreen,)),
    ("drift in full", (DriftScreen,)),
    ("an alert in full", (AlertScreen,)),
    ("a replay", (ReplayApp,)),
    ("a dashboard", (Board, DashScreen)),
    ("a list to pick from", (Picking,)),
)
_FULL = (RunScreen, ServiceScreen, VersionScreen, EntryScreen, DataScreen, CompareScreen, DriftScreen, AlertScreen)
# What has its keys at the same time: two things on one of them would be one too many.
_TOGETHER: Sequence[tuple[str, Kinds]] = (
    *((f"the {name} panel", (LabApp, MainScreen, RowList, Panel, kind)) for name, kind in PANELS.items()),
    *(("things in full", (LabApp, DetailScreen, RowList, Panel, kind)) for kind in _FULL),
    *(("things in full", (LabApp, DetailScreen, LineList, TextPage, kind)) for kind in _FULL),
    ("logs", (LabApp, DetailScreen, LineList, TextPage, FeedPage, ServiceScreen)),
    ("dashboards", (LabApp, Board, DashScreen)),
)


def bindings_of(kinds: Kinds) -> Iterator[Binding]:
    """What the classes themselves bind."""
    for kind in kinds:
        for binding in vars(kind).get("BINDINGS", ()):
            if isinstance(binding, Binding):
                yield binding


@cache
def names() -> tuple[str, ...]:
    """Every name in [keys], sorted."""
    return tuple(sorted({one.id for _, kinds in PLACES for one in bindings_of(kinds) if one.id}))


def judge_keys(config: UserConfig) -> None:
    """Raises Wrong for a name that no key has, and for a key that would do two things at once, saying which."""
    for name in config.keys:
        if name not in names():
            near = difflib.get_close_matches(name, names(), 1)
            hint = f"Did you mean {near[0]}? " if near else ""
            raise Wrong(("keys", name), "no key has this name", f"{hint}Type mlops-lab config --keys to see them all.")
    for where, kinds in _TOGETHER:
        before, after = _by_key(kinds, {}), _by_key(kinds, config.keys)
        for key, found in after.items():
            # A few keys do one thing or another as it comes, esc for example: only what is more than that is a clash.
            if len(found) > max(1, len(before.get(key, ()))):
                chosen = next(name for name in config.keys if name in found)
                others = " and ".join(sorted(found - {chosen}))
                remedy = f"Give one of them another key, {others} for example by a line of its own."
                raise Wrong(("keys", chosen), f"{key_spelled(key)!r} is the key of {others}, too, in {where}", remedy)
    _judge_commands(config)


def _judge_commands(config: UserConfig) -> None:
    for number, command in enumerate(config.commands):
        place = ("command", number, "key")
        for where, kinds in _TOGETHER[: len(PANELS)]:
            if command.panel and where != f"the {command.panel} panel":
                continue
            if taken := _by_key(kinds, config.keys).get(command.key):
                said = f"{key_spelled(command.key)!r} is the key of {' and '.join(sorted(taken))} in {where}"
                raise Wrong(place, said, "Take another key, or give that one another by [keys].")
        for other in config.commands[:number]:
            together = not (other.panel and command.panel) or other.panel == command.panel
            if other.key == command.key and together:
                raise Wrong(
                    place, f"{key_spelled(command.key)!r} is the key of {other.title!r} already", "Take another key."
                )


def _by_key(kinds: Kinds, keymap: Mapping[str, str]) -> dict[str, set[str]]:
    """What each key does where these classes' keys work."""
    found: dict[str, set[str]] = defaultdict(set)
    for binding in bindings_of(kinds):
        name = binding.id or binding.action
        for key in keymap.get(name, binding.key).split(","):
            found[key_written(key) or key].add(name)
    return found
