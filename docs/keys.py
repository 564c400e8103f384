"""The screen's keys by place, read off what they are bound to."""

from collections.abc import Sequence
from typing import Any

from textual.binding import Binding

from lab.tui.app import LabApp
from lab.tui.replay.app import ReplayApp
from lab.tui.screens.alert import AlertScreen
from lab.tui.screens.detail import DetailScreen
from lab.tui.screens.drift import DriftScreen
from lab.tui.screens.entry import EntryScreen
from lab.tui.screens.keys import spell
from lab.tui.screens.main import MainScreen
from lab.tui.screens.run import RunScreen
from lab.tui.screens.service import ServiceScreen
from lab.tui.screens.version import VersionScreen
from lab.tui.widgets.feedpage import FeedPage
from lab.tui.widgets.lines import LineList
from lab.tui.widgets.page import TextPage
from lab.tui.widgets.panel import Panel
from lab.tui.widgets.parts import PANELS
from lab.tui.widgets.rows import RowList

_PLACES: Sequence[tuple[str, Sequence[Any]]] = (
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
    ("drift in full", (DriftScreen,)),
    ("an alert in full", (AlertScreen,)),
    ("a replay", (ReplayApp,)),
)


def by_place() -> list[tuple[str, str]]:
    """Each place, and its keys as Markdown; keys of one action stand together."""
    found = ((place, [line for kind in kinds for line in _keys(kind)]) for place, kinds in _PLACES)
    return [(place, " · ".join(lines)) for place, lines in found if lines]


def _keys(kind: Any) -> list[str]:
    by_meaning: dict[str, list[str]] = {}
    for binding in vars(kind).get("BINDINGS", ()):
        if isinstance(binding, Binding):
            by_meaning.setdefault(binding.description, []).extend(spell(binding.key.split(",")))
    return [f"{' '.join(f'`{key}`' for key in keys)} {meaning}" for meaning, keys in by_meaning.items()]
