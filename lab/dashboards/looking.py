"""A look at a whole dashboard: its variables, its time, and what each panel was told."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from lab.base.errors import UsageError
from lab.base.similar import meant
from lab.dashboards.answers import PanelData
from lab.dashboards.asking import Asking, span_for
from lab.dashboards.drawing.draw_lines import View
from lab.dashboards.grid import repeated
from lab.dashboards.model import Dashboard, Kind, Panel
from lab.dashboards.times import moment, seconds, written
from lab.dashboards.variables import Scope

_EXAMPLE = "Type it as 15m, 6h, 2d, or now-6h..now-1h."
SHORTEST_S = 10.0
_LENGTHS = ("5m", "15m", "30m", "1h", "3h", "6h", "12h", "1d", "2d", "7d", "30d", "90d")


@dataclass(frozen=True)
class Times:
    """From when to when, as Grafana writes it; either side moves with `now`."""

    begin: str = "now-6h"
    end: str = "now"

    def between(self, now: datetime) -> tuple[float, float]:
        """Epoch seconds; a range that nobody can read, or that is empty, is the last six hours."""
        begin, end = moment(self.begin, now), moment(self.end, now, end=True)
        if begin is None or end is None or end - begin < SHORTEST_S:
            return now.timestamp() - 21_600, now.timestamp()
        return begin, end

    def wider(self, by: int, now: datetime) -> "Times":
        """The next longer (1) or shorter (-1) usual length, with the same end."""
        begin, end = self.between(now)
        lengths = [seconds(text) or 0.0 for text in _LENGTHS]
        at = min(range(len(lengths)), key=lambda number: abs(lengths[number] - (end - begin)))
        length = lengths[max(0, min(at + by, len(lengths) - 1))]
        if self.end == "now":
            return Times(f"now-{written(length)}", "now")
        return Times(f"{round((end - length) * 1000)}", f"{round(end * 1000)}")

    def shifted(self, by: int, now: datetime) -> "Times":
        """Half of it earlier (-1) or later (1), never beyond now."""
        begin, end = self.between(now)
        move = min(by * (end - begin) / 2, now.timestamp() - end)
        return Times(f"{round((begin + move) * 1000)}", f"{round((end + move) * 1000)}")

    @property
    def shown(self) -> str:
        """For people: `last 6h`, or both ends."""
        back = self.begin.removeprefix("now-")
        if self.end == "now" and self.begin.startswith("now-"):
            return f"last {back}"
        return f"{_readable(self.begin)} to {_readable(self.end)}"


def _readable(text: str) -> str:
    """Milliseconds as a date of this machine's zone; anything else as it is written."""
    if not (text.isascii() and text.isdigit() and len(text) <= 14):
        return text
    return datetime.fromtimestamp(int(text) / 1000).astimezone().strftime("%m-%d %H:%M:%S")


def read_times(text: str) -> Times:
    """A range as a person types it. Raises UsageError."""
    begin, dots, end = text.strip().partition("..")
    if not dots and (length := seconds(begin)):
        begin, end = f"now-{written(length)}", "now"
    now = datetime.now().astimezone()
    found = moment(begin.strip(), now), moment((end or "now").strip(), now, end=True)
    if found[0] is None or found[1] is None or found[1] - found[0] < SHORTEST_S:
        raise UsageError(f"--range {text!r} is no range between {SHORTEST_S:g} s and a year.", _EXAMPLE)
    return Times(begin.strip(), (end or "now").strip())


def read_values(given: Sequence[str], board: Dashboard) -> dict[str, list[str]]:
    """Values of the dashboard's variables as `name=value`; several of a name that is given again. Raises UsageError."""
    known = [one.name for one in board.variables]
    found: dict[str, list[str]] = {}
    for text in given:
        name, sign, value = text.partition("=")
        if not sign or not name.strip():
            raise UsageError(f"--var {text!r} isn't NAME=VALUE.", "Type it as --var job=mlflow.")
        if (name := name.strip()) not in known:
            there = f"It has {', '.join(known)}." if known else "It has none."
            raise UsageError(f"{board.title} has no variable {name!r}.", meant(name, known) + there)
        found.setdefault(name, []).append(value)
    return found


@dataclass(frozen=True)
class Looked:
    """All that is known of a dashboard at one moment; `data` by the panels' keys."""

    board: Dashboard
    scope: Scope = field(default_factory=Scope)
    panels: tuple[Panel, ...] = ()
    begin: float = 0.0
    end: float = 1.0
    data: Mapping[str, PanelData] = field(default_factory=dict)

    @property
    def troubles(self) -> tuple[str, ...]:
        """Everything that went wrong, for people."""
        asked = (f"variable {one.variable.name}: {one.trouble}" for one in self.scope.variables.values() if one.trouble)
        panels = (f"{panel.title}: {trouble}" for panel in each(self.panels) if panel.key in self.data
                  for trouble in self.data[panel.key].troubles)  # fmt: skip
        return tuple(dict.fromkeys([*asked, *panels]))


def view_of(looked: Looked, panel: Panel, width: int, height: int, now: datetime, legend: bool = True) -> View:
    """The room of a panel's picture, and the time that its data are of."""
    data = looked.data.get(panel.key)
    begin, end = (data.begin, data.end) if data and data.asked_at else (looked.begin, looked.end)
    return View(width, height, begin, end, legend, zone=now.tzinfo, now=now.timestamp())


def each(panels: Sequence[Panel]) -> Iterator[Panel]:
    """Every panel, those of rows too; rows themselves are left out."""
    for panel in panels:
        if panel.kind is Kind.ROW:
            yield from each(panel.panels)
        else:
            yield panel


async def prepare(
    asking: Asking, board: Dashboard, wanted: Mapping[str, Sequence[str]], times: Times, now: datetime
) -> Looked:
    """The dashboard with its variables asked for and its repeated panels made; no panel is asked for yet."""
    begin, end = times.between(now)
    span = span_for(begin, end, 100)
    scope = Scope(await asking.variables(board.variables, wanted, span), span)
    values = {name: one.values for name, one in scope.variables.items()}
    return Looked(board, scope, repeated(board.panels, values), begin, end)


async def ask(asking: Asking, looked: Looked, columns: Mapping[str, int]) -> Looked:
    """With what the panels named in `columns` (dots across, by key) were told."""
    panels = [panel for panel in each(looked.panels) if panel.key in columns and panel.targets]
    told = await asyncio.gather(
        *(asking.panel(one, looked.scope, columns[one.key], looked.begin, looked.end) for one in panels)
    )
    return replace(looked, data={**looked.data, **{one.key: data for one, data in zip(panels, told, strict=True)}})
