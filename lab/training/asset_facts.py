"""What Dagster's catalogue says of a model's assets: owner, kinds, columns, and what the data looks like.

Whoever may open Dagster sees this, and its event log outlives the data. So no row is kept there: of a few rows each
column is shown by itself, and nothing of columns that tell of people, hold text, or that the model isn't given.
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import dagster as dg

from lab.base.dataset import read_rows
from lab.models.columns import Column, Kind
from lab.models.contract import Contract

COLUMNS = "dagster/column_schema"
_ROWS, _EXAMPLES, _MOST_COLUMNS, _WIDTH = 50, 5, 60, 32
_TYPES = {Kind.NUMBER: "number", Kind.CATEGORY: "category", Kind.DATE: "date", Kind.TEXT: "text"}


def owners_of(contract: Contract) -> tuple[str, ...]:
    """Who answers for the model, as Dagster takes it: a mail address, or a team."""
    owner = contract.owner.strip()
    name, at, host = owner.partition("@")
    return (owner,) if at and name and "." in host and " " not in owner else (f"team:{owner}",)


def column_schema(contract: Contract) -> dg.TableSchema:
    """Every column of the contract, with its rules."""
    return dg.TableSchema(columns=[_column(name, one, contract) for name, one in contract.columns.items()])


def _column(name: str, one: Column, contract: Contract) -> dg.TableColumn:
    said = [
        "the target" if name == contract.target else "",
        "protected" if one.protected else "",
        f"used all the same: {one.exempt}" if one.exempt else "",
        f"not used: {one.unused}" if one.unused else "",
    ]
    rules = [] if one.unused else list(_rules(one))
    return dg.TableColumn(
        name,
        _TYPES[one.type],
        "; ".join(filter(None, said)) or None,
        constraints=dg.TableColumnConstraints(nullable=one.nullable, other=rules),
    )


def _rules(one: Column) -> Iterator[str]:
    for words, bound in (("at least", one.min), ("at most", one.max), ("from", one.earliest), ("until", one.latest)):
        if bound is not None:
            yield f"{words} {bound:.12g}" if isinstance(bound, float) else f"{words} {bound}"
    if one.values:
        yield f"one of {', '.join(one.values)}"


def preview(path: Path, contract: Contract) -> dg.MarkdownMetadataValue:
    """What the first rows of valid data hold, column by column: no line of it is a row, see this module's head."""
    with path.open(newline="", encoding="utf-8") as lines:
        rows = list(itertools.islice(read_rows(lines), _ROWS))
    shown = list(contract.columns.items())[:_MOST_COLUMNS]
    lines_of = [f"| {_cell(name)} | {_TYPES[one.type]} | {_examples(rows, name, one)} |" for name, one in shown]
    if left := len(contract.columns) - len(shown):
        lines_of.append(f"| … {left} more | | |")
    head = ["| column | type | found in the first rows |", "| --- | --- | --- |"]
    return dg.MetadataValue.md("\n".join([*head, *lines_of]))


def _examples(rows: Sequence[Mapping[str, Any]], name: str, one: Column) -> str:
    if one.protected or one.unused or one.type is Kind.TEXT:
        return "*not shown*"
    found = {str(row.get(name) or "").strip() for row in rows} - {""}
    ordered = sorted(found, key=_order)
    return _cell(", ".join(ordered[:: -(-len(ordered) // _EXAMPLES) or 1])) or "*empty*"


def _order(text: str) -> tuple[float, str]:
    try:
        return float(text), ""
    except ValueError:
        return 0.0, text


def _cell(text: str) -> str:
    cut = text if len(text) <= _WIDTH * 2 else text[: _WIDTH * 2 - 1] + "…"
    return cut.replace("\\", "\\\\").replace("|", "\\|").replace("`", "\\`").replace("<", "&lt;").replace("\n", " ")
