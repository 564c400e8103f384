"""The screen's keys by place, read off what they are bound to."""

from collections.abc import Sequence
from typing import Any

from textual.binding import Binding

from lab.screen.app import LabApp
from lab.screen.dash.board import Board
from lab.screen.dash.dash_screen import DashScreen
from lab.screen.dash.picking import Picking
from lab.screen.replay.replay_app import ReplayApp
from lab.screen.screens.alert_screen import AlertScreen
from lab.screen.screens.compare_screen import CompareScreen
from lab.screen.screens.data_screen import DataScreen
from lab.screen.screens.detail_screen import DetailScreen
from lab.screen.screens.drift_screen import DriftScreen
from lab.screen.screens.entry_screen import EntryScreen
from lab.screen.screens.help_screen import spell
from lab.screen.screens.main_screen import MainScreen
from lab.screen.screens.run_screen import RunScreen
from lab.screen.screens.service_screen import ServiceScreen
from lab.screen.screens.version_screen import VersionScreen
from lab.screen.widgets.feedpage import FeedPage
from lab.screen.widgets.lines import LineList
from lab.screen.widgets.page import TextPage
from lab.screen.widgets.panel import Panel
from lab.screen.widgets.parts import PANELS
from lab.screen.widgets.rows import RowList

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
    ("data in full", (DataScreen,)),
    ("two versions compared", (CompareScreen,)),
    ("drift in full", (DriftScreen,)),
    ("an alert in full", (AlertScreen,)),
    ("a replay", (ReplayApp,)),
    ("a dashboard", (Board, DashScreen)),
    ("a list to pick from", (Picking,)),
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
