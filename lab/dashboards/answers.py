"""What queries brought, with names and looks: what panels are drawn of."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import isnan
from typing import Any

from lab.base.monitoring import Series
from lab.dashboards.model import Field, Override, Panel, Target, ValueText
from lab.dashboards.patterns import found_in
from lab.dashboards.untrusted_json import line

_NAME = "__name__"
MOST_SERIES = 400


@dataclass(frozen=True)
class Answer:
    """The series that one query brought, or why it brought none."""

    target: Target
    series: tuple[Series, ...] = ()
    trouble: str = ""
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Drawn:
    """A series as it is drawn: its name, its looks, its points."""

    name: str
    field: Field
    series: Series
    ref: str = "A"
    buckets: bool = False

    @property
    def labels(self) -> Mapping[str, str]:
        return self.series.labels


@dataclass(frozen=True)
class PanelData:
    """All that a panel was told. `asked_at` is None as long as nothing was asked."""

    answers: tuple[Answer, ...] = ()
    asked_at: float | None = None
    notes: tuple[str, ...] = ()
    begin: float = 0.0
    end: float = 0.0
    step_s: float = 15.0

    @property
    def troubles(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(answer.trouble for answer in self.answers if answer.trouble))

    @property
    def count(self) -> int:
        return sum(len(answer.series) for answer in self.answers)


def named(panel: Panel, answers: Sequence[Answer], legends: Mapping[str, str] | None = None) -> tuple[Drawn, ...]:
    """Every series with its name and looks. `legends` are the targets' legends with variables filled in, by ref."""
    found = []
    for answer in answers:
        legend = (legends or {}).get(answer.target.ref, answer.target.legend)
        alone = _distinct(answer.series)
        for series in answer.series[:MOST_SERIES]:
            name = _name(series.labels, legend, alone)
            drawn = Drawn(name, panel.look, series, answer.target.ref, answer.target.buckets)
            found.append(replace(drawn, field=look_of(panel, drawn)))
    return tuple(replace(one, name=line(_filled(one.field.name, one.labels)) or one.name) for one in found)


def _name(labels: Mapping[str, str], legend: str, alone: Sequence[str]) -> str:
    if legend and legend != "__auto":
        return line(_filled(legend, labels)) or "value"
    if legend == "__auto" and len(alone) == 1:
        return line(labels.get(alone[0], ""))
    pairs = ", ".join(f'{key}="{value}"' for key, value in labels.items() if key != _NAME)
    return line(f"{labels.get(_NAME, '')}{{{pairs}}}" if pairs else labels.get(_NAME, "value"))


def _distinct(series: Sequence[Series]) -> tuple[str, ...]:
    """The labels that tell the series from each other."""
    names = dict.fromkeys(key for one in series for key in one.labels)
    return tuple(name for name in names if len({one.labels.get(name) for one in series}) > 1)


def _filled(legend: str, labels: Mapping[str, str]) -> str:
    text = re.sub(r"\{\{\s*([\w.-]+)\s*\}\}", lambda found: labels.get(found[1], ""), legend)
    return re.sub(r"\$\{__field\.labels\.(\w+)\}", lambda found: labels.get(found[1], ""), text)


def look_of(panel: Panel, drawn: Drawn) -> Field:
    """The looks of a series: the panel's, and what overrides say."""
    look = panel.look
    for override in panel.overrides:
        if _matches(override, drawn):
            changes: Any = override.changes
            look = replace(look, **changes)
    return look


def _matches(override: Override, drawn: Drawn) -> bool:
    name = override.names[0] if override.names else ""
    if override.matcher in {"byName", "byNames"}:
        return drawn.name in override.names
    if override.matcher == "byRegexp":
        return found_in(name, drawn.name)
    if override.matcher == "byFrameRefID":
        return drawn.ref == name
    return override.matcher == "byType" and name == "number"


def text_for(value: float | str | None, mappings: Sequence[ValueText]) -> ValueText | None:
    """The first text that stands in place of a value."""
    for item in mappings:
        if _stands_for(item, value):
            return item
    return None


def _stands_for(item: ValueText, value: float | str | None) -> bool:
    missing = value is None or (isinstance(value, float) and isnan(value))
    if item.special:
        return (missing and item.special in {"null", "nan", "null+nan"}) or (value == "" and item.special == "empty")
    if missing or value is None:
        return False
    if item.value is not None:
        return str(value) == item.value or (isinstance(value, float) and _number(item.value) == value)
    if item.regex:
        return found_in(item.regex, str(value))
    return (
        isinstance(value, float) and item.low is not None and item.high is not None and item.low <= value <= item.high
    )


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


@dataclass(frozen=True)
class Table:
    """Rows of numbers and texts under named columns; `looks` are the columns' by name."""

    columns: tuple[str, ...] = ()
    rows: tuple[tuple[float | str | None, ...], ...] = ()
    looks: Mapping[str, Field] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
