"""A dashboard's application with a Prometheus that is played, and a clock that stands."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from textual.pilot import Pilot

from lab.commands.dash_commands import Wish
from lab.dashboards.looking import Looked, Times
from lab.dashboards.parse import read
from lab.screen.dash.board import Board
from lab.screen.dash.dash_app import DashApp
from lab.screen.dash.dash_loop import Dashboards
from lab.screen.dash.dash_screen import DashScreen
from lab.services.prometheus_data import PrometheusData
from tests.dashboards.boards import NOW, Played, at, panel

ROOT = Path(__file__).resolve().parents[2]
_UP = {
    "defaults": {
        "mappings": [
            {"type": "value", "options": {"0": {"text": "down", "color": "red"}, "1": {"text": "up", "color": "green"}}}
        ],
        "color": {"mode": "thresholds"},
    }
}
_LINES = {
    "defaults": {
        "unit": "bytes",
        "min": 0,
        "custom": {"thresholdsStyle": {"mode": "line"}},
        "thresholds": {"steps": [{"color": "green", "value": None}, {"color": "red", "value": 80}]},
    }
}
BOARD: dict[str, Any] = {
    "title": "All kinds",
    "templating": {
        "list": [{"name": "job", "type": "query", "query": "label_values(up, job)", "includeAll": True, "multi": True}]
    },
    "panels": [
        panel(
            "stat",
            'up{job=~"$job"}',
            title="Up",
            fieldConfig=_UP,
            options={"colorMode": "background"},
            **at(0, 0, 8, 4),
        ),
        panel("gauge", title="Load", fieldConfig={"defaults": {"unit": "percent"}}, **at(8, 0, 8, 4)),
        panel(
            "bargauge",
            title="Bars",
            targets=[{"refId": "A", "expr": "x", "legendFormat": "{{job}}", "instant": True}],
            **at(16, 0, 8, 4),
        ),
        panel(
            "timeseries",
            title="Memory of $job",
            description="What each job holds.",
            fieldConfig=_LINES,
            **at(0, 4, 12, 8),
        ),
        panel("state-timeline", title="States [bold]", fieldConfig={"defaults": {"mappings": []}}, **at(12, 4, 12, 8)),
        {"type": "row", "title": "More", "collapsed": False, "panels": [], **at(0, 12, 24, 1)},
        panel(
            "table",
            title="Table",
            targets=[{"refId": "A", "expr": "x", "format": "table", "instant": True}],
            **at(0, 13, 8, 6),
        ),
        panel("heatmap", title="Heat", **at(8, 13, 8, 6)),
        panel("text", title="Words", options={"content": "# Hello\n\n- **one**\n- two [red]"}, **at(16, 13, 8, 6)),
        panel("geomap", title="A map", **at(0, 19, 12, 6)),
        panel("timeseries", "broken(", title="Broken", **at(12, 19, 12, 6)),
        {
            "type": "row",
            "title": "Closed",
            "collapsed": True,
            "panels": [panel("stat", title="Inside", **at(0, 26, 24, 4))],
            **at(0, 25, 24, 1),
        },
    ],
}


class PlayedData(Played):
    """As `Played`, and can be closed."""

    closed = False

    async def aclose(self) -> None:
        self.closed = True


def dash(
    board: Mapping[str, Any] = BOARD, source: Callable[[], Played] | None = None, pause_s: float | None = None
) -> DashApp:
    """The application on a played lab, at a moment that doesn't pass."""
    played = PlayedData(faults={"broken": "Prometheus: parse error: unclosed left parenthesis."})
    given = cast("Callable[[], PrometheusData]", source or (lambda: played))
    wish = Wish(read(json.dumps(board).encode(), "board.json"), Times("now-1h", "now"), {})
    return DashApp(Dashboards(given, ROOT), wish, pause_s, lambda: datetime.fromtimestamp(NOW, UTC))


def screen_of(pilot: Pilot[None]) -> DashScreen:
    return next(screen for screen in pilot.app.screen_stack if isinstance(screen, DashScreen))


def board_of(pilot: Pilot[None]) -> Board:
    return screen_of(pilot).query_one(Board)


def looked_of(pilot: Pilot[None]) -> Looked | None:
    return screen_of(pilot)._looked


async def settled(pilot: Pilot[None]) -> None:
    """Waits until every panel in sight was asked for."""
    for _ in range(400):
        await pilot.pause()
        looked, wanted = looked_of(pilot), board_of(pilot).wanted
        if looked and wanted and all(key in looked.data for key in wanted):
            await pilot.pause()
            # On a busy machine the board may get its size, and with it more panels, only now.
            if board_of(pilot).wanted == wanted:
                return
    raise AssertionError("the panels were never asked for")


def text_of(pilot: Pilot[None]) -> str:
    """What stands on the board."""
    board = board_of(pilot)
    return "\n".join(board.render_line(y).text for y in range(board.size.height))
