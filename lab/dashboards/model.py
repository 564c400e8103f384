"""What a dashboard says, as frozen values: panels, their queries and looks, and variables."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

# Grafana's grid has this many columns.
COLUMNS = 24
ALL = "$__all"


class Kind(StrEnum):
    """What is drawn; anything else is `UNKNOWN`, and its panel says so."""

    TIMESERIES = "timeseries"
    STAT = "stat"
    GAUGE = "gauge"
    BARGAUGE = "bargauge"
    TABLE = "table"
    STATES = "state-timeline"
    HEATMAP = "heatmap"
    TEXT = "text"
    ROW = "row"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Grid:
    """A place in Grafana's grid of 24 columns."""

    x: int = 0
    y: int = 0
    w: int = 12
    h: int = 8


@dataclass(frozen=True)
class Step:
    """From `value` on, this colour; the first one begins at minus infinity."""

    value: float
    color: str


@dataclass(frozen=True)
class Thresholds:
    """Steps in ascending order; of the range from minimum to maximum when `percent`."""

    steps: tuple[Step, ...] = ()
    percent: bool = False


@dataclass(frozen=True)
class ValueText:
    """Text and colour in place of a value: one that is equal to `value`, matches `regex`, is `special`, or lies between
    `low` and `high`.
    """

    text: str = ""
    color: str = ""
    value: str | None = None
    low: float | None = None
    high: float | None = None
    regex: str = ""
    special: str = ""


@dataclass(frozen=True)
class Field:
    """How values of a series look. `scale` is `linear` or `log`; cells of a table have colours when it is `colored`."""

    unit: str = ""
    decimals: int | None = None
    minimum: float | None = None
    maximum: float | None = None
    thresholds: Thresholds = Thresholds()
    mappings: tuple[ValueText, ...] = ()
    name: str = ""
    color_mode: str = "palette-classic"
    color: str = ""
    no_value: str = ""
    stacked: bool = False
    negative: bool = False
    bars: bool = False
    hidden: bool = False
    threshold_lines: bool = False
    colored: bool = False
    scale: str = "linear"


@dataclass(frozen=True)
class Override:
    """Other looks for the series that a matcher names; `changes` are attributes of a `Field`."""

    matcher: str
    names: tuple[str, ...]
    changes: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Target:
    """A query. `table` is for an answer with a row for each series, `buckets` for one with those of a histogram."""

    ref: str
    expr: str
    legend: str = ""
    instant: bool = False
    table: bool = False
    buckets: bool = False
    interval: str = ""


@dataclass(frozen=True)
class Transformation:
    """A change of the answer before it is drawn; `options` are as in the file."""

    name: str
    options: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Panel:
    """A panel. `why_not` is the reason why it can't be drawn, `notes` name what of it isn't; `panels` are a row's."""

    key: str
    kind: Kind
    title: str = ""
    description: str = ""
    grid: Grid = Grid()
    targets: tuple[Target, ...] = ()
    look: Field = Field()
    overrides: tuple[Override, ...] = ()
    transformations: tuple[Transformation, ...] = ()
    calcs: tuple[str, ...] = ("lastNotNull",)
    all_values: bool = False
    text: str = ""
    html: bool = False
    interval: str = ""
    shift: str = ""
    own_range: str = ""
    legend: bool = True
    background: bool = False
    spark: bool = False
    name_only: bool = False
    value_only: bool = False
    sort: tuple[str, bool] = ("", False)
    repeat: str = ""
    panels: tuple["Panel", ...] = ()
    collapsed: bool = False
    why_not: str = ""
    notes: tuple[str, ...] = ()
    scope: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Choice:
    """A value of a variable, and what it is called."""

    text: str
    value: str


@dataclass(frozen=True)
class Variable:
    """A variable. `kind` is Grafana's; `current` are the values that are chosen, `choices` those of the file."""

    name: str
    kind: str
    label: str = ""
    query: str = ""
    regex: str = ""
    multi: bool = False
    include_all: bool = False
    all_value: str = ""
    current: tuple[str, ...] = ()
    choices: tuple[Choice, ...] = ()
    hidden: bool = False
    sort: int = 0


@dataclass(frozen=True)
class Dashboard:
    """A whole dashboard. Times are as in Grafana (`now-6h`), `refresh_s` is None where it doesn't refresh itself."""

    title: str
    uid: str = ""
    description: str = ""
    panels: tuple[Panel, ...] = ()
    variables: tuple[Variable, ...] = ()
    begin: str = "now-6h"
    end: str = "now"
    refresh_s: float | None = None
    notes: tuple[str, ...] = ()
