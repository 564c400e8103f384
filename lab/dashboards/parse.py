"""Reads a dashboard's file. Whoever wrote it may have meant harm: sizes, depth and texts are bounded."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from lab.base.errors import LabError
from lab.dashboards.model import Choice, Dashboard, Kind, Panel, Variable
from lab.dashboards.parse_old import rows_as_panels
from lab.dashboards.parse_panel import read_panel
from lab.dashboards.times import seconds
from lab.dashboards.untrusted_json import Object, array, block, line, obj, objects, query, whole, yes

MAX_BYTES, MAX_DEPTH, MAX_PANELS, MAX_VARIABLES = 4 << 20, 40, 500, 50
_EXPORT = "Export it in Grafana: Share, Export, Save to file."
_CLASSIC = "In Grafana export it with the model “Classic”."


def read_file(path: Path) -> Dashboard:
    """The dashboard in a file. Raises LabError."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as err:
        raise LabError(f"{path} can't be read: {err.strerror}.", "Name a dashboard's JSON file.") from None
    return read(content, str(path))


def read(content: bytes, name: str) -> Dashboard:
    """The dashboard that a file called `name` holds. Raises LabError."""
    if len(content) > MAX_BYTES:
        raise LabError(f"{name} has more than {MAX_BYTES >> 20} MB, which is no dashboard.", _EXPORT)
    try:
        given = json.loads(content)
    except (ValueError, RecursionError) as err:
        why = "it is nested too deeply" if isinstance(err, RecursionError) else str(err)
        raise LabError(f"{line(name)} isn't JSON: {line(why)}.", _EXPORT) from None
    if too_deep(given):
        raise LabError(f"{line(name)} is nested more than {MAX_DEPTH} deep, which no dashboard is.", _EXPORT)
    return _dashboard(_classic(given, name), name)


def _classic(given: Any, name: str) -> Object:
    """The dashboard itself, also out of an answer of Grafana's API."""
    found = obj(given)
    found = obj(found, "dashboard") or found
    if "apiVersion" in found and "elements" not in obj(found, "spec"):
        found = obj(found, "spec")
    if "elements" in found or "elements" in obj(found, "spec"):
        raise LabError(f"{line(name)} is written in Grafana's schema version 2, which isn't drawn here.", _CLASSIC)
    if not isinstance(found.get("panels"), list) and not isinstance(found.get("rows"), list):
        raise LabError(f"{line(name)} holds no dashboard: there are neither panels nor rows in it.", _EXPORT)
    return found


def too_deep(given: Any) -> bool:
    """Whether a value is nested deeper than any dashboard; by levels, so that depth costs no stack."""
    level = [given]
    for _ in range(MAX_DEPTH):
        level = [inner for item in level for inner in _inside(item) if isinstance(inner, dict | list)]
        if not level:
            return False
    return True


def _inside(item: Any) -> Any:
    if isinstance(item, Mapping):
        return item.values()
    return item if isinstance(item, list) else ()


def _dashboard(given: Object, name: str) -> Dashboard:
    panels = given.get("panels") if isinstance(given.get("panels"), list) else list(rows_as_panels(given.get("rows")))
    read = list(_panels(panels))
    notes = [f"only the first {MAX_PANELS} panels are shown"] if len(read) > MAX_PANELS else []
    refresh = seconds(line(given.get("refresh")))
    title = line(given.get("title")) or Path(name).stem
    return Dashboard(
        title=title,
        uid=line(given.get("uid")),
        description=block(given.get("description")),
        panels=tuple(_in_rows(read[:MAX_PANELS])),
        variables=tuple(_variables(obj(given, "templating").get("list"))),
        begin=line(obj(given, "time").get("from"), "now-6h"),
        end=line(obj(given, "time").get("to"), "now"),
        refresh_s=max(refresh, 1.0) if refresh else None,
        notes=tuple(notes),
    )


def _panels(given: object) -> Iterator[Panel]:
    """All, in the order of the file; those inside a collapsed row follow it."""
    for number, item in enumerate(objects(given)):
        panel = read_panel(item, f"p{number}")
        inner = [read_panel(one, f"p{number}.{at}") for at, one in enumerate(objects(item.get("panels")))]
        yield replace(panel, panels=tuple(inner[:MAX_PANELS])) if panel.kind is Kind.ROW else panel


def _in_rows(panels: list[Panel]) -> Iterator[Panel]:
    """Each open row with the panels that follow it, so that it can be closed; panels before any row as they are."""
    row: Panel | None = None
    followers: list[Panel] = []
    for panel in sorted(panels, key=lambda one: (one.grid.y, one.grid.x)):
        if panel.kind is not Kind.ROW:
            if row is None:
                yield panel
            else:
                followers.append(panel)
            continue
        if row is not None:
            yield replace(row, panels=(*row.panels, *followers))
        row, followers = panel, []
    if row is not None:
        yield replace(row, panels=(*row.panels, *followers))


def _variables(given: object) -> Iterator[Variable]:
    for item in list(objects(given))[:MAX_VARIABLES]:
        asked = item.get("query")
        text = query(obj(asked).get("query")) if isinstance(asked, Mapping) else query(asked)
        yield Variable(
            name=line(item.get("name")),
            kind=line(item.get("type")),
            label=line(item.get("label")),
            query=text or query(item.get("definition")),
            regex=query(item.get("regex")),
            multi=yes(item.get("multi")),
            include_all=yes(item.get("includeAll")),
            all_value=line(item.get("allValue")),
            current=_texts(obj(item, "current").get("value")),
            choices=tuple(
                Choice(line(one.get("text")), line(one.get("value")))
                for one in list(objects(item.get("options")))[:1000]
            ),
            hidden=line(item.get("hide")) in {"2", "hideVariable"},
            sort=whole(item.get("sort"), 0, 0, 8),
        )


def _texts(given: object) -> tuple[str, ...]:
    listed = array(given) if isinstance(given, list) else [given]
    return tuple(found for found in (line(one) for one in listed[:1000]) if found)
