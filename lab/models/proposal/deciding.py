"""From what the cells are to what the contract says of each column, with the reason for all that a person may doubt."""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lab.base.errors import LabError
from lab.models.metrics import Task
from lab.models.proposal.leaks import leaks
from lab.models.proposal.people import likelihood
from lab.models.proposal.survey import Seen, Survey
from lab.models.proposal.task import positive_of, task_of

# Labels that a category may have; a column of more is text.
_LABELS = 40
_ID = re.compile(r"(^|[\W_])(id|uid|uuid|guid|key|nr|no|num|number|index|idx|rowid|row|unnamed|pk)([\W_]|\d*$)")
_NUMBER = re.compile(r"\s*[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?\s*")
# As `€ 1,200.50` or `12 %`, and no code of letters and digits.
_WITH_UNIT = re.compile(r"\s*(?:[^\w\s.,+-]\s*[-+]?\d[\d.,]*|[-+]?\d[\d.,]*\s*[^\w\s.,+-])\s*")
# Days and months may be either way round, years have two digits, months a name in another language.
_LIKE_A_DATE = re.compile(r"\s*\d{1,4}[-/. ]+(\d{1,2}|[^\W\d]{3,10}\.?)[-/. ,]+\d{2,4}\b")
# Share of texts up to which a column that isn't all numbers was meant to be.
_ODD = 0.1
_SLACK = 0.5
# Share of rows that repeat another one from which on a person should look: a few are chance.
_COPIES = 0.05


@dataclass(frozen=True)
class Look:
    """Something about a column that a person should look at."""

    column: str
    says: str


@dataclass(frozen=True)
class Decided:
    """The task, the positive label of a binary one, each column's fields, and what is doubtful."""

    task: Task
    positive: str
    columns: Mapping[str, Mapping[str, Any]]
    looks: tuple[Look, ...]


def decide(survey: Survey, target: str, asked: str) -> Decided:
    """Raises LabError saying what a person must decide first."""
    task = task_of(survey, target, asked)
    columns: dict[str, dict[str, Any]] = {}
    looks: list[Look] = []
    for seen in survey.columns:
        if seen.name == target:
            continue
        fields, says = _column(seen)
        columns[seen.name] = fields
        looks += [Look(seen.name, one) for one in says]
    given = [name for name, one in columns.items() if "unused" not in one]
    leaky = leaks(survey.sample, target, [name for name in given if columns[name]["type"] != "text"], _is_number(task))
    for name, score in leaky.items():
        columns[name]["unused"] = f"gives the target away: alone it predicts it with a score of {score:.3f}"
        columns[name].pop("protected", None)
        looks.append(Look(name, f"left out: {columns[name]['unused']}; remove `unused` if it is known in time"))
    _refuse_empty(columns, target)
    positive, why = positive_of(survey.of(target)) if task is Task.BINARY else ("", "")
    if positive:
        looks.insert(0, Look(target, f"{positive!r} is taken for the positive label, {why}"))
    if task is Task.MULTICLASS and survey.of(target).numbers and not asked:
        looks.append(Look(target, "whole numbers are taken for classes: --task regression takes them for amounts"))
    columns[target] = _target(survey.of(target), task)
    looks += [Look(target, one) for one in ([] if _is_number(task) else _alike(survey.of(target)))]
    looks += [*_general(columns, target), *_repeated(survey, target)]
    return Decided(task, positive, columns, tuple(looks))


def _is_number(task: Task) -> bool:
    return task is Task.REGRESSION


def _column(seen: Seen) -> tuple[dict[str, Any], list[str]]:
    """The fields of one column, and what to look at."""
    if reason := _useless(seen):
        return {"type": "text", "nullable": True, "unused": reason}, [f"left out: {reason}"]
    fields, says = _kind(seen)
    if seen.missing:
        fields["nullable"] = True
        if seen.missing > seen.rows / 2:
            says.append(f"{seen.missing / seen.rows:.0%} of its cells are empty")
    if sure := likelihood(seen.name):
        fields["protected"] = True
        says.append(f"protected ({sure}, by its name), so no feature: `exempt` would make it one, with a reason")
    return fields, says


def _useless(seen: Seen) -> str:
    """Why nothing can be learned of the column; empty if something may be."""
    if not seen.there:
        return "every cell is empty"
    if seen.distinct == 1 and not seen.missing:
        return f"every cell is {next(iter(seen.texts))[:40]!r}"
    by_name = bool(_ID.search(re.sub(r"(?<=[a-z])(?=[A-Z])", "_", seen.name).lower()))
    if not seen.unique or seen.dates or (seen.numbers and not seen.whole):
        return ""
    counted = seen.numbers and seen.high - seen.low + 1 == seen.there
    codes = not seen.numbers and seen.words <= 1.05 * min(seen.there, 200) and seen.there > _LABELS
    codes = codes and not _units(seen) and not _like_dates(seen)
    if counted or codes or by_name:
        return f"an id: every cell is another{', as its name says' if by_name else ''}"
    return ""


def _kind(seen: Seen) -> tuple[dict[str, Any], list[str]]:
    if seen.numbers:
        low, high = bounds(seen.low, seen.high, seen.whole)
        few = seen.whole and 2 < seen.distinct <= 6 and seen.high - seen.low < 20
        labels = ", ".join(f'"{number}"' for number in sorted(seen.texts, key=float)) if few else ""
        instead = f"{{type: category, values: [{labels}]}}"
        said = [f"{seen.distinct} different whole numbers: if they are labels, write {instead}"] if few else []
        return {"type": "number", "min": low, "max": high}, said
    if seen.dates:
        return {"type": "date", "earliest": seen.first.replace(month=1, day=1)}, []
    if not seen.many and seen.distinct <= _LABELS and seen.distinct >= 2:
        return {"type": "category", "values": sorted(seen.texts)}, [*_rare(seen), *_alike(seen)]
    texts = f"{'many' if seen.many else seen.distinct} different texts: read by their words"
    return {"type": "text"}, [texts, *_nearly_numbers(seen)]


def _rare(seen: Seen) -> list[str]:
    rare = [label for label, times in seen.texts.items() if times < 5]
    return [f"{len(rare)} of its {seen.distinct} labels are in fewer than 5 rows"] if rare else []


def _alike(seen: Seen) -> list[str]:
    """Labels that a person would read as one."""
    forms: dict[str, list[str]] = {}
    for label in sorted(seen.texts):
        forms.setdefault(" ".join(label.casefold().split()), []).append(label)
    same = next((labels for labels in forms.values() if len(labels) > 1), [])
    return [f"labels that differ by spaces or case alone: {', '.join(map(repr, same[:4]))}"] if same else []


def _units(seen: Seen) -> bool:
    """Whether every text is a number with a sign before or behind it."""
    return bool(seen.texts) and all(map(_WITH_UNIT.fullmatch, seen.texts))


def _like_dates(seen: Seen) -> bool:
    return bool(seen.texts) and all(map(_LIKE_A_DATE.match, seen.texts))


def _nearly_numbers(seen: Seen) -> list[str]:
    """Of a column of text: what keeps it from being numbers, where most of it is."""
    odd = [text for text in seen.texts if not _NUMBER.fullmatch(text)]
    if _units(seen):
        return [f"numbers with a unit, {odd[0]!r} for instance: write them without it, or they stay text"]
    if not odd and seen.texts:
        return ["digits all through, too many for a number or with a zero before them, so they are taken for a code"]
    if _like_dates(seen):
        return [
            f"dates in a form that isn't plain, {odd[0]!r} for instance: write them as 2024-01-31, or they stay text"
        ]
    if len(odd) > _ODD * len(seen.texts):
        return []
    return [f"{seen.distinct - len(odd)} of them are numbers, {', '.join(map(repr, odd[:3]))} not: mend or empty these"]


def bounds(low: float, high: float, whole: bool) -> tuple[float, float]:
    """Wider by half of what was seen, so that a drift is found as drift and not as a mistake; rounded outwards."""
    span = (high - low) or abs(high) or 1.0
    least, most = low - _SLACK * span, high + _SLACK * span
    # What is never negative so far is taken for what can't be.
    least = 0.0 if least < 0 <= low else least
    unit = 10.0 ** (math.floor(math.log10(span)) - 1)
    unit = max(1.0, unit) if whole else unit
    found = (math.floor(least / unit) * unit, math.ceil(most / unit) * unit)
    return _short(found[0]), _short(found[1])


def _short(number: float) -> float:
    number = float(f"{number:.12g}")
    return int(number) if number.is_integer() and abs(number) < 1e15 else number


def _target(seen: Seen, task: Task) -> dict[str, Any]:
    protected = {"protected": True} if likelihood(seen.name) == "certain" else {}
    if task is Task.REGRESSION:
        low, high = bounds(seen.low, seen.high, seen.whole)
        return {"type": "number", "min": low, "max": high, **protected}
    return {"type": "category", "values": sorted(seen.texts), **protected}


def _refuse_empty(columns: Mapping[str, Mapping[str, Any]], target: str) -> None:
    given = [name for name, one in columns.items() if not {"unused", "protected"} & set(one)]
    if not given:
        raise LabError(
            f"Nothing is left to predict {target!r} from: all other columns are ids, constant, protected or leaks.",
            "Decide what the model may know, and bring columns of it.",
        )
    if all(columns[name]["type"] == "date" for name in given):
        raise LabError(
            f"All that is left to predict {target!r} from is dates, and a row's date alone is no forecast.",
            "Decide what else was known at that time, and bring it as columns: earlier values, for instance.",
        )


def _repeated(survey: Survey, target: str) -> Iterator[Look]:
    """Rows that are there more than once: a copy of a row that is held out may be one that was fitted on."""
    rows = len(survey.sample)
    again = int(survey.sample.duplicated().sum())
    if again >= _COPIES * rows:
        said = f"{again:,} of the first {rows:,} rows repeat one before them"
        yield Look(target, f"{said}: leave out those that are copies, or metrics on held-out rows are too good")


def _general(columns: Mapping[str, Mapping[str, Any]], target: str) -> Iterator[Look]:
    dates: Sequence[str] = [n for n, one in columns.items() if one["type"] == "date" and "unused" not in one]
    whole = [name for name in dates if "nullable" not in columns[name]]
    if whole:
        yield Look(whole[0], "if the model will predict what comes later: split: {by: time, column: …}")
    if columns[target].get("protected"):
        yield Look(target, "the target itself is what people must not be judged by")
