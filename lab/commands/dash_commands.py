"""A dashboard as text, as JSON, as a picture: what `mlops-lab dash` does without the screen."""

import json
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lab.base.errors import LabError, NotFound
from lab.base.similar import meant
from lab.dashboards.answers import named
from lab.dashboards.asking import Asking
from lab.dashboards.drawing.compose import page, summary
from lab.dashboards.drawing.draw import draw, legends_of
from lab.dashboards.grid import Placed, lay_out
from lab.dashboards.looking import Looked, Times, ask, each, prepare, view_of
from lab.dashboards.model import Dashboard
from lab.dashboards.parse import read_file

if TYPE_CHECKING:
    from lab.dashboards.drawing.ink import Line
    from lab.services.prometheus_data import PrometheusData

DEFAULT = "mlops-observability"
_FOLDER = Path("grafana") / "dashboards"
_STYLES = {"muted": "dim", "strong": "bold", "bad": "bold red", "warn": "yellow", "ok": "green", "accent": "cyan"}
_PIPE_WIDTH = 120


@dataclass(frozen=True)
class Wish:
    """What a person wants to see: which dashboard, of when, with which values of variables."""

    board: Dashboard
    times: Times
    values: Mapping[str, Sequence[str]]


def known(root: Path) -> Mapping[str, Path]:
    """The lab's own dashboards by name."""
    return {path.stem: path for path in sorted((root / _FOLDER).glob("*.json"))}


def open_board(root: Path, name: str) -> Dashboard:
    """The lab's own dashboard of this name, or that of a file. Raises LabError."""
    own = known(root)
    if not name or name in own:
        return read_file(own.get(name or DEFAULT, root / _FOLDER / f"{DEFAULT}.json"))
    short = {stem.removeprefix("mlops-"): path for stem, path in own.items()}
    if name in short:
        return read_file(short[name])
    if "/" in name or name.endswith(".json") or Path(name).is_file():
        return read_file(Path(name).expanduser())
    raise NotFound(
        f"There is no dashboard {name!r}.", f"{meant(name, [*short])}Name a file, or one of: {', '.join(short)}."
    )


async def look(source: "PrometheusData", wish: Wish, now: datetime, columns: int) -> Looked:
    """Everything that the dashboard shows, asked for once."""
    asking = Asking(source)
    try:
        looked = await prepare(asking, wish.board, wish.values, wish.times, now)
        return await ask(asking, looked, {panel.key: columns for panel in each(looked.panels)})
    finally:
        await source.aclose()


def print_once(looked: Looked, now: datetime) -> None:
    """The dashboard as text, as wide as the terminal; rows are open."""
    from rich.console import Console
    from rich.text import Text

    width = shutil.get_terminal_size((_PIPE_WIDTH, 40)).columns if sys.stdout.isatty() else _PIPE_WIDTH
    placed = lay_out(looked.panels, width, {row.key for row in looked.panels if row.collapsed})

    def drawing(one: Placed) -> "tuple[Line, ...]":
        view = view_of(looked, one.panel, one.width - 2, one.height - 2, now)
        return draw(one.panel, looked.data.get(one.panel.key), looked.scope, view)

    console = Console(highlight=False, width=width, soft_wrap=True)
    console.print(Text(head(looked), "bold"))
    for line in page(placed, looked.scope, drawing, width):
        console.print(Text.assemble(*((ink.text, style(ink.look)) for ink in line)), no_wrap=True)


def head(looked: Looked) -> str:
    """Title and variables on one line."""
    values = {one.variable.label or name: one.shown for name, one in looked.scope.variables.items()
              if not one.variable.hidden and one.variable.kind != "datasource"}  # fmt: skip
    return "  ".join(filter(None, (looked.board.title, summary(values))))


def style(look: str) -> str:
    """Rich's style for a look."""
    return " ".join(_STYLES.get(word, word) for word in look.split())


def print_json(looked: Looked) -> None:
    """The dashboard as one JSON document."""
    sys.stdout.write(json.dumps(document(looked), indent=2, ensure_ascii=False) + "\n")


def document(looked: Looked) -> dict[str, Any]:
    """Times are epoch seconds; a value that is no finite number is text, as Prometheus writes it."""
    variables = {name: list(one.values) for name, one in looked.scope.variables.items()}
    panels = [_panel(looked, panel.key) for panel in each(looked.panels)]
    return {
        "title": looked.board.title,
        "uid": looked.board.uid,
        "from": looked.begin,
        "to": looked.end,
        "variables": variables,
        "panels": panels,
        "troubles": list(looked.troubles),
    }


def _panel(looked: Looked, key: str) -> dict[str, Any]:
    panel = next(one for one in each(looked.panels) if one.key == key)
    scope = looked.scope.within(panel.scope)
    data = looked.data.get(key)
    drawn = named(panel, data.answers, legends_of(panel, scope)) if data else ()
    series = [
        {
            "query": one.ref,
            "name": one.name,
            "labels": dict(one.labels),
            "points": [[at, value if abs(value) < float("inf") else str(value)] for at, value in
                       zip(one.series.times, one.series.values, strict=True)],
        }
        for one in drawn
    ]  # fmt: skip
    found: dict[str, Any] = {"title": scope.in_text(panel.title), "type": str(panel.kind), "unit": panel.look.unit}
    found["not_drawn"] = panel.why_not or None
    found["errors"] = list(data.troubles) if data else []
    return {**found, "series": series}


def export(looked: Looked, target: Path, now: datetime) -> None:
    """Writes the dashboard as a picture, PNG or SVG by the file's name. Raises LabError."""
    if target.suffix.lower() not in {".png", ".svg"}:
        raise LabError(f"{target} is neither .png nor .svg.", "Name the file picture.png or picture.svg.")
    from lab.commands.dash_picture import write

    write(looked, target, now, head(looked))


def need_answers(looked: Looked) -> None:
    """Raises LabError when every panel that asks for something failed: then nothing was shown but reasons."""
    told = [looked.data[panel.key] for panel in each(looked.panels) if panel.targets and panel.key in looked.data]
    if told and all(one.troubles and not one.count for one in told):
        sys.stdout.flush()
        why = told[0].troubles[0]
        raise LabError(f"No panel of {looked.board.title} was answered: {why}", "Type `invoke status`.")
