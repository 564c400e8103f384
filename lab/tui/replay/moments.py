"""What a person may type to name a moment of a recording."""

import re
from datetime import datetime, timedelta

from lab.tui.record import parse_duration

HINT = "14:30 · 14:30:05 · 11-23 14:30 · 2026-11-23 14:30 · +10m · -2h · 50%"
_FORMS = (
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%d %H:%M",
    "%Y-%m-%d",
    "%m-%d %H:%M:%S",
    "%m-%d %H:%M",
    "%m-%d",
    "%H:%M:%S",
    "%H:%M",
)


def parse_moment(text: str, here: datetime, start: float, end: float) -> float:
    """Epoch seconds of what was typed, in the zone of `here`, the present position. Raises ValueError with a hint."""
    typed = re.sub(r"\s+", " ", text.strip()).replace("T", " ")
    if found := re.fullmatch(r"(\d{1,3}(?:\.\d+)?) ?%", typed):
        return start + (end - start) * min(float(found[1]), 100.0) / 100
    if typed[:1] in {"+", "-"}:
        return here.timestamp() + (1 if typed[0] == "+" else -1) * parse_duration(typed[1:])
    for form in _FORMS:
        # The year is put in front: a date without one is taken for one of a leap year or not by the wrong year.
        full, spelled = (form, typed) if "%Y" in form else (f"%Y {form}", f"{here.year} {typed}")
        try:
            found_time = datetime.strptime(spelled, full)
        except ValueError:
            continue
        if "%d" in form:
            return found_time.astimezone().timestamp()
        return _nearest(found_time, here, start, end)
    raise ValueError(f"{text!r} is no moment; say {HINT}")


def _nearest(time: datetime, here: datetime, start: float, end: float) -> float:
    """A time of day is the one of the day in view, or of the nearest day that was recorded."""
    today = datetime.combine(here.date(), time.time()).astimezone()
    days = (today + timedelta(days=offset) for offset in (0, 1, -1))
    return next((day.timestamp() for day in days if start <= day.timestamp() <= end), today.timestamp())
