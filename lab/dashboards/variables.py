"""What variables stand for: their values, and how these are written into queries and titles."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from urllib.parse import quote

from lab.dashboards.model import ALL, Choice, Variable
from lab.dashboards.patterns import LONGEST_TEXT, compiled
from lab.dashboards.times import written
from lab.dashboards.untrusted_json import block, line

_PLACE = re.compile(r"\$(\w+)|\[\[(\w+)(?::(\w+))?\]\]|\$\{(\w+)(?:\.\w+)?(?::([^}]*))?\}")
_REGEX_CHARACTERS = re.compile(r"[\\^$*+?.()|\[\]{}/]")
_PROMETHEUS_CHARACTERS = re.compile(r"[\\^$*+?.()|\[\]{}]")
# Values that one variable may have, and characters that a query may grow to.
MOST_CHOICES, LONGEST = 2000, 20_000


@dataclass(frozen=True)
class Resolved:
    """A variable with what can be chosen, and what is chosen; `trouble` says why nothing could be asked for."""

    variable: Variable
    choices: tuple[Choice, ...] = ()
    chosen: tuple[str, ...] = ()
    trouble: str = ""

    @property
    def everything(self) -> bool:
        return self.chosen == (ALL,)

    @property
    def values(self) -> tuple[str, ...]:
        """What is chosen, with all values in place of “All”."""
        return tuple(choice.value for choice in self.choices) if self.everything else self.chosen

    @property
    def shown(self) -> str:
        """What is chosen, for people."""
        if self.everything:
            return "All"
        names = {choice.value: choice.text for choice in self.choices}
        return line(" + ".join(names.get(value, value) for value in self.chosen))

    @property
    def several(self) -> bool:
        return self.variable.multi or self.variable.include_all


@dataclass(frozen=True)
class Span:
    """The time that is looked at, and the steps in it, in seconds."""

    begin: float
    end: float
    step_s: float = 15.0
    scrape_s: float = 5.0

    @property
    def length_s(self) -> float:
        return self.end - self.begin

    @property
    def built_in(self) -> dict[str, str]:
        """Grafana's own variables."""
        rate_s = max(self.step_s + self.scrape_s, 4 * self.scrape_s)
        return {
            "__interval": written(self.step_s),
            "__interval_ms": str(round(self.step_s * 1000)),
            "__rate_interval": written(rate_s),
            "__rate_interval_ms": str(round(rate_s * 1000)),
            "__range": written(max(1, round(self.length_s))),
            "__range_s": str(max(1, round(self.length_s))),
            "__range_ms": str(max(1, round(self.length_s)) * 1000),
            "__from": str(round(self.begin * 1000)),
            "__to": str(round(self.end * 1000)),
        }


@dataclass(frozen=True)
class Scope:
    """Everything that a text may name: variables, Grafana's own, and the values that a repeated panel stands for."""

    variables: Mapping[str, Resolved] = field(default_factory=dict)
    span: Span | None = None
    repeated: Mapping[str, str] = field(default_factory=dict)

    def within(self, repeated: Mapping[str, str]) -> "Scope":
        """This scope for a panel that is repeated for these values."""
        return replace(self, repeated={**self.repeated, **repeated})

    def in_query(self, text: str) -> str:
        """`text` with values as a query of Prometheus needs them."""
        return self._filled(text, "prometheus")[:LONGEST]

    def in_text(self, text: str) -> str:
        """`text` with values as people read them."""
        return block(self._filled(text, "text"))[:LONGEST]

    def named(self, text: str) -> tuple[str, ...]:
        """The names that stand in `text`, but for Grafana's own."""
        names = (found[1] or found[2] or found[4] for found in _PLACE.finditer(text))
        return tuple(dict.fromkeys(name for name in names if name not in self._built_in))

    def trouble(self, text: str) -> str:
        """Why `text` can't be filled in; empty when it can. As in Grafana, a variable without values is empty."""
        for name in self.named(text):
            found = self.variables.get(name)
            if found is None and name not in self.repeated:
                return f"the dashboard has no variable {name}"
            if found is not None and found.trouble:
                return f"variable {name}: {found.trouble}"
        return ""

    def empty(self, text: str) -> tuple[str, ...]:
        """Variables in `text` that have no value."""
        chosen = (name for name in self.named(text) if name not in self.repeated)
        return tuple(name for name in chosen if name in self.variables and not self.variables[name].values)

    @property
    def _built_in(self) -> Mapping[str, str]:
        return self.span.built_in if self.span else {}

    def _filled(self, text: str, form: str) -> str:
        def one(found: re.Match[str]) -> str:
            name = found[1] or found[2] or found[4]
            wanted = found[3] or found[5] or form
            return self._value(name, wanted, found[0])

        return _PLACE.sub(one, text)

    def _value(self, name: str, form: str, as_written: str) -> str:
        if name in self._built_in:
            return self._built_in[name]
        found = self.variables.get(name)
        if name in self.repeated:
            several = found is not None and found.several
            return written_as((self.repeated[name],), form, several)
        if found is None:
            return as_written
        if form == "text":
            return found.shown
        if found.everything and found.variable.all_value:
            return found.variable.all_value
        return written_as(found.values, form, found.several)


def written_as(values: Sequence[str], form: str, several: bool = False) -> str:
    """Values in one of Grafana's forms; one that isn't known is as `glob`."""
    if form == "prometheus":
        return _for_prometheus(values, several)
    if form in {"raw", "csv"}:
        return ",".join(values)
    if form == "text":
        return " + ".join(values)
    if form == "pipe":
        return "|".join(values)
    if form == "regex":
        return _either([_REGEX_CHARACTERS.sub(r"\\\g<0>", value) for value in values])
    if form == "json":
        return json.dumps(list(values))
    if form in {"doublequote", "singlequote"}:
        mark = '"' if form == "doublequote" else "'"
        return ",".join(mark + value.replace(mark, "\\" + mark) + mark for value in values)
    if form in {"percentencode", "uriencode"}:
        return quote(",".join(values), safe="")
    return "".join(values) if len(values) < 2 else "{" + ",".join(values) + "}"


def _for_prometheus(values: Sequence[str], several: bool) -> str:
    if not several:
        # Between the quotes of a label's value: a quote in it must not end them.
        return ",".join(value.replace("\\", "\\\\").replace('"', '\\"') for value in values)
    # Escaped for the expression, and once more for the string that holds it.
    escaped = [_PROMETHEUS_CHARACTERS.sub(r"\\\\\g<0>", value).replace('"', '\\"') for value in values]
    return _either(escaped)


def _either(values: Sequence[str]) -> str:
    if len(values) < 2:
        return "".join(values)
    return "(" + "|".join(values) + ")"


def filtered(texts: Sequence[str], regex: str, sort: int) -> tuple[Choice, ...]:
    """What can be chosen of `texts`: filtered and cut by the variable's expression, in its order."""
    found = dict.fromkeys(choice for text in texts[:MOST_CHOICES] for choice in _cut(text, regex))
    return tuple(_sorted(list(found), sort))


def _cut(text: str, regex: str) -> list[Choice]:
    if not regex:
        return [Choice(line(text), text)]
    pattern = compiled(regex)
    match = pattern.search(text[:LONGEST_TEXT]) if pattern else None
    if match is None:
        return []
    groups = match.groupdict()
    if groups.get("value") or groups.get("text"):
        value = groups.get("value") or groups.get("text") or ""
        return [Choice(line(groups.get("text") or value), value)]
    value = match[1] if match.groups() and match[1] is not None else text
    return [Choice(line(value), value)]


def _sorted(choices: list[Choice], sort: int) -> list[Choice]:
    """Grafana's orders: 1-2 by the alphabet, 3-4 by number, 5-6 by the alphabet in any case, 7-8 naturally."""
    if sort in {3, 4}:
        choices.sort(key=lambda one: float(found[0]) if (found := re.search(r"-?\d+(\.\d+)?", one.text)) else -1.0)
    elif sort in {7, 8}:
        choices.sort(
            key=lambda one: [part.zfill(20) if part.isdigit() else part for part in re.split(r"(\d+)", one.text)]
        )
    elif sort:
        choices.sort(key=lambda one: one.text.casefold() if sort in {5, 6} else one.text)
    return choices[::-1] if sort in {2, 4, 6, 8} else choices


def choose(variable: Variable, choices: tuple[Choice, ...], wanted: Sequence[str] = ()) -> Resolved:
    """The variable with what is chosen: what is wanted, else what the file has, else all or the first."""
    known = {choice.value for choice in choices} | {choice.text for choice in choices}
    values = {choice.text: choice.value for choice in choices}
    for given in (wanted, variable.current):
        if variable.include_all and any(one in {ALL, "All"} for one in given):
            return Resolved(variable, choices, (ALL,))
        kept = tuple(values.get(one, one) for one in given if one in known or (given is wanted and wanted))
        if kept:
            return Resolved(variable, choices, kept if variable.multi else kept[:1])
    if variable.include_all:
        return Resolved(variable, choices, (ALL,))
    return Resolved(variable, choices, (choices[0].value,) if choices else ())
