"""Whether a schedule's five fields, as cron has them, ever mean a moment.

Dagster judges the same, but whoever only reads a contract (screen, exporters) does without Dagster; a test compares.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_LONGEST_MONTHS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_PART = re.compile(r"(?:\*|(?P<low>[0-9]{1,2}|[a-z]{3})(?:-(?P<high>[0-9]{1,2}|[a-z]{3}))?)(?:/(?P<step>[0-9]{1,3}))?")


@dataclass(frozen=True)
class _Field:
    """One of the five: the values that it may have, and names for them, the first of which means `names_from`.

    `special`: what else it may say, of which every month has one.
    """

    name: str
    low: int
    high: int
    names: tuple[str, ...] = ()
    names_from: int = 0
    special: str = ""

    def values(self, text: str) -> frozenset[int]:
        """What it means. Raises ValueError."""
        if self.special and re.fullmatch(self.special, text.lower()):
            return frozenset({self.low})
        return frozenset(value for part in text.split(",") for value in self._part(part))

    def _part(self, text: str) -> Sequence[int]:
        found = _PART.fullmatch(text.lower())
        if found is None:
            raise ValueError(f"{self.name} can't be {text!r}")
        low = self._value(found["low"]) if found["low"] else self.low
        # `5/15` begins at 5 and goes on to the end, as `5-59/15` does.
        alone = low if found["low"] and not found["step"] else self.high
        high = self._value(found["high"]) if found["high"] else alone
        step = int(found["step"] or 1)
        if low > high or not 1 <= step <= self.high:
            raise ValueError(f"{self.name} can't be {text!r}")
        return range(low, high + 1, step)

    def _value(self, text: str) -> int:
        if text in self.names:
            return self.names.index(text) + self.names_from
        if not text.isdigit() or not self.low <= int(text) <= self.high:
            raise ValueError(f"{self.name} is from {self.low} to {self.high}, not {text}")
        return int(text)


_FIELDS = (
    _Field("the minute", 0, 59),
    _Field("the hour", 0, 23),
    _Field("the day of the month", 1, 31, special="l"),
    _Field("the month", 1, 12, _MONTHS, 1),
    _Field("the day of the week", 0, 7, _DAYS, special="(l[0-6]|[0-6]#[1-4])"),
)


def cron_problem(text: str) -> str:
    """Why nothing would ever begin by this schedule; empty when something does."""
    parts = text.split(" ")
    if len(parts) != len(_FIELDS):
        return "there must be five fields, with one space between them"
    try:
        _, _, days, months, _ = (field.values(part) for field, part in zip(_FIELDS, parts, strict=True))
    except ValueError as err:
        return str(err)
    # Where the day of the week is given, too, either of the two days is enough.
    if parts[4] == "*" and all(min(days) > _LONGEST_MONTHS[month - 1] for month in months):
        return f"no month has such a day: {parts[2]} {parts[3]}"
    return ""
