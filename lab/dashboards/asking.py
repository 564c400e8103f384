"""Plans a dashboard's queries and asks them: bounded in number, each with what went wrong instead of an exception."""

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from lab.base.errors import LabError
from lab.base.monitoring import Series
from lab.dashboards.answers import MOST_SERIES, Answer, PanelData
from lab.dashboards.model import Choice, Kind, Panel, Target, Variable
from lab.dashboards.patterns import compiled
from lab.dashboards.times import nice_step, seconds
from lab.dashboards.variables import Resolved, Scope, Span, choose, filtered

# Queries under way at once: Prometheus shall have room for others.
AT_ONCE = 4
MOST_POINTS = 2000
_LABELS = re.compile(r"label_values\(\s*(?:(?P<selector>.+),)?\s*(?P<label>[a-zA-Z_]\w*)\s*\)\s*", re.DOTALL)
_NAMES = re.compile(r"label_names\(.*\)\s*", re.DOTALL)
_METRICS = re.compile(r"metrics\((?P<pattern>.*)\)\s*", re.DOTALL)
_RESULT = re.compile(r"query_result\((?P<expr>.+)\)\s*", re.DOTALL)
_PROMETHEUS = Choice("Prometheus", "prometheus")


class Source(Protocol):
    """Prometheus, as dashboards ask it. Every method raises LabError, within its own deadline."""

    async def query(self, expr: str, at: float) -> tuple[tuple[Series, ...], tuple[str, ...]]:
        """Series of one point, and warnings."""

    async def query_range(
        self, expr: str, begin: float, end: float, step_s: float
    ) -> tuple[tuple[Series, ...], tuple[str, ...]]:
        """Series over time, and warnings."""

    async def label_values(self, label: str, selector: str, begin: float, end: float) -> tuple[str, ...]:
        """The values of a label; of the series that the selector names, or of all."""

    async def label_names(self, begin: float, end: float) -> tuple[str, ...]:
        """All labels."""


def span_for(begin: float, end: float, columns: int, least: str = "", scrape_s: float = 5.0) -> Span:
    """The time with steps for about this many columns; `least` is the file's shortest interval."""
    points = min(max(columns, 20), MOST_POINTS)
    own = seconds(least)
    step = max(nice_step((end - begin) / points), own or scrape_s)
    # Never more points than Prometheus gives.
    while (end - begin) / step > MOST_POINTS * 2:
        step *= 2
    return Span(begin - begin % step, end, step, scrape_s)


class Asking:
    """Asks one Prometheus, a few queries at a time."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._places = asyncio.Semaphore(AT_ONCE)

    async def variables(
        self, variables: Sequence[Variable], wanted: Mapping[str, Sequence[str]], span: Span
    ) -> dict[str, Resolved]:
        """What each variable stands for, in the order of the file: a later one may name those before it."""
        found: dict[str, Resolved] = {}
        for variable in variables:
            scope = Scope(found, span)
            given = wanted.get(variable.name, ())
            try:
                found[variable.name] = choose(variable, await self._choices(variable, scope, span), given)
            except LabError as err:
                found[variable.name] = replace(choose(variable, (), given), trouble=err.message)
        return found

    async def _choices(self, variable: Variable, scope: Scope, span: Span) -> tuple[Choice, ...]:
        if variable.kind == "datasource":
            return (_PROMETHEUS,)
        if variable.kind in {"custom", "interval"}:
            return variable.choices or _listed(scope.in_text(variable.query))
        if variable.kind in {"constant", "textbox"}:
            return (Choice(variable.query, variable.query),) if variable.query else ()
        if variable.kind != "query":
            return ()
        texts = await self._texts(scope.in_query(variable.query), span)
        return filtered(texts, scope.in_text(variable.regex), variable.sort)

    async def _texts(self, asked: str, span: Span) -> Sequence[str]:
        begin, end = span.begin, span.end
        if not asked.strip():
            return ()
        async with self._places:
            if found := _LABELS.fullmatch(asked.strip()):
                return await self._source.label_values(found["label"], (found["selector"] or "").strip(), begin, end)
            if _NAMES.fullmatch(asked.strip()):
                return await self._source.label_names(begin, end)
            if found := _METRICS.fullmatch(asked.strip()):
                pattern = compiled(found["pattern"])
                names = await self._source.label_values("__name__", "", begin, end)
                return [name for name in names if pattern and pattern.search(name)]
            result = _RESULT.fullmatch(asked.strip())
            series, _ = await self._source.query(result["expr"] if result else asked, end)
        return [_written(one) for one in series]

    async def panel(self, panel: Panel, scope: Scope, columns: int, begin: float, end: float) -> PanelData:
        """What the panel's queries bring, for a picture of this many columns."""
        own_s = seconds(panel.own_range.removeprefix("now-"))
        shift_s = seconds(panel.shift.removeprefix("now-")) or 0.0
        begin = end - own_s if own_s else begin
        begin, end = begin - shift_s, end - shift_s
        least = scope.in_query(panel.interval)
        span = span_for(begin, end, columns, least)
        answers = await asyncio.gather(*(self._answer(panel, one, scope, columns, begin, end) for one in panel.targets))
        return PanelData(tuple(answers), end + shift_s, (), begin, end, span.step_s)

    async def _answer(
        self, panel: Panel, target: Target, scope: Scope, columns: int, begin: float, end: float
    ) -> Answer:
        least = scope.in_query(target.interval) or scope.in_query(panel.interval)
        span = span_for(begin, end, columns, least)
        own = replace(scope, span=span).within(panel.scope)
        if trouble := own.trouble(target.expr):
            return Answer(target, trouble=trouble)
        expr = own.in_query(target.expr)
        try:
            async with self._places:
                if target.instant or (panel.kind is Kind.TABLE and target.table):
                    series, warnings = await self._source.query(expr, end)
                else:
                    series, warnings = await self._source.query_range(expr, span.begin, span.end, span.step_s)
        except LabError as err:
            return Answer(target, trouble=err.message)
        if not series:
            warnings = (*warnings, *(f"the variable {name} has no value" for name in own.empty(target.expr)))
        if len(series) > MOST_SERIES:
            warnings = (*warnings, f"only the first {MOST_SERIES} of {len(series)} series are drawn")
        return Answer(target, series[:MOST_SERIES], warnings=warnings)


def _listed(text: str) -> tuple[Choice, ...]:
    """`a,b : c` as Grafana reads it: a value by itself, or a text and its value."""
    parts = [part.strip().replace("\\,", ",") for part in re.split(r"(?<!\\),", text) if part.strip()]
    pairs = [re.split(r"\s+:\s+", part, maxsplit=1) for part in parts[:1000]]
    return tuple(Choice(pair[0], pair[-1]) for pair in pairs)


def _written(series: Series) -> str:
    """A series with its value, as `query_result` gives it to a variable's expression."""
    name = series.labels.get("__name__", "")
    labels = ",".join(f'{key}="{value}"' for key, value in series.labels.items() if key != "__name__")
    value = f"{series.values[-1]:g}" if series.values else ""
    at = f"{series.times[-1] * 1000:.0f}" if series.times else ""
    return f"{name}{{{labels}}} {value} {at}".strip()
