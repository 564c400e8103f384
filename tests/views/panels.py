"""Views of the snapshots that tests share, and what stands in them."""

from dataclasses import replace
from typing import Any

from lab.observe.snapshot import Slice, Snapshot
from lab.views import PARTS, View, banner, title_line
from lab.views.cells import Line, PanelView, Tone
from tests.screen import snapshots


def view_of(snapshot: Snapshot, **changes: object) -> View:
    return replace(View(snapshot, snapshots.CLOCK), **changes)  # type: ignore[arg-type]


def panel(name: str, snapshot: Snapshot) -> PanelView:
    return PARTS[name].panel(view_of(snapshot))


def with_part(name: str, part: Slice[Any]) -> Snapshot:
    """The healthy snapshot with another part; panels are called as the parts are."""
    changes: dict[str, Any] = {name: part}
    return replace(snapshots.HEALTHY, **changes)


def text(line: Line) -> str:
    return "".join(span.text for span in line)


def texts(lines: tuple[Line, ...]) -> str:
    return "\n".join(map(text, lines))


def cells(view: PanelView, key: str) -> dict[str, str]:
    row = next(row for row in view.rows if row.key == key)
    return {name: cell.text for name, cell in row.cells.items()}


def loud(view: View) -> set[Tone]:
    """The tones of alarm among all that the screen says of services and panels."""
    shown = {name: PARTS[name].panel(view) for name in PARTS}
    lines = [title_line(view, 200), banner(view), *(one.status for name, one in shown.items() if name != "drift")]
    lines += [cell.spans for row in shown["services"].rows for cell in row.cells.values()]
    lines += [row.spill[1].spans for row in shown["services"].rows if row.spill]
    lines += [line for name in ("runs", "models") for line in shown[name].message]
    return {span.tone for line in lines for span in line}
