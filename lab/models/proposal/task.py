"""What a model of a target would have to do, or what a person must decide first."""

import difflib
import re
from collections.abc import Sequence

from lab.base.errors import LabError
from lab.models.contract import MIN_PER_CLASS, MIN_ROWS
from lab.models.metrics import Task
from lab.models.proposal.survey import Seen, Survey

# More labels than that are a choice that a person makes; fewer whole numbers than that may be labels.
MOST_CLASSES, _FEW = 50, 10
_CODE = re.compile(r"[-+]?\d+(\.\d*)?")
_POSITIVE = frozenset(
    {"yes", "true", "1", "1.0", "positive", "pos", "bad", "default", "defaulted", "churn", "churned", "left", "fraud"}
    | {"spam", "fail", "failed", "failure", "sick", "disease", "malignant", "ja", "oui", "si", "y", "t", "high"}
)


def task_of(survey: Survey, target: str, asked: str) -> Task:
    """The task. Raises LabError saying what must be decided where the data alone doesn't."""
    seen = _there(survey, target)
    if survey.rows < MIN_ROWS:
        raise LabError(f"The data has {survey.rows} rows, and {MIN_ROWS} are the fewest.", "Bring more.")
    if seen.missing:
        share = 100 * seen.missing / seen.rows
        raise LabError(
            f"{share:.2g} % of the rows ({seen.missing}) have no {target!r}.",
            "Decide what they are: leave these rows out, or write what is meant.",
        )
    if seen.distinct < 2:
        raise LabError(f"Every row has the same {target!r}: there is nothing to predict.", "Name another column.")
    task = Task(asked) if asked else _guessed(seen)
    if task is Task.REGRESSION and not seen.numbers:
        raise LabError(f"{target!r} holds text, which no regression predicts.", "Leave --task out, or name a column.")
    if task is Task.REGRESSION:
        return task
    return _classes(seen, task)


def _there(survey: Survey, target: str) -> Seen:
    names = [one.name for one in survey.columns]
    if target in names:
        return survey.of(target)
    close = difflib.get_close_matches(target, names, 1, 0.5) or [
        name for name in names if name.lower() == target.lower()
    ]
    meant = f" Did you mean {close[0]!r}?" if close else ""
    shown = ", ".join(map(repr, names[:12])) + (", …" if len(names) > 12 else "")
    raise LabError(f"The data has no column {target!r}.{meant}", f"Name one of: {shown}.")


def _guessed(seen: Seen) -> Task:
    if seen.distinct == 2 and not seen.many:
        return Task.BINARY
    if not seen.numbers:
        return Task.MULTICLASS
    if not seen.whole or seen.distinct > 2 * _FEW:
        return Task.REGRESSION
    if seen.distinct <= _FEW:
        return Task.MULTICLASS
    raise LabError(
        f"{seen.name!r} has {seen.distinct} different whole numbers, which may be classes or amounts.",
        "Say which: --task multiclass, or --task regression.",
    )


def _classes(seen: Seen, task: Task) -> Task:
    if seen.many or seen.distinct > MOST_CLASSES:
        if not seen.numbers and all(map(_CODE.fullmatch, seen.texts)):
            raise LabError(
                f"{seen.name!r} holds digits that no computer's number holds exactly: 16 and more, or a zero first.",
                "Write it with fewer digits, in thousands for instance; a code of that many classes can't be learned.",
            )
        count = f"more than {seen.distinct - 1}" if seen.many else str(seen.distinct)
        raise LabError(
            f"{seen.name!r} has {count} classes, and {MOST_CLASSES} are the most.",
            "Decide which belong together, or which to leave out"
            + (", or say --task regression." if seen.numbers else "."),
        )
    if (task is Task.BINARY) != (seen.distinct == 2):
        raise LabError(f"{seen.name!r} has {seen.distinct} classes, which is no {task} task.", "Leave --task out.")
    if rare := [label for label, times in seen.texts.items() if times < MIN_PER_CLASS]:
        names = ", ".join(map(repr, rare[:5])) + (" and more" if len(rare) > 5 else "")
        raise LabError(
            f"Of {seen.name!r}, {names} {'have' if len(rare) > 1 else 'has'} fewer than {MIN_PER_CLASS} rows.",
            "Decide which class they belong to, or leave them out"
            + (", or say --task regression." if seen.numbers else "."),
        )
    return task


def positive_of(seen: Seen) -> tuple[str, str]:
    """The label whose chance is judged, and why that one."""
    labels: Sequence[str] = list(seen.texts)
    named = [label for label in labels if label.strip().lower() in _POSITIVE]
    if len(named) == 1:
        return named[0], "by its name"
    return min(labels, key=lambda label: (seen.texts[label], label)), "the rarer of both"
