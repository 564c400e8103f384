"""Two model versions side by side."""

from typing import TYPE_CHECKING, Annotated

from lab.commands import printing
from lab.commands.approval_commands import MODEL, registered_name
from lab.commands.command import Option, Voice

if TYPE_CHECKING:
    from lab.observe.comparison import Comparison, MetricPair, TextPair

_ABSENT = "–"
# Characters of a SHA-256.
_HASH = 64
_FIRST = Option("number of a version, or its alias; NAME/7 for one of another model", "A", bare=True)
_SECOND = Option("the version to compare it with, as A", "B", bare=True)


def compare(
    _: Voice, a: Annotated[str, _FIRST], b: Annotated[str, _SECOND], model: Annotated[str, MODEL] = ""
) -> "Comparison":
    """What differs from version A to version B. Raises LabError."""
    from lab import wiring
    from lab.base import interruption
    from lab.observe.comparison import in_lab

    config = wiring.own_lab()
    return interruption.run(in_lab(config, registered_name(config, model), a, b))


def print_comparison(found: "Comparison") -> None:
    """Metrics with the direction and the difference, then what else differs."""
    columns = (found.a.name, found.b.name) if found.a.model != found.b.model else _numbers(found)
    table = printing.new_table("metric", *columns, "difference", "")
    for one in found.metrics:
        table.add_row(printing.escape(one.name), _figure(one.a), _figure(one.b), _difference(one), verdict(one))
    printing.show(table)
    if found.parameters:
        table = printing.new_table("parameter", *columns, "")
        for pair in sorted(found.parameters, key=lambda one: one.same):
            table.add_row(*_texts(pair))
        printing.show(table)
    table = printing.new_table("fact", *columns, "")
    for pair in found.facts:
        table.add_row(*_texts(pair))
    printing.show(table)
    for caution in found.cautions:
        printing.say(f"▲ {caution}")


def _numbers(found: "Comparison") -> tuple[str, str]:
    return f"v{found.a.version}", f"v{found.b.version}"


def _figure(value: float | None) -> str:
    return _ABSENT if value is None else f"{value:.6g}"


def _difference(one: "MetricPair") -> str:
    if one.difference is None:
        return _ABSENT
    return "=" if not one.difference else f"{'▲' if one.difference > 0 else '▼'} {one.difference:+.6g}"


def verdict(one: "MetricPair") -> str:
    """Which is better, in words."""
    word = {"a": "worse", "b": "better"}.get(one.better, "")
    return f"{word}, within chance" if word and one.within else word


def _brief(value: str) -> str:
    """A hash by its beginning; --json has it whole."""
    return f"{value[:12]}…" if len(value) == _HASH and value.isalnum() else value


def _texts(pair: "TextPair") -> tuple[str, ...]:
    values = (printing.escape(_brief(value)) if value else _ABSENT for value in (pair.a, pair.b))
    return (printing.escape(pair.name), *values, pair.word)
